"""From a sequence of features to one vector."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError


class AttentionPool(nn.Module):
    """MERL's attention pooling: a learned class token attends to itself and to all positions of a feature map.

    Source: MERL (ICML 2024), released code, after CLIP's attention pooling. Positions are learned, so a pool serves
    exactly one input length. As in the release, the class token receives its own position twice; released weights
    depend on it.

    Args:
        dim: channels in and out.
        length: positions of the feature map; 313 for MERL's ResNet on 5000 samples. The pool learns ``length + 1``
            positions (314).
        heads: attention heads; 4 in the release.
    """

    def __init__(self, dim: int, length: int, heads: int = 4):
        super().__init__()
        self.class_token = nn.Parameter(torch.randn(1, 1, dim))
        self.positions = nn.Parameter(torch.randn(1, length + 1, dim) / dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.project = nn.Linear(dim, dim)

    def forward(self, features: Float[Tensor, "batch dim position"]) -> Float[Tensor, "batch dim"]:
        expected = self.positions.shape[1] - 1
        if features.shape[-1] != expected:
            raise ConfigError(
                f"attention pooling was built for {expected} positions and received {features.shape[-1]}: its learned "
                f"positions fit one input length only. Feed recordings of the length it was built for, or build it "
                f"for this one."
            )
        first = self.class_token + self.positions[:, :1]
        tokens = torch.cat([first.expand(len(features), -1, -1), features.transpose(1, 2)], dim=1) + self.positions
        pooled, _ = self.attention(tokens[:, :1], tokens, tokens, need_weights=False)
        return self.project(pooled.squeeze(1))


class MeanQueryPool(nn.Module):
    """The mean of a token sequence attends to all its tokens.

    Source: MMCL (Turgut et al.), released fine-tuning.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch dim"]:
        pooled, _ = self.attention(tokens.mean(dim=1, keepdim=True), tokens, tokens, need_weights=False)
        return pooled.squeeze(1)


def max_mean_pool(features: Float[Tensor, "batch dim position"]) -> Float[Tensor, "batch doubled"]:
    """The maximum over time, then the mean over time, of every channel (fastai's concat pooling)."""
    return torch.cat([features.amax(dim=-1), features.mean(dim=-1)], dim=1)
