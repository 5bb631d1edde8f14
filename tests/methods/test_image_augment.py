"""Augmentations of images: what each does."""

import pytest
import torch

from methods import image_augment


@pytest.fixture
def images():
    """Smooth ones, in [0, 1], wider than high."""
    noise = torch.randn(20, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    return torch.sigmoid(3 * torch.nn.functional.avg_pool2d(noise, 5, 1, 2))


def test_one_interpolation_is_close_to_two(images):
    torch.manual_seed(0)
    two = image_augment.moved(image_augment.heart(images))
    torch.manual_seed(0)
    one = image_augment.moved(image_augment._square(images), size=(40, 52))
    assert one.shape == two.shape
    inside = (torch.minimum(one, two) > 0.05).float().mean()
    assert (one - two).abs().mean() < 0.02 < inside


def test_nothing_moves_without_rotation_crop_and_flip(images):
    made = image_augment.moved(images, degrees=0.0, scale=(1.0, 1.0))
    still = (made - images).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (made - images.flip(-1)).abs().amax((1, 2, 3)) < 1e-4
    # A crop of the whole area has another aspect: those of a ratio near 1 alone stay; all are still brightest within.
    assert made.amax() <= images.amax() + 1e-6
    assert made.amin() >= 0
    assert not (still & mirrored).any()


def test_a_half_turn_of_the_colours_keeps_grey(images):
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    torch.manual_seed(1)
    made = image_augment.colour_jitter(grey, 0.0, 0.0, 0.9)
    torch.testing.assert_close(made, grey, atol=1e-5, rtol=0)  # saturation does nothing to what has no colour
    torch.manual_seed(1)
    brighter = image_augment.colour_jitter(images, 0.5, 0.0, 0.0)
    share = (brighter / images).flatten(1)
    assert ((share.median(1).values - 1).abs() > 0.02).float().mean() > 0.8
    assert brighter.amax() <= 1


def test_images_are_left_as_they_are(images):
    before = images.clone()
    first, second = (image_augment.augmented_image(images) for _ in range(2))
    assert torch.equal(images, before)
    assert not torch.equal(first, second)
