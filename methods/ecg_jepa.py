"""ECG-JEPA: released encoders that predict hidden patches in the space of representations."""

from __future__ import annotations

from typing import ClassVar, Literal

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.ecg_jepa import ECG_JEPA, PATCH, ECGJEPAEncoder
from methods.released_model import ReleasedModel

READ = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]


class ECGJEPA(ReleasedModel):
    """A transformer over patches of eight leads, with the authors' weights; the six other leads follow from I and II.

    Source: Kim, "Learning General Representation of 12-Lead Electrocardiogram with a Joint-Embedding Predictive
    Architecture", arXiv 2410.08559, 2024, and its released code. It reads raw millivolts at 250 Hz. ``weights`` chooses how
    patches were hidden in pretraining.
    """

    name = "ecg-jepa"
    family = "masked"
    input = InputSpec(fs=250, seconds=10, resampling="fft")
    samples_multiple = PATCH
    published_facts: ClassVar = {
        "page": "https://github.com/sehunfromdaegu/ECG_JEPA",
        "licence": "MIT",
        "corpora": ("csn", "code15"),
        "reference": "arXiv 2410.08559",
    }
    published_weights: ClassVar = {
        "multiblock": {
            "file": "multiblock_epoch100.pth",
        },
        "random": {
            "file": "random_epoch100.pth",
        },
    }

    class Config(ReleasedModel.Config):
        weights: Literal["multiblock", "random"] = Field(
            "multiblock", description="patches hidden in blocks, or one by one; both are released"
        )

    def build(self, config: Config) -> None:
        self.net = ECGJEPAEncoder()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg[:, READ])

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", ECG_JEPA), LEADS, container="encoder")}
