"""D-BETA: a released encoder that learned from recordings and reports of MIMIC-IV-ECG."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.d_beta import D_BETA, DBETANet
from methods.released_model import ReleasedModel


class DBETA(ReleasedModel):
    """A wav2vec-like network with a class token for 10 s of 12 leads in mV, with the authors' weights.

    The release does not state in which order the weights learned the leads; the standard order is assumed, in which its
    example feeds them. ``bench checkpoints import --lead-order`` takes another one.

    Source: Pham et al., ICML 2025 (arXiv 2410.02131), and its released code. The file has the name that its examples use.
    """

    name = "d-beta"
    family = "report"
    input = InputSpec(fs=500, seconds=10)
    published_weights: ClassVar = {
        "model": {
            "file": "sample.pt",
            "page": "https://huggingface.co/Manhph2211/D-BETA",
            "licence": "CC-BY-NC-4.0",
            "corpora": ("mimic-iv-ecg",),
            "reference": "Pham et al., ICML 2025",
            "assumed": "that the weights learned the leads in the standard order, in which the release's example feeds them: "
            "no order is stated, and the corpus, MIMIC-IV-ECG, has aVF before aVL",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = DBETANet()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {
            "model": PublishedNames(
                within("", "net.", D_BETA),
                LEADS,
                lead_axes={"net.trunk.feature_extractor.conv_layers.0.conv.weight": 1},
                container="model",
            )
        }
