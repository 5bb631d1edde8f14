"""Prediction from the heart's image: a ResNet50 on short-axis cardiac MRI."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from methods.image_augment import augmented_image, heart
from methods.nets.image_encoders import ImageEncoderName, image_encoder

SCRATCH: dict[str, Any] = {"epochs": 400, "batch_size": 32, "lr": 1e-3, "weight_decay": 1e-4, "patience": 40}


class ResNet50CMR(Method):
    """A ResNet-50 on cardiac MR images, trained from labels; the ECG is not used.

    Source: Turgut et al. (MMCL), Medical Image Analysis 2025, IV-D.1, Tables I, V and VII: a ResNet50 from random weights,
    with the image augmentations of IV-C.2. Its rate, batch and decay are not stated: those of the field descriptions.
    """

    name = "resnet50-cmr"
    family = "multimodal"
    input = InputSpec(fs=100, seconds=0.5, downstream=("image",))
    smoke: ClassVar = {"encoder": "small", "image_size": 64}
    protocols: ClassVar = {"scratch": SCRATCH}

    class Config(MethodConfig):
        encoder: ImageEncoderName = Field(
            "resnet50", description="MMCL IV-D.1; vit_base_patch16 is the other of Table IV"
        )
        image_size: int = Field(210, ge=32, description="pixels; MMCL IV-A")

    def build(self, config: Config) -> None:
        self.encoder = image_encoder(config.encoder)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        assert batch.image is not None, "the harness delivers images downstream"
        return self.encoder(heart(batch.image))

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        assert batch.image is not None, "the harness delivers images downstream"
        return replace(batch, image=augmented_image(batch.image))
