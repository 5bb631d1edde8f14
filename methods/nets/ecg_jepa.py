"""ECG-JEPA's encoder: patches of eight leads that see their own lead and their own time.

Source: Kim, "Learning General Representation of Electrocardiogram with a Joint-Embedding Predictive Architecture",
arXiv 2410.08559, and the names, shapes and description of its released code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.method.published_names import Rules
from methods.nets.transformer import SelfAttention, TransformerBlock

LEADS = 8
PATCH = 50
PATCHES = 50
"""Patches of one lead; patches of 50 samples at 250 Hz are 0.2 s, and 50 of them 10 s."""


def sincos_positions(leads: int = LEADS, patches: int = PATCHES, dim: int = 768) -> Float[Tensor, "token dim"]:
    """Fixed positions, lead by lead: half of the channels for the time, half for the lead; sines, then cosines."""

    def along(count: int) -> Tensor:
        rates = 10_000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
        angles = torch.arange(count, dtype=torch.float64)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    times, rows = along(patches), along(leads)
    return torch.cat([times.repeat(leads, 1), rows.repeat_interleave(patches, 0)], dim=1).float()


def visible_tokens(leads: int, patches: int) -> Bool[Tensor, "token seen"]:
    """Which tokens each token sees: those of its lead, and those of its time."""
    lead = torch.arange(leads).repeat_interleave(patches)
    time = torch.arange(patches).repeat(leads)
    return (lead[:, None] == lead) | (time[:, None] == time)


class CrossAttention(SelfAttention):
    """Self-attention of each token over the tokens that ``mask`` lets it see."""

    def forward(
        self, x: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "token seen"] | None = None
    ) -> Float[Tensor, "batch token dim"]:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(out.transpose(1, 2).flatten(2))


class CrossBlock(TransformerBlock):
    """A transformer block with :class:`CrossAttention`."""

    def __init__(self, dim: int, heads: int):
        super().__init__(dim, heads, qkv_bias=False)
        self.attn = CrossAttention(dim, heads, qkv_bias=False)

    def forward(
        self, x: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "token seen"] | None = None
    ) -> Float[Tensor, "batch token dim"]:
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class ECGJEPAEncoder(nn.Module):
    """The mean token of the leads I, II, V1 to V6 at 250 Hz, after the last LayerNorm.

    Positions are added again before each block.

    Args:
        dim, heads, depth: 768, 16 and 12 in the release.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, dim: int = 768, heads: int = 16, depth: int = 12):
        super().__init__()
        self.dim = dim
        self.positions = nn.Parameter(sincos_positions(dim=dim), requires_grad=False)
        self.embed = nn.Linear(PATCH, dim)
        self.blocks = nn.ModuleList(CrossBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def encode_tokens(
        self, ecg: Float[Tensor, "batch lead time"], leads: list[int] | None = None
    ) -> Float[Tensor, "batch token dim"]:
        """Normalised tokens, lead by lead.

        Args:
            ecg: recordings of 2500 samples; shorter ones have the first positions.
            leads: which of the eight leads the rows are; all in their order, by default.
        """
        rows = list(range(LEADS)) if leads is None else leads
        patches, rest = divmod(ecg.shape[2], PATCH)
        if ecg.shape[1] != len(rows) or rest or not 1 <= patches <= PATCHES:
            raise ConfigError(
                f"ECG-JEPA reads {len(rows)} leads of {PATCHES * PATCH} samples, or of a smaller multiple of {PATCH}, and "
                f"received {list(ecg.shape[1:])}; choose I, II, V1 to V6 and resample 10 s to 250 Hz."
            )
        positions = self.positions.unflatten(0, (LEADS, PATCHES))[rows, :patches].flatten(0, 1)
        mask = visible_tokens(len(rows), patches).to(ecg.device)
        x = self.embed(ecg.unflatten(-1, (patches, PATCH)).flatten(1, 2))
        for block in self.blocks:
            x = block(x + positions, mask)
        return self.norm(x)

    def forward(
        self, ecg: Float[Tensor, "batch lead time"], leads: list[int] | None = None
    ) -> Float[Tensor, "batch dim"]:
        return self.encode_tokens(ecg, leads).mean(1)


ECG_JEPA: Rules = (
    (r"pos_embed$", "positions"),
    (r"W_P\.", "embed."),
    (r"encoder_blocks\.blocks\.", "blocks."),
    (r"norm\.", "norm."),
)
"""ECG-JEPA's files, random and multi-block masking."""
