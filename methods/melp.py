"""MELP: a released encoder that learned from recordings and reports of MIMIC-IV-ECG."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import MIMIC_ORDER
from methods.nets import melp as nets
from methods.released_model import ReleasedModel


class MELP(ReleasedModel):
    """A wav2vec-like network for 10 s of 12 leads, pooled by learned queries, with the authors' weights.

    Its features are those that the authors probe, before the projection for zero-shot classification. The weights learned the
    leads in the order of MIMIC-IV-ECG's files and are put into the order of this project.

    Source: Wang et al., ICML 2025, and its released code and encoder.
    """

    name = "melp"
    family = "report"
    input = InputSpec(fs=500, seconds=10, normalise="minmax", padding="before")
    published_weights: ClassVar = {
        "encoder": {
            "file": "model.safetensors",
            "hub": "fuyingw/MELP_Encoder",
            "licence": "Apache-2.0",
            "corpora": ("mimic-iv-ecg",),
            "megabytes": 131,
            "reference": "Wang et al., ICML 2025",
        }
    }

    def build(self, config: ReleasedModel.Config) -> None:
        self.net = nets.MELPNet()

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: ReleasedModel.Config) -> dict[str, PublishedNames]:
        """The encoder alone, or the ECG side of the whole model; their names cannot be taken for each other."""
        return {
            "model": PublishedNames(
                within("", "net.", (*nets.MELP, *nets.MELP_ENCODER)),
                MIMIC_ORDER,
                lead_axes={"net.trunk.feature_extractor.conv_layers.0.conv.weight": 1},
                sized_by_file={"net.attn_pool_contrast.query": 0},
            )
        }
