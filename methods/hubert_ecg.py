"""HuBERT-ECG: released self-supervised networks in three sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.hubert_ecg import HUBERT_ECG, FlatLeads, HuBERTECGNet, Size, min_max
from methods.released_model import Inputs, ReleasedModel


class HuBERTECGSmall(ReleasedModel):
    """HuBERT-ECG with 30 million parameters, with the authors' weights; it reads the first 5 s at 100 Hz.

    Leads are scaled over 10 s, put one after the other and decimated as one signal, as in pretraining, so that each rings
    into the next (:class:`methods.nets.hubert_ecg.FlatLeads`). The collections of its pretraining are not listed in the
    abstract; those declared are an assumption, from the collections that its code can prepare.

    Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released code.
    """

    name = "hubert-ecg-small"
    family = "masked"
    input = InputSpec(fs=500, seconds=10, filters=("fir:0.05:47",), filters_at="recorded", resampling="fft")
    net_fs = 100
    net_samples = 500
    size: ClassVar[Size] = "small"
    published_facts: ClassVar = {
        "licence": "CC-BY-NC-4.0",
        "corpora": ("cinc2021", "mimic-iv-ecg", "code-full"),
        "reference": "Coppola et al., medRxiv 2024.11.14.24317328",
        "assumed": "that it was pretrained on PhysioNet 2021, MIMIC-IV-ECG and CODE, whose preparation is in its code: the "
        "abstract lists no collections, and the paper was not read",
    }
    published_weights: ClassVar = {
        "small": {
            "file": "model.safetensors",
            "hub": "Edoardo-BS/hubert-ecg-small",
            "megabytes": 122,
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.flat_leads = FlatLeads()
        self.net = HuBERTECGNet(self.size)

    def encode_as_trained(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(self.flat_leads(ecg))

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg.flatten(1))

    def scaled(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record lead time"]:
        """Each lead of a window from -1 to 1."""
        return min_max(ecg)

    def scales(self, inputs: Inputs) -> bool:
        return super().scales(inputs) or inputs == "ecg-fm-benchmarking"

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        """In ecg-fm-benchmarking it keeps its filter, which there works at 100 Hz."""
        spec = super().input_for(config)
        return replace(spec, filters=cls.input.filters) if config.inputs == "ecg-fm-benchmarking" else spec

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", HUBERT_ECG), LEADS)}


class HuBERTECGBase(HuBERTECGSmall):
    """HuBERT-ECG with 93 million parameters, with the authors' weights; it reads the first 5 s at 100 Hz.

    Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released code.
    """

    name = "hubert-ecg-base"
    size: ClassVar[Size] = "base"
    published_weights: ClassVar = {
        "base": {
            "file": "model.safetensors",
            "hub": "Edoardo-BS/hubert-ecg-base",
            "megabytes": 372,
        }
    }


class HuBERTECGLarge(HuBERTECGSmall):
    """HuBERT-ECG with 188 million parameters, with the authors' weights; it reads the first 5 s at 100 Hz.

    Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released code.
    """

    name = "hubert-ecg-large"
    size: ClassVar[Size] = "large"
    published_weights: ClassVar = {
        "large": {
            "file": "model.safetensors",
            "hub": "Edoardo-BS/hubert-ecg-large",
            "megabytes": 755,
        }
    }
