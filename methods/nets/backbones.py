"""ECG encoders by name: what a method's ``backbone`` or ``encoder`` field may say.

Every backbone maps [batch, lead, time] to [batch, dim] and has the attribute ``dim``. All but the ``-cnn`` and
``mmcl-vit`` ones also have ``features``, [batch, channels, position].
"""

from __future__ import annotations

from typing import Any

from bench.errors import ConfigError, UnknownName
from methods.nets import convnext, resnet, xresnet
from methods.nets.conv_blocks import ClocsCNN, TSTCCEncoder
from methods.nets.inception import Inception
from methods.nets.mae import PatchViT
from methods.nets.recurrent import LSTMEncoder
from methods.nets.transformer import DEPTH, SIZES
from methods.nets.vit import ViT
from methods.nets.wang import FCN, FixedWidthResNet

NAMES = (
    *(f"resnet{depth}" for depth in resnet.BLOCKS),
    *(f"vit-{size}" for size in SIZES),
    *(f"convnext-{size}" for size in convnext.SIZES),
    *(f"xresnet1d{depth}" for depth in xresnet.BLOCKS),
    "resnet1d-wang",
    "resnet1d50",
    "fcn-wang",
    "inception1d",
    "lstm",
    "lstm-bidir",
    "mmcl-vit",
    "clocs-cnn",
    "ts-tcc",
)


def serves_one_length(name: str) -> bool:
    """Whether the weights of this backbone belong to one input length, as learned or fixed positions do."""
    return name.startswith("vit-") or name in ("mmcl-vit", "clocs-cnn")


def backbone(
    name: str, samples: int = 5000, leads: int = 12, width: int | None = None, depth: int | None = None
) -> Any:
    """A backbone with fresh weights.

    Args:
        name: one of ``NAMES``.
        samples: input length.
        leads: input channels.
        width: channels of the first stage, which later stages multiply as published; width of a ViT's tokens, units
            of an LSTM, filters of an inception path.
        depth: blocks of a ViT.

    Raises:
        UnknownName: there is no such backbone. ConfigError: it has no width or depth to set.
    """
    kind, _, size = name.partition("-")
    if name not in NAMES:
        raise UnknownName("backbone", name, NAMES)
    if depth is not None and kind != "vit" and name != "mmcl-vit":
        raise ConfigError(f"depth = {depth}: backbone {name} comes in its own depth only; leave depth out.")
    if kind == "vit":
        dim, heads = SIZES[size]
        return ViT(samples, leads, dim=width or dim, heads=heads, depth=depth or DEPTH)
    if name == "mmcl-vit":
        return PatchViT(samples, leads, dim=width or 384, depth=depth or 3)
    if kind == "convnext":
        depths, first = convnext.SIZES[size]
        return convnext.ConvNeXt(depths, [(width or first) * 2**stage for stage in range(4)], leads)
    if name.startswith("xresnet1d"):
        return xresnet.XResNet(int(name.removeprefix("xresnet1d")), leads, width=width or 64)
    if name in ("resnet1d-wang", "resnet1d50"):
        return FixedWidthResNet("wang" if size else "50", leads, width=width or 128)
    if kind == "lstm":
        return LSTMEncoder(leads, width or 256, bidirectional=bool(size))
    if name == "inception1d":
        return Inception(leads, width or 32, width or 32)
    if name == "clocs-cnn":
        return ClocsCNN(samples, leads, width or 128)
    if name == "ts-tcc":
        return TSTCCEncoder(leads, width or 32)
    if name == "fcn-wang":
        if width is not None:
            raise ConfigError(f"width = {width}: backbone fcn-wang comes in its own width only; leave width out.")
        return FCN(leads)
    first = width or 64
    return resnet.ResNet(int(name.removeprefix("resnet")), leads, [first, 2 * first, 4 * first, 8 * first])
