"""The families of backbones: their names, and the function that builds each.

A new backbone is a line of ``FAMILIES`` and, for a new family, a function here. Functions import the net that they build
and nothing else, so that neither start-up nor a method's key depends on nets that are not asked for.
"""

from __future__ import annotations

from typing import Any

FAMILIES: dict[str, str] = {
    **{f"resnet{depth}": "resnet" for depth in (18, 34, 50, 101, 152)},
    **{f"vit-{size}": "vit" for size in ("tiny", "small", "middle", "base")},
    **{f"convnext-{size}": "convnext" for size in ("atto", "femto", "pico", "nano", "tiny", "base", "large")},
    **{f"xresnet1d{depth}": "xresnet" for depth in (50, 101, 152)},
    "resnet1d-wang": "fixed_width_resnet",
    "resnet1d50": "fixed_width_resnet",
    "fcn-wang": "fcn",
    "inception1d": "inception",
    "lstm": "lstm",
    "lstm-bidir": "lstm",
    "mmcl-vit": "mmcl_vit",
    "clocs-cnn": "clocs_cnn",
    "ts-tcc": "ts_tcc",
}
"""Backbone -> the function of this module that builds it from (name, samples, leads, width, depth)."""

OWN_DEPTH_ONLY = frozenset(name for name, family in FAMILIES.items() if family not in ("vit", "mmcl_vit"))
OWN_WIDTH_ONLY = frozenset({"fcn-wang"})


def resnet(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.resnet import ResNet

    first = width or 64
    return ResNet(int(name.removeprefix("resnet")), leads, [first, 2 * first, 4 * first, 8 * first])


def vit(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.transformer import DEPTH, SIZES
    from methods.nets.vit import ViT

    dim, heads = SIZES[name.removeprefix("vit-")]
    return ViT(samples, leads, dim=width or dim, heads=_heads(width or dim, heads), depth=depth or DEPTH)


def _heads(width: int, published: int) -> int:
    """The published number of attention heads, or the largest below it that divides another width."""
    return max(heads for heads in range(1, published + 1) if width % heads == 0)


def convnext(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.convnext import SIZES, ConvNeXt

    depths, first = SIZES[name.removeprefix("convnext-")]
    return ConvNeXt(depths, [(width or first) * 2**stage for stage in range(4)], leads)


def xresnet(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.xresnet import XResNet

    return XResNet(int(name.removeprefix("xresnet1d")), leads, width=width or 64)


def fixed_width_resnet(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.wang import FixedWidthResNet

    return FixedWidthResNet("wang" if name == "resnet1d-wang" else "50", leads, width=width or 128)


def fcn(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.wang import FCN

    return FCN(leads)


def inception(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.inception import Inception

    return Inception(leads, width or 32, width or 32)


def lstm(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.recurrent import LSTMEncoder

    return LSTMEncoder(leads, width or 256, bidirectional=name == "lstm-bidir")


def mmcl_vit(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.mae import PatchViT

    return PatchViT(samples, leads, dim=width or 384, heads=_heads(width or 384, 6), depth=depth or 3)


def clocs_cnn(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.conv_blocks import ClocsCNN

    return ClocsCNN(samples, leads, width or 128)


def ts_tcc(name: str, samples: int, leads: int, width: int | None, depth: int | None) -> Any:
    from methods.nets.conv_blocks import TSTCCEncoder

    return TSTCCEncoder(leads, width or 32)
