"""ST-MEM's encoder for recordings that are shorter than those it was built for."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.nets.spatiotemporal_mae import SpatioTemporalViT


class ShortSpatioTemporalViT(SpatioTemporalViT):
    """ST-MEM's encoder, which also reads fewer patches: these have the first positions, and the right separator has the last
    one, as in the released code."""

    def encode_tokens(
        self,
        ecg: Float[Tensor, "batch lead time"],
        present: Bool[Tensor, "batch lead"] | None = None,
        visible: Int[Tensor, "batch lead kept"] | None = None,
    ) -> Float[Tensor, "batch lead seen dim"]:
        patches = ecg.shape[-1] // self.patch
        if ecg.shape[-1] % self.patch or not 1 <= patches < self.patches_per_lead:
            return super().encode_tokens(ecg, present, visible)
        first = torch.arange(patches, device=ecg.device).expand(*ecg.shape[:2], -1)
        padded = torch.nn.functional.pad(ecg, (0, (self.patches_per_lead - patches) * self.patch))
        return super().encode_tokens(padded, present, first)
