"""ECGFounder: released weights of a network trained on 150 diagnoses of the Harvard-Emory ECG database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.net1d import ECGFOUNDER, MEDIUM, Net1D
from methods.released_model import ReleasedModel

FILTERED = ("notch:50/scipy", "bandpass:0.67:40/4/scipy", "median:0.4")


class ECGFounder(ReleasedModel):
    """A supervised network for 12 leads at 500 Hz, with the authors' weights.

    Source: Li et al., "An Electrocardiogram Foundation Model Built on over 10 Million Recordings", NEJM AI 2(7), 2025, and
    its released code. Its README filters every recording; the script with which its authors evaluate PTB-XL only scales
    it (``--set ecgfounder.preparation=unfiltered``).
    """

    name = "ecgfounder"
    family = "supervised"
    input = InputSpec(fs=500, seconds=10, normalise="zscore", filters=FILTERED)
    published_facts: ClassVar = {
        "hub": "PKUDigitalHealth/ECGFounder",
        "licence": "MIT",
        "corpora": ("other:heedb",),
        "reference": "Li et al., NEJM AI 2(7), 2025",
    }
    published_weights: ClassVar = {
        "12-lead": {
            "file": "12_lead_ECGFounder.pth",
        }
    }

    class Config(ReleasedModel.Config):
        input_fields = ReleasedModel.Config.input_fields | {"preparation"}

        preparation: Literal["filtered", "unfiltered"] = Field(
            "filtered",
            description="filtered: notch 50 Hz, band-pass 0.67-40 Hz and a running median, as the README asks; unfiltered: "
            "as the authors' script for PTB-XL",
        )

    @classmethod
    def trained_input(cls, config: Any) -> InputSpec:
        return cls.input if config.preparation == "filtered" else replace(cls.input, filters=())

    def build(self, config: Config) -> None:
        self.net = Net1D(MEDIUM)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", ECGFOUNDER), LEADS)}


class ECGFounderOneLead(ECGFounder):
    """ECGFounder for lead I alone, with the authors' weights; the other leads are not read.

    Source: Li et al., "An Electrocardiogram Foundation Model Built on over 10 Million Recordings", NEJM AI 2(7), 2025, and
    its released code.
    """

    name = "ecgfounder-1lead"
    input = InputSpec(fs=500, seconds=10, normalise="zscore-lead", filters=FILTERED)
    published_weights: ClassVar = {
        "1-lead": {
            "file": "1_lead_ECGFounder.pth",
        }
    }

    def build(self, config: ECGFounder.Config) -> None:
        self.net = Net1D(MEDIUM, leads=1)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg[:, :1])
