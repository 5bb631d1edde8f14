"""inception1d: parallel convolutions of several lengths.

Source: Strodthoff et al., IEEE JBHI 2021, released code, after Fawaz et al., "InceptionTime", 2020.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.nets.initialisation import kaiming
from methods.nets.pooling import max_mean_pool


class InceptionBlock(nn.Module):
    """A 1x1 bottleneck feeds three convolutions; a fourth path is max-pooling and a 1x1 convolution."""

    def __init__(self, channels: int, filters: int, bottleneck: int, kernels: tuple[int, ...]):
        super().__init__()
        self.bottleneck = nn.Conv1d(channels, bottleneck, 1, bias=False)
        self.branches = nn.ModuleList(nn.Conv1d(bottleneck, filters, k, padding=k // 2, bias=False) for k in kernels)
        self.pooled = nn.Sequential(nn.MaxPool1d(3, stride=1, padding=1), nn.Conv1d(channels, filters, 1, bias=False))
        self.norm = nn.BatchNorm1d(filters * (len(kernels) + 1))

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch out time"]:
        narrow = self.bottleneck(x)
        paths = [branch(narrow) for branch in self.branches] + [self.pooled(x)]
        return torch.relu(self.norm(torch.cat(paths, dim=1)))


class Inception(nn.Module):
    """Six inception blocks with a shortcut around every three; no stride anywhere.

    Args:
        leads: input channels.
        filters: of every path; a block has four times as many channels.
        kernels: lengths of the three convolutions.

    Attributes:
        dim: length of the pooled vector, 256: maxima, then means, of 128 channels.
    """

    def __init__(
        self,
        leads: int = 12,
        filters: int = 32,
        bottleneck: int = 32,
        kernels: tuple[int, ...] = (39, 19, 9),
        depth: int = 6,
    ):
        super().__init__()
        channels = filters * (len(kernels) + 1)
        self.blocks = nn.ModuleList(
            InceptionBlock(channels if i else leads, filters, bottleneck, kernels) for i in range(depth)
        )
        self.shortcuts = nn.ModuleList(
            nn.Sequential(nn.Conv1d(channels if i else leads, channels, 1, bias=False), nn.BatchNorm1d(channels))
            for i in range(depth // 3)
        )
        self.dim = 2 * channels
        self.apply(kaiming)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch channels time"]:
        """The feature map before pooling, as long as the input."""
        x = start = ecg
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i % 3 == 2:
                x = start = torch.relu(x + self.shortcuts[i // 3](start))
        return x

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Maximum and mean over time."""
        return max_mean_pool(self.features(ecg))
