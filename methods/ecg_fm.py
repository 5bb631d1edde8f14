"""ECG-FM: released weights of a wav2vec-like network pretrained on MIMIC-IV-ECG and the PhysioNet 2021 collection."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.ecg_fm import ECG_FM_FINETUNED, ECG_FM_PRETRAINED, ECGFMNet
from methods.released_model import ReleasedModel


class ECGFM(ReleasedModel):
    """A wav2vec-like network for 5 s of 12 leads, with the authors' weights.

    Both halves of 10 s pass the network; the result is the mean of their features. The authors average the scores of 5 s
    segments, or take their maximum. A second half without a signal is left out.

    Source: McKeen et al., arXiv 2408.05178, and its released code. The paper describes a larger model, trained on more data;
    its numbers are not those of the released weights.
    """

    name = "ecg-fm"
    family = "masked"
    input = InputSpec(fs=500, seconds=10, normalise="zscore-lead", resampling="interpolate")
    net_samples = 2500
    published_facts: ClassVar = {
        "hub": "wanglab/ecg-fm",
        "licence": "MIT",
        "corpora": ("mimic-iv-ecg", "ptbxl", "cpsc2018", "chapman", "ningbo", "georgia", "cpsc-extra"),
        "reference": "McKeen et al., arXiv 2408.05178, 2024",
    }
    published_weights: ClassVar = {
        "pretrained": {
            "file": "mimic_iv_ecg_physionet_pretrained.pt",
            "megabytes": 1090,
        },
        "finetuned": {
            "file": "mimic_iv_ecg_finetuned.pt",
            "part": "finetuned",
            "megabytes": 1080,
        },
    }

    class Config(ReleasedModel.Config):
        weights: Literal["pretrained", "finetuned"] = Field(
            "pretrained", description="finetuned: trained further on 17 labels of MIMIC-IV-ECG's reports"
        )

    def build(self, config: Config) -> None:
        self.net = ECGFMNet()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    def encode_as_trained(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        halves = torch.stack(ecg.chunk(2, dim=2), dim=1)
        features = self.net(halves.flatten(0, 1)).unflatten(0, halves.shape[:2])
        weight = (halves != 0).flatten(2).any(2).to(features.dtype)
        weight[:, 0] = 1
        return (weight[..., None] * features).sum(1) / weight.sum(1, keepdim=True)

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        return {
            "model": PublishedNames(within("", "net.", ECG_FM_PRETRAINED), LEADS, container="model"),
            "finetuned": PublishedNames(within("", "net.", ECG_FM_FINETUNED), LEADS, container="model"),
        }
