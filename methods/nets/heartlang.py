"""HeartLang's encoder: a sentence whose words are the heartbeats of each lead.

Source: Jin et al., "Reading Your Heart: Learning ECG Words and Sentences via Pre-training ECG Language Model", ICLR
2025, and the names, shapes and description of its released code. Words of padding are not masked there, nor here.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from bench.method.published_names import Rules
from methods.nets.heartlang_words import WORD, WORDS
from methods.nets.transformer import TransformerBlock


class HeartLangEncoder(nn.Module):
    """The class token after the last LayerNorm.

    Words are embedded by a convolution along the sentence that closes into a ring: neighbours mix, and the last word
    is a neighbour of the first.

    Args:
        dim, heads, head_dim, hidden, depth: 768, 8, 64, 1024 and 12 in the release.

    Attributes:
        dim: length of the class token.
    """

    def __init__(self, dim: int = 768, heads: int = 8, head_dim: int = 64, hidden: int = 1024, depth: int = 12):
        super().__init__()
        self.dim = dim
        self.embed = nn.Conv1d(WORD, dim, 3, padding=1, padding_mode="circular", bias=False)
        self.lead_embedding = nn.Embedding(16, dim)
        self.time_embedding = nn.Embedding(16, dim)
        self.class_token = nn.Parameter(0.02 * torch.randn(dim))
        self.positions = nn.Parameter(0.02 * torch.randn(1, WORDS + 1, dim))
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, heads, hidden / dim, head_dim=head_dim, qkv_bias=False) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def encode_tokens(
        self,
        words: Float[Tensor, "batch word sample"],
        leads: Int[Tensor, "batch word"],
        seconds: Int[Tensor, "batch word"],
    ) -> Float[Tensor, "batch token dim"]:
        """The normalised class token and words.

        Args:
            words: 256 of 96 samples.
            leads: of each word, from 1; 0 for padding.
            seconds: in which the middle of each word is, from 1; 0 for padding.
        """
        x = self.embed(words.transpose(1, 2)).transpose(1, 2)
        x = x + self.lead_embedding(leads) + self.time_embedding(seconds)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(
        self,
        words: Float[Tensor, "batch word sample"],
        leads: Int[Tensor, "batch word"],
        seconds: Int[Tensor, "batch word"],
    ) -> Float[Tensor, "batch dim"]:
        return self.encode_tokens(words, leads, seconds)[:, 0]


_LAYER = r"transformer\.layers\.(\d+)\."

HEARTLANG: Rules = (
    (r"token_embed\.tokenConv\.", "embed."),
    (r"spa_embed\.embed\.", "lead_embedding."),
    (r"tem_embed\.embed\.", "time_embedding."),
    (r"cls_token$", "class_token"),
    (r"pos_embed$", "positions"),
    (rf"{_LAYER}0\.norm\.", r"blocks.\1.norm1."),
    (rf"{_LAYER}0\.to_qkv\.", r"blocks.\1.attn.qkv."),
    (rf"{_LAYER}0\.to_out\.0\.", r"blocks.\1.attn.proj."),
    (rf"{_LAYER}1\.net\.0\.", r"blocks.\1.norm2."),
    (rf"{_LAYER}1\.net\.1\.", r"blocks.\1.mlp.fc1."),
    (rf"{_LAYER}1\.net\.4\.", r"blocks.\1.mlp.fc2."),
    (r"norm_layer\.", "norm."),
    (r"mask_token$", None),  # pretraining alone hides words
    (r"lm_head\.", None),  # and predicts them
)
"""HeartLang's pretraining files."""
