"""The pre-LayerNorm transformer block that all vision transformers here share.

Source: Dosovitskiy et al., ICLR 2021, with the layer names of timm, which is what most released ECG weights use.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from bench.errors import ConfigError

SIZES = {"tiny": (192, 3), "small": (384, 6), "middle": (512, 8), "base": (768, 12)}
"""Width and attention heads of the sizes that MERL and K-MERL (Figure 8) name; depth 12 and MLP ratio 4 for all."""

DEPTH = 12


class DropPath(nn.Module):
    """Drops a whole residual branch for a random part of the records (stochastic depth, Huang et al., ECCV 2016).

    timm has the same layer; six lines here keep its import (which needs torchvision) out of every ECG encoder.
    """

    def __init__(self, rate: float = 0.0):
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        if self.rate == 0.0 or not self.training:
            return x
        keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * keep / (1 - self.rate)


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Rates that rise linearly over the blocks, from 0 in the first to ``last`` in the last."""
    return [last * i / max(depth - 1, 1) for i in range(depth)]


class SelfAttention(nn.Module):
    """Multi-head self-attention; ``mask`` says which tokens are real.

    Args:
        dim: width in and out.
        heads: of ``head_dim`` channels each; ``dim // heads`` by default.
        dropout: on the output.
        qkv_bias: whether queries, keys and values have a bias.

    Raises:
        ConfigError: when ``head_dim`` is not given and ``dim`` is not a multiple of ``heads``.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0, head_dim: int | None = None, qkv_bias: bool = True):
        super().__init__()
        if head_dim is None and dim % heads:
            raise ConfigError(f"width {dim} is not a multiple of {heads} attention heads; change one of them.")
        self.heads = heads
        inner = heads * (head_dim or dim // heads)
        self.qkv = nn.Linear(dim, 3 * inner, bias=qkv_bias)
        self.proj = nn.Linear(inner, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"] | None = None
    ) -> Float[Tensor, "batch token dim"]:
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=key_mask(mask))
        return self.dropout(self.proj(out.transpose(1, 2).reshape(batch, tokens, -1)))


def key_mask(mask: Bool[Tensor, "batch token"] | None) -> Bool[Tensor, "batch 1 1 token"] | None:
    """A mask of real tokens in the shape that scaled dot-product attention broadcasts over heads and queries."""
    return None if mask is None else mask[:, None, None, :]


class MLP(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "... dim"]) -> Float[Tensor, "... dim"]:
        return self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(x)))))


class TransformerBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``.

    Args:
        dim, heads, head_dim, qkv_bias: of the attention.
        mlp_ratio: hidden width of the MLP over ``dim``.
        dropout: on the output of the attention and after both layers of the MLP.
        drop_path: rate at which a record skips a branch.
        eps: of both LayerNorms; torch's 1e-5 in MERL, 1e-6 in MAE and its descendants.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        eps: float = 1e-5,
        head_dim: int | None = None,
        qkv_bias: bool = True,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = SelfAttention(dim, heads, dropout, head_dim, qkv_bias)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = MLP(dim, int(dim * mlp_ratio), dropout)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, x: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"] | None = None
    ) -> Float[Tensor, "batch token dim"]:
        x = x + self.drop_path(self.attn(self.norm1(x), mask))
        return x + self.drop_path(self.mlp(self.norm2(x)))
