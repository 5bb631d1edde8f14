"""MERL's released encoders."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import MIMIC_ORDER
from methods.nets.backbones import backbone, code_of
from methods.nets.checkpoint_names import MERL_RESNET_ENCODER, MERL_VIT_ENCODER
from methods.released_model import ReleasedModel


class MERLReleased(ReleasedModel):
    """MERL's ECG encoder with the authors' weights: the representation without text. Zero-shot needs the whole model:
    ``bench checkpoints import merl FILE``.

    Source: Liu et al., "Zero-Shot ECG Classification with Multimodal Learning and Test-time Clinical Knowledge Enhancement",
    ICML 2024, and its released code. The weights learned the leads in MIMIC-IV-ECG's order (aVF before aVL); on import they
    are put into the order of this project.
    """

    name = "merl-released"
    family = "report"
    input = InputSpec(fs=500, seconds=10, normalise="minmax", padding="before")
    mislabelled_leads = True
    published_facts: ClassVar = {
        "page": "https://github.com/cheliu-computation/MERL-ICML2024",
        "licence": "unknown",
        "corpora": ("mimic-iv-ecg",),
        "reference": "Liu et al., ICML 2024",
    }
    published_weights: ClassVar = {
        "resnet18": {
            "file": "res18_best_encoder.pth",
        },
        "vit-tiny": {
            "file": "vit_tiny_best_encoder.pth",
        },
    }

    class Config(ReleasedModel.Config):
        weights: Literal["resnet18", "vit-tiny"] = Field("resnet18", description="which released encoder")

    @classmethod
    def extra_code(cls, config: Config) -> tuple[str, ...]:
        return code_of(config.weights)

    def build(self, config: Config) -> None:
        self.net = backbone(config.weights, self.input.length)

    def encode_window(
        self, ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"]
    ) -> Float[Tensor, "record dim"]:
        if self.config.weights == "vit-tiny":  # its positions are those of 10 s
            ecg = F.pad(ecg, (0, type(self).input.length - ecg.shape[-1]))
        return self.net(ecg)

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        vit = config.weights == "vit-tiny"
        rules = within("", "net.", MERL_VIT_ENCODER if vit else MERL_RESNET_ENCODER)
        axes = {"net.patch_embedding.weight" if vit else "net.stem.0.weight": 1}
        return {"model": PublishedNames(rules, MIMIC_ORDER, lead_axes=axes)}
