"""MELP's ECG encoder as its authors probe it.

Source: Wang et al., ICML 2025, and its released architecture.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules, within
from methods.nets.wav2vec_trunk import FAIRSEQ_TRUNK, Wav2vecTrunk

QUERIES = 14
"""Contrast queries of the released encoder. Other files of MELP have 10, 12 or 13, which are taken as they are."""


class QueryPool(nn.Module):
    """Learned queries attend to normalised tokens.

    Args:
        tokens_dim: length of a token.
        dim: length of a query and of the output.
        queries: number of queries.
        heads: attention heads.
    """

    def __init__(self, tokens_dim: int, dim: int, queries: int, heads: int):
        super().__init__()
        self.query = nn.Parameter(torch.randn(queries, dim))
        self.attn = nn.MultiheadAttention(dim, heads, kdim=tokens_dim, vdim=tokens_dim, batch_first=True)
        self.ln_q = nn.LayerNorm(dim)
        self.ln_k = nn.LayerNorm(tokens_dim)

    def forward(self, tokens: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch query dim"]:
        queries = self.ln_q(self.query).expand(len(tokens), -1, -1)
        tokens = self.ln_k(tokens)
        return self.attn(queries, tokens, tokens, need_weights=False)[0]

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *arguments: Any) -> None:
        """Take as many queries as are stored."""
        stored = state_dict.get(f"{prefix}query")
        if stored is not None and stored.shape[1:] == self.query.shape[1:]:
            self.query = nn.Parameter(self.query.new_empty(stored.shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class MELPNet(nn.Module):
    """The trunk, pooling by the contrast queries, LayerNorm, then the mean over queries.

    The projection for zero-shot classification and the pooling for the caption decoder are not built.

    Args:
        queries: number of contrast queries, until weights are loaded.
        depth: blocks of the trunk.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, queries: int = QUERIES, depth: int = 8):
        super().__init__()
        self.dim = 256
        self.trunk = Wav2vecTrunk(depth=depth)
        self.attn_pool_contrast = QueryPool(self.trunk.dim, self.dim, queries, heads=8)
        self.ln_contrast = nn.LayerNorm(self.dim)

    def forward(self, ecg: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch dim"]:
        return self.ln_contrast(self.attn_pool_contrast(self.trunk(ecg))).mean(1)


MELP_ENCODER: Rules = (
    *within("ecg_encoder.", "trunk.", FAIRSEQ_TRUNK),
    (r"attn_pool_contrast\.", "attn_pool_contrast."),
    (r"ln_contrast\.", "ln_contrast."),
    (r"proj_contrast$", None),  # zero-shot classification
    (r"logit_scale$", None),
    (r"attn_pool_caption\.", None),  # the caption decoder
    (r"ln_caption\.", None),
    (r"bn\.", None),  # no feature passes it
)
"""MELP's encoder alone."""

MELP: Rules = within("ecg_encoder.", "", MELP_ENCODER)
"""The ECG side of MELP's whole model."""
