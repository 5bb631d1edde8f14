"""Augmentations of short-axis images on whole batches, [record, phase, height, width] in [0, 1].

Source: MMCL (Turgut et al., Medical Image Analysis 2025) IV-A and IV-C.2, and its released code. The three phases of the
cardiac cycle stand in the three colours, so that the colour jitter moves them as it would colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Image = Float[Tensor, "batch phase height width"]

HEART = (0.21, 0.325, 0.375)
"""Top and left edge and side of the square around the heart, as shares of the image. Released code: rows 44 to 122 and
columns 68 to 146 of 210; the paper says that images were cropped around the heart by hand."""

GREY = (0.299, 0.587, 0.114)
"""Weights of the three channels in a grey image, ITU-R BT.601, as in torchvision."""


def heart(image: Image) -> Image:
    """The square around the heart, resized to the whole image (IV-A)."""
    return F.interpolate(_square(image), size=image.shape[-2:], mode="bilinear", antialias=True)


def _square(image: Image) -> Float[Tensor, "batch phase side side"]:
    height, width = image.shape[-2:]
    top, left, side = round(HEART[0] * height), round(HEART[1] * width), round(HEART[2] * height)
    return image[..., top : top + side, left : left + side]


def augmented_image(image: Image) -> Image:
    """Flip (0.5), rotation up to 45 degrees (0.5), crop of 0.6 to 1 of the area and colour jitter (IV-C.2)."""
    return colour_jitter(moved(image))


def softly_augmented(image: Image) -> Image:
    """The milder preset of the released code: rotation up to 20 degrees, crop of 0.8 to 1 of the area, jitter 0.25."""
    return colour_jitter(moved(image, degrees=20.0, scale=(0.8, 1.0)), 0.25, 0.25, 0.25)


def augmented_heart(image: Image) -> Image:
    """:func:`augmented_image` of :func:`heart`, with one interpolation in place of two."""
    return colour_jitter(moved(_square(image), size=image.shape[-2:]))


def moved(
    image: Image,
    degrees: float = 45.0,
    rotated: float = 0.5,
    scale: tuple[float, float] = (0.6, 1.0),
    size: Sequence[int] | None = None,
) -> Float[Tensor, "batch phase rows columns"]:
    """Flipped left to right, rotated and cropped in one interpolation; outside the image it is black.

    ``size`` is (height, width) of what is made, by default the image's.
    """
    n, device = len(image), image.device
    flip = torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    angle = (2 * torch.rand(n, device=device) - 1) * math.radians(degrees) * (torch.rand(n, device=device) < rotated)
    area = scale[0] + (scale[1] - scale[0]) * torch.rand(n, device=device)
    ratio = torch.exp((2 * torch.rand(n, device=device) - 1) * math.log(4 / 3))  # torchvision's range, 3/4 to 4/3
    high, wide = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
    x, y = ((2 * torch.rand(n, device=device) - 1) * (1 - side) for side in (wide, high))
    cos, sin = angle.cos(), angle.sin()
    # Output to input: into the crop, then the rotation about the middle, then the flip.
    first = torch.stack([flip * cos * wide, -flip * sin * high, flip * (cos * x - sin * y)], 1)
    second = torch.stack([sin * wide, cos * high, sin * x + cos * y], 1)
    matrix = torch.stack([first, second], 1)
    size = list(size or image.shape[-2:])
    grid = F.affine_grid(matrix, [*image.shape[:2], *size], align_corners=False)
    return F.grid_sample(image, grid.to(image.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def colour_jitter(image: Image, brightness: float = 0.5, contrast: float = 0.5, saturation: float = 0.25) -> Image:
    """Each record's brightness, contrast and saturation times a factor of 1 plus or minus the given strength."""

    def factor(strength: float) -> Tensor:
        return 1 + strength * (2 * torch.rand(len(image), 1, 1, 1, device=image.device) - 1)

    def grey(pixels: Tensor) -> Tensor:
        weights = torch.tensor(GREY, device=image.device, dtype=image.dtype)
        return (pixels * weights[:, None, None]).sum(1, keepdim=True)

    factors = [factor(strength) for strength in (brightness, contrast, saturation)]
    image = (image * factors[0]).clamp(0, 1)
    middle = grey(image).mean((2, 3), keepdim=True)
    image = (middle + factors[1] * (image - middle)).clamp(0, 1)
    plain = grey(image)
    return (plain + factors[2] * (image - plain)).clamp(0, 1)
