"""ST-MEM's released encoder."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.filters import apply_filters
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.st_mem_names import ENCODER, WHOLE, convert
from methods.nets.st_mem_short import ShortSpatioTemporalViT
from methods.released_model import ReleasedModel

FS = 250
CROP = 2250
PATCH = 75
CROPS = (0, 125, 250)
FILTERS = ("highpass:0.67/5/scipy", "lowpass:40/5/scipy")


class STMEMReleased(ReleasedModel):
    """ST-MEM with the authors' weights: the mean over three crops of nine seconds.

    Source: Na et al., "Guiding Masked Representation Learning to Capture Spatio-Temporal Relationship of Electrocardiogram",
    ICLR 2024, and its released code. As there, a crop is cut first, and then filtered and scaled over all leads that are
    available.
    """

    name = "st-mem-released"
    family = "masked"
    input = InputSpec(fs=FS, seconds=10, resampling="fft", partial_leads=True)
    net_samples = CROP
    samples_multiple = PATCH
    published_facts: ClassVar = {
        "page": "https://github.com/bakqui/ST-MEM",
        "licence": "CC-BY-NC-4.0",
        "corpora": ("csn", "code15"),
        "reference": "Na et al., ICLR 2024",
    }
    published_weights: ClassVar = {
        "encoder": {
            "file": "st_mem_vit_base_encoder.pth",
            "part": "encoder",
        },
        "full": {
            "file": "st_mem_vit_base_full.pth",
            "part": "model",
        },
    }

    class Config(ReleasedModel.Config):
        weights: Literal["encoder", "full"] = Field(
            "encoder", description="the released file: the encoder alone, or with its decoder, which is not used"
        )

    def build(self, config: Config) -> None:
        self.net = ShortSpatioTemporalViT(CROP, patch=PATCH, dim=768, heads=12, depth=12)

    def encode_as_trained(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        crops = [self.net(crop(ecg, leads, start), leads) for start in CROPS]
        return torch.stack(crops).mean(0)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg, leads)

    def scaled(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record lead time"]:
        """Filtered and scaled as a crop, whatever its length."""
        return crop(ecg, leads, 0)

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        return {
            "encoder": PublishedNames(within("", "net.", ENCODER), LEADS, convert=convert),
            "model": PublishedNames(within("", "net.", WHOLE), LEADS, convert=convert),
        }


def crop(ecg: Float[Tensor, "record lead time"], leads: Tensor, start: int) -> Float[Tensor, "record lead crop"]:
    """Nine seconds from ``start``, filtered, and scaled by mean and standard deviation of the available leads."""
    part = apply_filters(ecg[..., start : start + CROP].detach().cpu().numpy().astype(np.float64), FS, FILTERS)
    there = leads.cpu().numpy()[..., None]
    count = there.sum(axis=(1, 2), keepdims=True) * part.shape[-1]
    mean = (part * there).sum(axis=(1, 2), keepdims=True) / count
    spread = np.sqrt(((part - mean) ** 2 * there).sum(axis=(1, 2), keepdims=True) / count)
    scaled = np.where(there, (part - mean) / np.maximum(spread, 1e-8), 0)
    return torch.from_numpy(scaled.astype(np.float32)).to(ecg.device)
