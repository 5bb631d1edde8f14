"""ECG encoders by name: what a method's ``backbone`` or ``encoder`` field may say.

Every backbone maps [batch, lead, time] to [batch, dim] and has the attribute ``dim``.
"""

from __future__ import annotations

from torch import nn

from bench.errors import UnknownName
from methods.nets.resnet import BLOCKS, ResNet
from methods.nets.transformer import DEPTH, SIZES
from methods.nets.vit import ViT

NAMES = (*(f"resnet{depth}" for depth in BLOCKS), *(f"vit-{size}" for size in SIZES))


def backbone(
    name: str, samples: int = 5000, leads: int = 12, width: int | None = None, depth: int | None = None
) -> nn.Module:
    """A backbone with fresh weights.

    Args:
        name: one of ``NAMES``.
        samples: input length.
        leads: input channels.
        width: channels of a ResNet's first stage (64), doubled by each further one; width of a ViT's tokens.
        depth: blocks of a ViT (12).
    """
    kind, _, size = name.partition("-")
    if kind == "vit" and size in SIZES:
        dim, heads = SIZES[size]
        return ViT(samples, leads, dim=width or dim, heads=heads, depth=depth or DEPTH)
    if name.removeprefix("resnet").isdigit() and int(name.removeprefix("resnet")) in BLOCKS:
        first = width or 64
        return ResNet(int(name.removeprefix("resnet")), leads, [first, 2 * first, 4 * first, 8 * first])
    raise UnknownName("backbone", name, NAMES)
