"""K-MERL's cardiac query network: the probability that an ECG shows what a text names.

Source: K-MERL (arXiv 2502.17900), sections 3.5 and 4.2.1, Tables 6b and 6c. No code was published.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.nets.lead_vit import TokenFeatures
from methods.nets.transformer import MLP, SelfAttention, key_mask


class CrossAttention(nn.Module):
    """Multi-head attention of queries over a memory of another sequence.

    Where ``dim`` is not a multiple of ``heads``, each head has the width that fits, and the whole is a little narrower:
    Table 6c has 3 and 5 heads.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if heads > dim:
            raise ConfigError(f"query network: width {dim} is less than one channel for each of {heads} heads.")
        self.heads, inner = heads, heads * (dim // heads)
        self.query = nn.Linear(dim, inner)
        self.key_value = nn.Linear(dim, 2 * inner)
        self.proj = nn.Linear(inner, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "asked query dim"],
        memory: Float[Tensor, "batch token dim"],
        mask: Bool[Tensor, "batch token"] | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        """Queries of each record, or one set (``asked`` is 1) that all records are asked."""
        _, queries, dim = x.shape
        width = dim // self.heads
        q = self.query(x).view(-1, queries, self.heads, width).transpose(1, 2).expand(len(memory), -1, -1, -1)
        k, v = self.key_value(memory).view(len(memory), -1, 2, self.heads, width).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=key_mask(mask))
        return self.dropout(self.proj(out.transpose(1, 2).flatten(2)))


class QueryLayer(nn.Module):
    """A pre-LayerNorm decoder layer: (self-attention,) cross-attention, MLP, each around a shortcut."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, dropout: float, self_attention: bool):
        super().__init__()
        self.self_attention = SelfAttention(dim, heads, dropout) if self_attention else None
        self.norm_self = nn.LayerNorm(dim) if self_attention else None
        self.norm_cross = nn.LayerNorm(dim)
        self.cross_attention = CrossAttention(dim, heads, dropout)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = MLP(dim, int(dim * mlp_ratio), dropout)

    def forward(
        self,
        x: Float[Tensor, "asked query dim"],
        memory: Float[Tensor, "batch token dim"],
        mask: Bool[Tensor, "batch token"] | None = None,
    ) -> Float[Tensor, "batch query dim"]:
        if self.self_attention is not None and self.norm_self is not None:
            x = x + self.self_attention(self.norm_self(x))
        x = x + self.cross_attention(self.norm_cross(x), memory, mask)
        return x + self.mlp(self.norm_mlp(x))


class QueryNetwork(nn.Module):
    """Text embeddings of names ask, ECG tokens answer: one logit for each name.

    In pretraining the names are the entities found in the reports and the loss is binary cross-entropy (equation 3);
    at zero-shot time they are the class names of a task, and the sigmoid of the logit is the score (4.2.1).

    Args:
        query_dim: length of the text embeddings (768 for Med-CPT).
        memory_dim: length of the ECG tokens (192 for the tiny encoder).
        dim: width inside. The paper gives none; 256 is the width of MERL's shared space.
        layers, heads: 4 and 4, the best of Tables 6b and 6c.
        mlp_ratio: 4, as in the encoder's blocks; the paper gives none.
        dropout: on the output of attention and in the MLP; 0 as everywhere else in the model; the paper gives none.
        self_attention: let the queries of one call see each other. The paper does not say. Off by default: with it,
            the answer for one class depends on which other classes happen to be asked, and a zero-shot question about
            5 classes would not be the one that pretraining asked about 277.

    Text embeddings come in very different scales, so queries are projected and then normalised; the memory is
    projected and normalised too. A LayerNorm precedes the linear classifier, as pre-LayerNorm layers need.
    """

    def __init__(
        self,
        query_dim: int = 768,
        memory_dim: int = 192,
        dim: int = 256,
        layers: int = 4,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        self_attention: bool = False,
    ):
        super().__init__()
        self.project_query = nn.Sequential(nn.Linear(query_dim, dim), nn.LayerNorm(dim))
        self.project_memory = nn.Sequential(nn.Linear(memory_dim, dim), nn.LayerNorm(dim))
        self.layers = nn.ModuleList(QueryLayer(dim, heads, mlp_ratio, dropout, self_attention) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.classify = nn.Linear(dim, 1)

    def forward(self, queries: Float[Tensor, "query query_dim"], memory: TokenFeatures) -> Float[Tensor, "batch query"]:
        """A logit for every record and query.

        Args:
            queries: one text embedding per name, the same for all records; any number of them.
            memory: the encoder's tokens and their mask.
        """
        x = self.project_query(queries)[None]
        if not memory.groups:
            return self._answer(x, memory.tokens, memory.mask)
        answers = [self._answer(x, memory.tokens[rows, :length], None) for rows, length in memory.groups]
        order = torch.cat([rows for rows, _ in memory.groups]).argsort()
        return torch.cat(answers)[order]

    def _answer(
        self,
        x: Float[Tensor, "1 query dim"],
        tokens: Float[Tensor, "batch token memory_dim"],
        mask: Bool[Tensor, "batch token"] | None,
    ) -> Float[Tensor, "batch query"]:
        # What the first layer does before it reads the tokens is the same for all records, and so computed once.
        keys = self.project_memory(tokens)
        for layer in self.layers:
            x = layer(x, keys, mask)
        return self.classify(self.norm(x)).squeeze(-1)
