"""Convolution and pooling with ``ceil(time / stride)`` positions at every length, as TensorFlow pads for "same"."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def same_padding(time: int, kernel: int, stride: int) -> tuple[int, int]:
    """Positions to add before and after; an odd number has one more after."""
    total = max((-(-time // stride) - 1) * stride + kernel - time, 0)
    return total // 2, total - total // 2


class SameConv(nn.Conv1d):
    """A convolution over a signal that is padded with zeros."""

    def forward(self, x: Float[Tensor, "batch dim time"]) -> Float[Tensor, "batch wide position"]:
        return super().forward(F.pad(x, same_padding(x.shape[-1], self.kernel_size[0], self.stride[0])))


def same_max_pool(x: Float[Tensor, "batch dim time"], size: int) -> Float[Tensor, "batch dim position"]:
    """The maximum of every ``size`` positions; padding is never the maximum."""
    return F.max_pool1d(F.pad(x, same_padding(x.shape[-1], size, size), value=float("-inf")), size)
