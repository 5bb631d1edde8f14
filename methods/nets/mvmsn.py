"""The multi-view multi-scale network: groups of leads encoded separately, weighted and added.

Source: Yang et al. (MVMSN), IEEE TETCI 2023, released code. Parameters with 71 classes: 2,253,261.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.signals.leads import LEADS

VIEWS = (("aVR",), ("I", "aVL"), ("V1", "V2"), ("V3", "V4"), ("V5", "V6"), ("II", "III", "aVF"))
"""Leads that look at the heart from one side."""


class CoordinateAttention(nn.Module):
    """A gate for every channel and sample, from the sample itself and from the mean over time.

    The release runs the two-dimensional module of Hou et al. (CVPR 2021) on a map one sample high; this is the same in
    one dimension. Both descriptors pass the same convolution and BatchNorm, the mean as one more sample.
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        narrow = max(8, channels // reduction)
        self.squeeze = nn.Sequential(nn.Conv1d(channels, narrow, 1), nn.BatchNorm1d(narrow), nn.Hardswish())
        self.gate_mean = nn.Conv1d(narrow, channels, 1)
        self.gate_sample = nn.Conv1d(narrow, channels, 1)

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch channels time"]:
        squeezed = self.squeeze(torch.cat([x.mean(dim=-1, keepdim=True), x], dim=-1))
        mean, samples = squeezed[..., :1], squeezed[..., 1:]
        return x * self.gate_sample(samples).sigmoid() * self.gate_mean(mean).sigmoid()


class MultiScaleBlock(nn.Module):
    """A strided Res2 block: four groups of channels, three of them convolved, one average-pooled; attention; shortcut.

    As in the release, a strided block does not hand one group's output to the next, which is what gives Res2Net (Gao et
    al., TPAMI 2021) its scales; both blocks are strided. Its first activation comes before the BatchNorm.
    """

    def __init__(
        self, channels: int, out: int, kernel: int = 15, stride: int = 2, scale: int = 4, base_width: int = 26
    ):
        super().__init__()
        self.scale = scale
        width = out * base_width // 64
        self.widen = nn.Sequential(
            nn.Conv1d(channels, scale * width, 1, bias=False), nn.Mish(), nn.BatchNorm1d(scale * width)
        )
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(width), nn.Mish()
            )
            for _ in range(scale - 1)
        )
        self.pool = nn.AvgPool1d(3, stride, padding=1)
        self.narrow = nn.Sequential(nn.Conv1d(scale * width, out, 1, bias=False), nn.BatchNorm1d(out))
        self.attention = CoordinateAttention(out)
        self.shortcut = nn.Sequential(nn.Conv1d(channels, out, 1, stride), nn.BatchNorm1d(out))

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch out shorter"]:
        *convolved, pooled = self.widen(x).chunk(self.scale, dim=1)
        groups = [branch(group) for branch, group in zip(self.branches, convolved, strict=True)] + [self.pool(pooled)]
        return nn.functional.mish(self.attention(self.narrow(torch.cat(groups, dim=1))) + self.shortcut(x))


class ViewNet(nn.Sequential):
    """One view: a 25-wide convolution, two multi-scale blocks, the mean over time.

    Attributes:
        dim: length of the pooled vector, 128.
    """

    def __init__(self, leads: int, dim: int = 128):
        self.dim = dim
        super().__init__(
            nn.Conv1d(leads, dim // 2, 25, bias=False),
            nn.BatchNorm1d(dim // 2),
            nn.Mish(),
            MultiScaleBlock(dim // 2, dim),
            MultiScaleBlock(dim, dim),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
        )


class MVMSN(nn.Module):
    """Six views, each multiplied by a weight between 0 and 1 that it computes itself, and added.

    Attributes:
        dim: length of the vector, 128.
    """

    def __init__(self, dim: int = 128):
        super().__init__()
        self.dim = dim
        self.views = nn.ModuleList(ViewNet(len(names), dim) for names in VIEWS)
        self.weights = nn.ModuleList(nn.Linear(dim, 1) for _ in VIEWS)
        self.rows = [[LEADS.index(name) for name in names] for names in VIEWS]

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The weighted sum of the views."""
        seen = [view(ecg[:, rows]) for view, rows in zip(self.views, self.rows, strict=True)]
        weighed = [weight(x).sigmoid() * x for weight, x in zip(self.weights, seen, strict=True)]
        return torch.stack(weighed).sum(dim=0)
