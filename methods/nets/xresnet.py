"""xresnet1d: the residual network with a three-convolution stem that leads the PTB-XL benchmark.

Source: Strodthoff et al., IEEE JBHI 2021, released code, after He et al., "Bag of Tricks", CVPR 2019. Unlike the
two-dimensional original every stage is 64 wide (256 after expansion), and kernels are 5 wide.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import UnknownName
from methods.nets.initialisation import kaiming
from methods.nets.pooling import max_mean_pool

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Bottlenecks per stage."""


def _convolution(source: int, target: int, kernel: int, stride: int = 1, activation: bool = True) -> nn.Sequential:
    layers = [nn.Conv1d(source, target, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm1d(target)]
    return nn.Sequential(*layers, nn.ReLU()) if activation else nn.Sequential(*layers)


class XBottleneck(nn.Module):
    """1-5-1 convolutions; the shortcut halves time by average pooling before its 1x1 convolution."""

    def __init__(self, channels: int, width: int, out: int, stride: int, kernel: int):
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, width, 1),
            _convolution(width, width, kernel, stride),
            _convolution(width, out, 1, activation=False),
        )
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool1d(stride, ceil_mode=True))
        if channels != out:
            shortcut.append(_convolution(channels, out, 1, activation=False))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch out shorter"]:
        return torch.relu(self.body(x) + self.shortcut(x))


class XResNet(nn.Module):
    """xresnet1d50 or xresnet1d101 without classifier (1,804,672 parameters with depth 101).

    Args:
        depth: 50, 101 or 152.
        leads: input channels.
        width: of every stage, before the fourfold expansion.
        kernel: of all but the 1x1 convolutions.

    Attributes:
        dim: length of the pooled vector, 512: maxima, then means, of 256 channels.
    """

    def __init__(self, depth: int = 101, leads: int = 12, width: int = 64, kernel: int = 5):
        super().__init__()
        if depth not in BLOCKS:
            raise UnknownName("xresnet depth", str(depth), map(str, BLOCKS))
        self.stem = nn.Sequential(
            _convolution(leads, 32, kernel, stride=2),
            _convolution(32, 32, kernel),
            _convolution(32, width, kernel),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        channels, out = width, 4 * width
        blocks: list[nn.Module] = []
        for stage, count in enumerate(BLOCKS[depth]):
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(XBottleneck(channels, width, out, stride, kernel))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.dim = 2 * out
        self.apply(kaiming)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channels position"]:
        """The feature map before pooling."""
        return self.blocks(self.stem(ecg))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Maximum and mean over time."""
        return max_mean_pool(self.features(ecg))
