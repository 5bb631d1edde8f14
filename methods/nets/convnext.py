"""The one-dimensional ConvNeXt V2 of ESI.

Source: Yu et al., "ECG Semantic Integrator", TMLR 2024, and its released code, after Woo et al., "ConvNeXt V2",
CVPR 2023. Parameters, as in the release without its unused classifier: 26,814,144 (tiny) and 85,558,528 (base).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from methods.nets.transformer import DropPath, drop_path_rates

SIZES = {
    "atto": ((2, 2, 6, 2), 40),
    "femto": ((2, 2, 6, 2), 48),
    "pico": ((2, 2, 6, 2), 64),
    "nano": ((2, 2, 8, 2), 80),
    "tiny": ((3, 3, 9, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
}
"""Blocks per stage and the width of the first stage; each later stage is twice as wide."""


class TimeNorm(nn.Module):
    """Standardises each channel over time, with a learned gain and offset.

    The release calls this a channels-first LayerNorm, which would standardise over channels; what it computes is an
    instance norm, with the unbiased deviation and eps added outside the root. Released weights depend on it.
    """

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, channels, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1))
        self.eps = eps

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch channels time"]:
        deviation = x.std(dim=-1, keepdim=True)
        return self.weight * (x - x.mean(dim=-1, keepdim=True)) / (deviation + self.eps) + self.bias


class ResponseNorm(nn.Module):
    """Global response normalisation: channels compete by their L2 norm over time (Woo et al. 2023, section 3)."""

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, channels))
        self.eps = eps

    def forward(self, x: Float[Tensor, "batch time channels"]) -> Float[Tensor, "batch time channels"]:
        energy = x.norm(dim=1, keepdim=True)
        response = energy / (energy.mean(dim=-1, keepdim=True) + self.eps)
        return self.gamma * (x * response) + self.beta + x


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over 7 samples, LayerNorm, widening MLP with response normalisation, shortcut."""

    def __init__(self, channels: int, drop_path: float = 0.0):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.widen = nn.Linear(channels, 4 * channels)
        self.response_norm = ResponseNorm(4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "batch channels time"]) -> Float[Tensor, "batch channels time"]:
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.narrow(self.response_norm(F.gelu(self.widen(y))))
        return x + self.drop_path(y.transpose(1, 2))


class ConvNeXt(nn.Module):
    """ESI's ECG encoder.

    Args:
        depths: blocks of the four stages.
        widths: channels of the four stages.
        leads: input channels.
        drop_path: rate of the last block; earlier ones rise to it linearly. 0 in ESI.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(
        self,
        depths: Sequence[int] = (3, 3, 27, 3),
        widths: Sequence[int] = (128, 256, 512, 1024),
        leads: int = 12,
        drop_path: float = 0.0,
    ):
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(leads, widths[0], 4, stride=4), TimeNorm(widths[0]))
        halvings = [
            nn.Sequential(TimeNorm(wide), nn.Conv1d(wide, wider, 2, stride=2)) for wide, wider in pairwise(widths)
        ]
        self.downsamplers = nn.ModuleList([stem, *halvings])
        rates = iter(drop_path_rates(drop_path, sum(depths)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(width, next(rates)) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        self.dim = widths[-1]
        self.norm = nn.LayerNorm(self.dim, eps=1e-6)
        self.apply(_initialise)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim position"]:
        """The feature map before pooling: 156 positions of 5000 samples."""
        x = ecg
        for downsample, stage in zip(self.downsamplers, self.stages, strict=True):
            x = stage(downsample(x))
        return x

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The mean over time, then LayerNorm."""
        return self.norm(self.features(ecg).mean(dim=-1))


def _initialise(module: nn.Module) -> None:
    """Truncated normal weights of deviation 0.02 and zero biases (Woo et al. 2023)."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
