"""HuBERT-ECG's network as its authors probe it.

Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released architecture.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
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


def min_max(ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead time"]:
    """Each lead from -1, its minimum, to 1, its maximum."""
    low, high = ecg.amin(-1, keepdim=True), ecg.amax(-1, keepdim=True)
    return 2 * (ecg - low) / (high - low + 1e-8) - 1


class FlatLeads(nn.Module):
    """What the network reads: each lead scaled to [-1, 1], and of the first half every 5th sample, lead after lead.

    Decimation is ``scipy.signal.decimate``'s (Chebyshev filter, both ways) of all leads as one signal: each lead rings into
    the next, as in pretraining. Since it is linear, one row of coefficients in the middle and a matrix at both ends give the
    same numbers, and gradients reach the input. The response to one sample is below 1e-12 after 750 samples.
    """

    response: Tensor

    def __init__(self, factor: int = 5, ends: int = 1500):
        super().__init__()
        from scipy.signal import decimate

        self.factor, self.ends = factor, ends
        response = np.ascontiguousarray(decimate(np.eye(ends), factor, axis=1), np.float32)
        self.register_buffer("response", torch.from_numpy(response), persistent=False)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch flat"]:
        return self.decimated(min_max(ecg)[..., : ecg.shape[-1] // 2].flatten(1))

    def decimated(self, flat: Float[Tensor, "batch time"]) -> Float[Tensor, "batch decimated"]:
        """Every ``factor``-th sample of a signal of at least ``ends`` samples, a multiple of ``factor``."""
        half = self.ends // (2 * self.factor)
        middle = F.conv1d(flat[:, None], self.response[:, half][None, None], stride=self.factor)[:, 0]
        first, last = (
            flat[:, : self.ends] @ self.response[:, :half],
            flat[:, -self.ends :] @ self.response[:, half + 1 :],
        )
        return torch.cat([first, middle, last], dim=1)


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
