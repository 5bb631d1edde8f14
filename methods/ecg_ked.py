"""KED: a released encoder that learned from recordings and reports of MIMIC-IV-ECG, with knowledge of diseases."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import MIMIC_ORDER
from methods.nets.ked import KED, KEDNet
from methods.released_model import ReleasedModel


class ECGKED(ReleasedModel):
    """A residual network with 101 layers for 10 s of 12 leads, with the authors' weights; its text side is not read.

    No outputs of the authors' network were available: its names and shapes are those of its released code, its numbers were
    not compared. Its loader reads the files of MIMIC-IV-ECG in their order of leads (aVF before aVL); on import the weights
    are put into the order of this project.

    Source: Tian et al., "Foundation model of ECG diagnosis: Diagnostics and explanations of any form and rhythm on ECG", Cell
    Reports Medicine 2024, and its released code.
    """

    name = "ecg-ked"
    family = "report"
    input = InputSpec(fs=100, seconds=10, resampling="fft")
    published_weights: ClassVar = {
        "augmented": {
            "file": "best_valid_all_increase_with_augment_epoch_3.pt",
            "page": "https://zenodo.org/records/14881564",
            "url": "https://zenodo.org/records/14881564/files/best_valid_all_increase_with_augment_epoch_3.pt",
            "licence": "unknown",
            "corpora": ("mimic-iv-ecg",),
            "reference": "Tian et al., Cell Reports Medicine 2024",
            "assumed": "that the network computes what the authors' does, of which no outputs were available to compare; "
            "only names and shapes follow the released code",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = KEDNet()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        axes = {"net.stem.0.0.weight": 1}
        rules = within("", "net.", KED)
        return {"model": PublishedNames(rules, MIMIC_ORDER, lead_axes=axes, container="ecg_model")}
