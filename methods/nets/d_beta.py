"""D-BETA's ECG encoder as its authors probe it.

Source: Pham et al., ICML 2025 (arXiv 2410.02131), and its released architecture.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules, within
from methods.nets.wav2vec_trunk import FAIRSEQ_TRUNK, Wav2vecTrunk


class DBETANet(nn.Module):
    """The trunk with a class token, a linear layer, then tanh of a linear layer of the class token.

    The class token joins after the positions have been added, and so has none.

    Args:
        depth: blocks of the trunk.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, depth: int = 8):
        super().__init__()
        self.trunk = Wav2vecTrunk(depth=depth)
        self.dim = self.trunk.dim
        self.class_embedding = nn.Parameter(0.02 * torch.randn(self.dim))
        self.multi_modal_ecg_proj = nn.Linear(self.dim, self.dim)
        self.unimodal_ecg_pooler = nn.Linear(self.dim, self.dim)

    def tokens(self, ecg: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch token dim"]:
        """The class token and the others after the last block."""
        first = self.class_embedding.expand(len(ecg), 1, -1)
        return self.trunk.encoder(torch.cat([first, self.trunk.embed(ecg)], dim=1))

    def forward(self, ecg: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch dim"]:
        return torch.tanh(self.unimodal_ecg_pooler(self.multi_modal_ecg_proj(self.tokens(ecg))[:, 0]))


D_BETA: Rules = (
    *within("ecg_encoder.", "trunk.", FAIRSEQ_TRUNK),
    (r"class_embedding$", "class_embedding"),
    (r"multi_modal_ecg_proj\.", "multi_modal_ecg_proj."),
    (r"unimodal_ecg_pooler\.dense\.", "unimodal_ecg_pooler."),
    (r"language_encoder\.", None),
    (r"multi_modal_language_proj\.", None),
    (r"multi_modal_(?:ecg|language)_(?:layers|pooler)\.", None),
    (r"unimodal_language_pooler\.", None),
    (r"modality_type_embeddings\.", None),
    (r"(?:mlm|mim|itm)_head\.", None),
)
"""D-BETA's whole model, of which the ECG side is used."""
