"""HuBERT-ECG: released self-supervised networks in three sizes."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.hubert_ecg import HUBERT_ECG, FlatLeads, HuBERTECGNet, Size


class HuBERTECGSmall(Method):
    """HuBERT-ECG with 30 million parameters, with the authors' weights; it reads the first 5 s at 100 Hz.

    Leads are scaled over 10 s, put one after the other and decimated as one signal, as in pretraining, so that each rings
    into the next (:class:`methods.nets.hubert_ecg.FlatLeads`). The collections of its pretraining are not listed in the
    abstract; those declared are an assumption, from the collections that its code can prepare.

    Source: Coppola et al., medRxiv 2024.11.14.24317328, and its released code.
    """

    name = "hubert-ecg-small"
    family = "masked"
    input = InputSpec(fs=500, seconds=10, filters=("fir:0.05:47",), filters_at="recorded", resampling="fft")
    size: ClassVar[Size] = "small"
    published_weights: ClassVar = {
        "small": {
            "file": "model.safetensors",
            "page": "https://huggingface.co/Edoardo-BS/hubert-ecg-small",
            "hub": "Edoardo-BS/hubert-ecg-small",
            "licence": "CC-BY-NC-4.0",
            "corpora": ("cinc2021", "mimic-iv-ecg", "other:code"),
            "megabytes": 122,
            "reference": "Coppola et al., medRxiv 2024.11.14.24317328",
        }
    }

    class Config(MethodConfig):
        pass

    def build(self, config: Config) -> None:
        self.flat_leads = FlatLeads()
        self.net = HuBERTECGNet(self.size)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.net(self.flat_leads(batch.ecg))

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
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
            "page": "https://huggingface.co/Edoardo-BS/hubert-ecg-base",
            "hub": "Edoardo-BS/hubert-ecg-base",
            "licence": "CC-BY-NC-4.0",
            "corpora": ("cinc2021", "mimic-iv-ecg", "other:code"),
            "megabytes": 372,
            "reference": "Coppola et al., medRxiv 2024.11.14.24317328",
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
            "page": "https://huggingface.co/Edoardo-BS/hubert-ecg-large",
            "hub": "Edoardo-BS/hubert-ecg-large",
            "licence": "CC-BY-NC-4.0",
            "corpora": ("cinc2021", "mimic-iv-ecg", "other:code"),
            "megabytes": 755,
            "reference": "Coppola et al., medRxiv 2024.11.14.24317328",
        }
    }
