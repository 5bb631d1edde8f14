"""The small networks between an encoder and a loss."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def mlp(*widths: int, norm: bool = True, last_norm: bool = False, affine: bool = True) -> nn.Sequential:
    """Linear layers through ``widths``, with BatchNorm and ReLU between them.

    Args:
        widths: input, hidden layers, output.
        norm: BatchNorm after every hidden layer, which then has no bias (BYOL, SimSiam, MoCo v3, Barlow Twins).
        last_norm: BatchNorm after the last layer as well.
        affine: whether that last BatchNorm learns a scale and an offset.
    """
    layers: list[nn.Module] = []
    for source, target in pairwise(widths[:-1]):
        layers.append(nn.Linear(source, target, bias=not norm))
        layers += [nn.BatchNorm1d(target), nn.ReLU()] if norm else [nn.ReLU()]
    layers.append(nn.Linear(widths[-2], widths[-1], bias=not last_norm))
    if last_norm:
        layers.append(nn.BatchNorm1d(widths[-1], affine=affine))
    return nn.Sequential(*layers)
