"""ECG-CPC: a released state-space network pretrained by contrastive predictive coding."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.ecg_cpc import ECG_CPC, ECGCPCEncoder
from methods.released_model import ReleasedModel


class ECGCPC(ReleasedModel):
    """Four causal S4 layers on twelve leads, with the authors' weights.

    Source: arXiv 2509.25095 (ICLR 2026), and its released code. It reads millivolts at 240 Hz, as it was pretrained: ten
    seconds at once. The authors' benchmark averages windows of 2.5 s.
    """

    name = "ecg-cpc"
    family = "contrastive"
    input = InputSpec(fs=240, seconds=10)
    published_weights: ClassVar = {
        "heedb": {
            "file": "last_11597276.ckpt",
            "page": "https://doi.org/10.6084/m9.figshare.30192604",
            "licence": "unknown",
            "corpora": ("other:heedb",),
            "reference": "arXiv 2509.25095",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = ECGCPCEncoder()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        return {"model": PublishedNames(within("", "net.", ECG_CPC), LEADS)}
