import numpy as np
import pytest
import torch

from methods import augment
from methods.views import AUGMENTATIONS, random_view

FS = 100.0


@pytest.fixture
def ecg():
    """Six recordings whose leads are multiples of one another, so that it shows when leads are moved apart."""
    draw = torch.Generator().manual_seed(0)
    shape = torch.randn(6, 1, 400, generator=draw).cumsum(-1)
    return (shape - shape.mean(-1, keepdim=True)) * torch.tensor([1.0, -2.0, 0.5])[:, None]


# What MMCL's released code made of one recording, its random draws given


def test_surrogate_equals_the_release(golden):
    stored = golden("mmcl_augmentations.npz")
    draws = stored["ftsurr_phases_uniform_seed7"]
    for magnitude in (0.075, 0.1, 1.0):
        made = augment.fourier_surrogate(stored["x"], magnitude, draws)
        expected = stored[f"ftsurr_seed7_mag{magnitude}"]
        torch.testing.assert_close(made, expected, atol=2e-6 * expected.abs().max().item(), rtol=0)


def test_jitter_equals_the_release(golden):
    stored = golden("mmcl_augmentations.npz")
    torch.manual_seed(9)
    made = augment.jitter(stored["x"], 0.25, 0.6)
    torch.testing.assert_close(made, stored["jitter_sigma0_25_torchseed9"])


def test_scaling_equals_the_release(golden):
    stored = golden("mmcl_augmentations.npz")
    torch.manual_seed(9)
    torch.testing.assert_close(augment.scaling(stored["x"], 0.5), stored["rescale_sigma0_5_torchseed9"])


def test_crop_and_flips_equal_the_release(golden):
    stored = golden("mmcl_augmentations.npz")
    start = torch.tensor([int(stored["crop250_npseed0_start"])])
    assert torch.equal(augment.crop(stored["x"], 250, start), stored["crop250_npseed0"])
    assert torch.equal(augment.time_flip(stored["x"], 1.0), stored["timeflip"])
    assert torch.equal(augment.sign_flip(stored["x"], 1.0), stored["signflip"])


# Every augmentation


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_changes_a_batch_and_leaves_its_input(name, ecg):
    torch.manual_seed(3)
    before = ecg.clone()
    first, second = (AUGMENTATIONS[name](ecg, FS) for _ in range(2))
    assert torch.equal(ecg, before)
    assert first.shape == ecg.shape
    assert first.dtype == ecg.dtype
    assert torch.isfinite(first).all()
    assert not torch.equal(first, ecg)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_is_the_same_again_under_a_seed(name, ecg):
    made = []
    for _ in range(2):
        torch.manual_seed(4)
        made.append(AUGMENTATIONS[name](ecg, FS))
    assert torch.equal(*made)


@pytest.mark.parametrize("function", [augment.resized_crop, augment.permutation, augment.time_warp, augment.cutout])
def test_records_differ_and_leads_stay_together(function, ecg):
    same = ecg[:1].expand(6, -1, -1)
    torch.manual_seed(1)
    made = function(same)
    assert len({tuple(record.flatten().tolist()) for record in made}) > 1
    torch.testing.assert_close(made[:, 1], -2 * made[:, 0])
    torch.testing.assert_close(made[:, 2], 0.5 * made[:, 0])


@pytest.mark.parametrize("function", [augment.fourier_surrogate, augment.scaling, augment.magnitude_warp])
def test_amplitude_changes_alike_in_all_leads(function, ecg):
    torch.manual_seed(1)
    made = function(ecg)
    torch.testing.assert_close(made[:, 1], -2 * made[:, 0], rtol=1e-4, atol=1e-4)


# One by one


def test_a_crop_is_a_stretch_of_the_recording():
    ramp = torch.arange(100.0).expand(50, 2, 100)
    torch.manual_seed(0)
    made = augment.crop(ramp, 30)
    assert torch.equal(made, made[..., :1] + torch.arange(30.0))
    assert made[:, 0, 0].unique().numel() > 10
    assert torch.equal(augment.crop(ramp, 100), ramp)


def test_a_resized_crop_is_a_straight_part_of_a_ramp():
    ramp = torch.arange(200.0).expand(40, 1, 200)
    torch.manual_seed(0)
    made = augment.resized_crop(ramp, (0.5, 1.0))[:, 0]
    slope = made.diff(dim=1)
    torch.testing.assert_close(slope, slope[:, :1].expand_as(slope), rtol=1e-3, atol=1e-3)
    assert 0.49 < slope.min() < 0.7 < 0.9 < slope.max() <= 1.01
    assert made.min() >= 0
    assert made.max() <= 199


def test_a_permutation_moves_whole_segments():
    ramp = torch.arange(120.0).expand(64, 1, 120)
    torch.manual_seed(0)
    made = augment.permutation(ramp, 5)[:, 0]
    assert torch.equal(made.sort(1)[0], ramp[:, 0])
    breaks = (made.diff(dim=1) != 1).sum(1)
    assert breaks.max() <= 3  # four segments at most
    assert breaks.min() == 0
    assert breaks.unique().numel() > 2


def test_a_time_warp_keeps_order_and_ends():
    ramp = torch.arange(300.0).expand(10, 1, 300)
    torch.manual_seed(0)
    made = augment.time_warp(ramp, 0.4)[:, 0]
    assert (made.diff(dim=1) > 0).all()
    torch.testing.assert_close(made[:, [0, -1]], ramp[:, 0, [0, -1]], atol=1e-3, rtol=0)
    assert (made - ramp[:, 0]).abs().amax(1).min() > 1


def test_a_cutout_is_one_stretch_of_the_stated_length():
    torch.manual_seed(0)
    made = augment.cutout(torch.ones(200, 2, 500), (0.2, 0.4))
    empty = made[:, 0] == 0
    assert torch.equal(made[:, 1] == 0, empty)
    assert 98 <= empty.sum(1).min() <= 110
    assert 190 <= empty.sum(1).max() <= 201
    assert (empty.float().diff(dim=1).abs().sum(1) <= 2).all()


def test_lead_dropout_never_takes_all():
    torch.manual_seed(0)
    made = augment.lead_dropout(torch.ones(500, 12, 4), 0.95)
    kept = made[..., 0].sum(1)
    assert kept.min() == 1
    assert 0.5 < kept.mean() < 1.6
    assert set(made.unique().tolist()) == {0.0, 1.0}


def test_a_surrogate_keeps_the_power_spectrum(ecg):
    torch.manual_seed(0)
    made = augment.fourier_surrogate(ecg, 1.0)
    expected = torch.fft.rfft(ecg).abs()
    torch.testing.assert_close(torch.fft.rfft(made).abs(), expected, rtol=1e-3, atol=2e-6 * expected.max().item())


@pytest.mark.parametrize(
    ("function", "low", "high"), [(augment.baseline_wander, 0.0, 0.7), (augment.powerline, 49.0, 61.0)]
)
def test_noise_lies_where_it_should(function, low, high):
    fs, time = 500.0, 5000
    torch.manual_seed(0)
    noise = function(torch.zeros(8, 12, time), fs, 1.0).double()
    power = torch.fft.rfft(noise * torch.hann_window(time)).abs().square()
    hertz = torch.fft.rfftfreq(time, 1 / fs)
    inside = (hertz >= low) & (hertz <= high)
    assert (power[..., inside].sum(-1) / power.sum(-1)).min() > 0.95


def test_bandpass_keeps_what_lies_between():
    seconds = torch.arange(5000) / 500
    slow, middle, fast = (torch.sin(2 * np.pi * hertz * seconds)[None, None] for hertz in (0.1, 10.0, 100.0))
    torch.testing.assert_close(augment.bandpass(slow + middle + fast, 500.0), middle, atol=0.01, rtol=0)


def test_unit_range():
    ecg = torch.stack([torch.linspace(-3, 5, 50), torch.full((50,), 2.0)])[None]
    made = augment.unit_range(ecg)
    torch.testing.assert_close(made[0, 0], torch.linspace(0, 1, 50))
    assert (made[0, 1] == 0).all()


def test_a_view_leaves_absent_leads_at_zero(ecg):
    leads = torch.tensor([True, False, True]).expand(6, -1)
    view = random_view(ecg * leads[..., None], leads, FS, 250, ("baseline-wander", "gaussian-noise", "cutout"))
    assert view.shape == (6, 3, 250)
    assert (view[:, 1] == 0).all()
    assert (view[:, 0] != 0).any()
