"""MERL's vision transformer over an ECG: one token per 50-sample patch of all leads together.

Source: Liu et al. (MERL), ICML 2024, and its released code.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.nets.transformer import DEPTH, TransformerBlock, drop_path_rates


class ViT(nn.Module):
    """Patches over all leads jointly, learned positions, pre-LayerNorm blocks; the mean over tokens, then LayerNorm.

    Args:
        samples: input length; positions are learned, so a network serves one length. 5000 in MERL.
        leads: input channels, all read by every patch. A missing lead is a row of zeros (K-MERL 4.2.1 on MERL).
        patch: samples per token, not overlapping; 50 in MERL.
        dim, heads, depth: width, attention heads and blocks; the published ones: :data:`methods.nets.transformer.SIZES`.
        drop_path: rate of the last block; earlier blocks rise to it linearly. 0 in MERL.

    Attributes:
        dim: length of the pooled vector.

    There is no class token. Positions start from N(0, 1), not the usual N(0, 0.02), as in the release.
    """

    def __init__(
        self,
        samples: int = 5000,
        leads: int = 12,
        patch: int = 50,
        dim: int = 192,
        heads: int = 3,
        depth: int = DEPTH,
        drop_path: float = 0.0,
    ):
        super().__init__()
        if samples % patch:
            raise ConfigError(
                f"{samples} samples do not divide into patches of {patch}; make the input (seconds times fs) a multiple, or "
                f"choose a divisor as patch where the method has that field."
            )
        self.dim, self.samples = dim, samples
        self.patch_embedding = nn.Conv1d(leads, dim, patch, stride=patch, bias=False)
        self.positions = nn.Parameter(torch.randn(1, samples // patch, dim))
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, heads, drop_path=r) for r in drop_path_rates(drop_path, depth)
        )
        self.norm = nn.LayerNorm(dim)

    def features(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim position"]:
        """The tokens after the last block, not normalised, channels first as in :meth:`ResNet.features`."""
        if ecg.shape[-1] != self.samples:
            raise ConfigError(
                f"this ViT learned positions for {self.samples} samples and received {ecg.shape[-1]}; "
                f"resample or crop to {self.samples}, or build it for this length."
            )
        x = self.patch_embedding(ecg).transpose(1, 2) + self.positions
        for block in self.blocks:
            x = block(x)
        return x.transpose(1, 2)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """The mean token, then LayerNorm, in this order."""
        return self.norm(self.features(ecg).mean(dim=-1))
