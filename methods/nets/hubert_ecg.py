"""HuBERT-ECG's network as its authors probe it.

Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released architecture.
"""

from __future__ import annotations

from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules, within
from methods.nets.wav2vec_trunk import Wav2vecTrunk, weight_norm

Size = Literal["small", "base", "large"]

SIZES: dict[Size, dict[str, Any]] = {
    "small": {"dim": 512, "depth": 8, "heads": 8, "hidden": 2048},
    "base": {"dim": 768, "depth": 12, "heads": 12, "hidden": 3072},
    "large": {"dim": 960, "depth": 16, "heads": 12, "hidden": 3840},
}


class HuBERTECGNet(nn.Module):
    """The trunk over the leads one after the other as one signal, then the mean over tokens.

    A token covers parts of two leads at their border.

    Args:
        size: of the transformer.
        depth: blocks of the trunk; default: those of ``size``.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, size: Size = "base", depth: int | None = None):
        super().__init__()
        shape = SIZES[size] if depth is None else {**SIZES[size], "depth": depth}
        self.trunk = Wav2vecTrunk(1, 512, kernels=(10, 3, 3, 2, 2), strides=(4, 2, 2, 2, 2), **shape)
        self.dim = self.trunk.dim

    def forward(self, ecg: Float[Tensor, "batch time"]) -> Float[Tensor, "batch dim"]:
        return self.trunk(ecg[:, None]).mean(1)


_TRUNK: Rules = (
    (r"feature_extractor\.conv_layers\.(\d+)\.conv\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.", r"feature_extractor.conv_layers.\1.norm."),
    (r"feature_projection\.layer_norm\.", "layer_norm."),
    (r"feature_projection\.projection\.", "post_extract_proj."),
    *weight_norm(r"encoder\.pos_conv_embed\.conv", "conv_pos"),
    (r"encoder\.layer_norm\.", "encoder.layer_norm."),
    *(
        (rf"encoder\.layers\.(\d+)\.{theirs}\.", rf"encoder.layers.\1.{ours}.")
        for theirs, ours in {
            "attention": "self_attn",
            "layer_norm": "self_attn_layer_norm",
            r"feed_forward\.intermediate_dense": "fc1",
            r"feed_forward\.output_dense": "fc2",
            "final_layer_norm": "final_layer_norm",
        }.items()
    ),
)

HUBERT_ECG: Rules = (
    *within("", "trunk.", _TRUNK),
    (r"masked_spec_embed$", None),
    (r"final_proj\.", None),  # predicts the clusters of pretraining
    (r"label_embedding\.", None),
)
"""HuBERT-ECG's self-supervised files."""
