"""ESI's captioning decoder: text tokens attend to earlier tokens and to the ECG.

Source: Yu et al., "ECG Semantic Integrator", TMLR 2024, and its released code, after CoCa (Yu et al., TMLR 2022) with
the parallel blocks of PaLM (Chowdhery et al., JMLR 2023).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class GainNorm(nn.Module):
    """LayerNorm whose gain is learned and whose offset stays zero; released checkpoints carry the offset too."""

    offset: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))
        self.register_buffer("offset", torch.zeros(dim))

    def forward(self, x: Float[Tensor, "... dim"]) -> Float[Tensor, "... dim"]:
        return F.layer_norm(x, self.gain.shape, self.gain, self.offset)


class GatedMLP(nn.Module):
    """Linear, SwiGLU, linear, none with an offset (Shazeer 2020)."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.widen = nn.Linear(dim, 2 * hidden, bias=False)
        self.narrow = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Float[Tensor, "... dim"]) -> Float[Tensor, "... dim"]:
        return self.narrow(gated(self.widen(x)))


def gated(x: Float[Tensor, "... doubled"]) -> Float[Tensor, "... hidden"]:
    """SwiGLU: the first half of the channels times SiLU of the second."""
    value, gate = x.chunk(2, dim=-1)
    return value * F.silu(gate)


class CausalBlock(nn.Module):
    """Causal self-attention and MLP side by side, from one projection of one norm; their sum joins the shortcut.

    Many query heads share one key and one value head (multi-query attention); positions are rotary.
    """

    rates: Tensor

    def __init__(self, dim: int, heads: int, head_dim: int, hidden: int):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.widths = (heads * head_dim, head_dim, head_dim, 2 * hidden)
        self.norm = GainNorm(dim)
        self.project = nn.Linear(dim, sum(self.widths), bias=False)
        self.attention_out = nn.Linear(heads * head_dim, dim, bias=False)
        self.mlp_out = nn.Linear(hidden, dim, bias=False)
        self.register_buffer("rates", 10000.0 ** (-torch.arange(0, head_dim, 2) / head_dim))  # released, so kept

    def forward(self, x: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        queries, keys, values, hidden = self.project(self.norm(x)).split(self.widths, dim=-1)
        queries = rotate(queries.unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2), self.rates)
        keys = rotate(keys, self.rates).unsqueeze(1)
        attended = F.scaled_dot_product_attention(
            queries, keys.expand_as(queries), values.unsqueeze(1).expand_as(queries), is_causal=True
        )
        return x + self.attention_out(attended.transpose(1, 2).flatten(2)) + self.mlp_out(gated(hidden))


class CrossBlock(nn.Module):
    """Every token attends to the ECG, and passes an MLP, side by side; multi-query attention, no positions."""

    def __init__(self, dim: int, context_dim: int, heads: int, head_dim: int, hidden: int):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.norm = GainNorm(dim)
        self.queries = nn.Linear(dim, heads * head_dim, bias=False)
        self.keys_values = nn.Linear(context_dim, 2 * head_dim, bias=False)
        self.attention_out = nn.Linear(heads * head_dim, dim, bias=False)
        self.mlp = GatedMLP(dim, hidden)

    def forward(
        self, x: Float[Tensor, "batch token dim"], context: Float[Tensor, "batch place context_dim"]
    ) -> Float[Tensor, "batch token dim"]:
        normed = self.norm(x)
        queries = self.queries(normed).unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)
        keys, values = self.keys_values(context).unsqueeze(1).chunk(2, dim=-1)
        every_head = (-1, self.heads, -1, -1)
        attended = F.scaled_dot_product_attention(queries, keys.expand(every_head), values.expand(every_head))
        return x + self.attention_out(attended.transpose(1, 2).flatten(2)) + self.mlp(normed)


class CaptionLayer(nn.Module):
    """A causal block, then a cross-attending one."""

    def __init__(self, dim: int, context_dim: int, heads: int, head_dim: int, hidden: int):
        super().__init__()
        self.causal = CausalBlock(dim, heads, head_dim, hidden)
        self.cross = CrossBlock(dim, context_dim, heads, head_dim, hidden)

    def forward(
        self, x: Float[Tensor, "batch token dim"], context: Float[Tensor, "batch place context_dim"]
    ) -> Float[Tensor, "batch token dim"]:
        return self.cross(self.causal(x), context)


class Captioner(nn.Module):
    """Predicts each token of a text from the tokens up to it and the ECG.

    Args:
        dim: width of tokens; 768 in ESI, that of its text encoder.
        tokens: size of the vocabulary.
        context_dim: width of the ECG's vectors; default ``dim``.
        layers: pairs of a causal and a cross-attending block; 6 in ESI.
        heads, head_dim: of both attentions; 8 of 64 in ESI.
        mlp_ratio: hidden width of the MLPs over ``dim``; 4 in ESI.
    """

    def __init__(
        self,
        dim: int,
        tokens: int,
        context_dim: int | None = None,
        layers: int = 6,
        heads: int = 8,
        head_dim: int = 64,
        mlp_ratio: int = 4,
    ):
        super().__init__()
        hidden = mlp_ratio * dim
        self.layers = nn.ModuleList(
            CaptionLayer(dim, context_dim or dim, heads, head_dim, hidden) for _ in range(layers)
        )
        self.norm = GainNorm(dim)
        self.vocabulary = nn.Linear(dim, tokens, bias=False)

    def forward(
        self, x: Float[Tensor, "batch token dim"], context: Float[Tensor, "batch place context_dim"]
    ) -> Float[Tensor, "batch token vocabulary"]:
        """Logits of the token that follows each position."""
        for layer in self.layers:
            x = layer(x, context)
        return self.vocabulary(self.norm(x))


def rotate(x: Float[Tensor, "... token channel"], rates: Float[Tensor, " half"]) -> Float[Tensor, "... token channel"]:
    """Rotary positions: channels i and i + half turn together, by position times rate i (Su et al. 2021)."""
    angles = torch.outer(torch.arange(x.shape[-2], device=x.device, dtype=rates.dtype), rates)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
