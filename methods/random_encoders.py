"""Untrained encoders: the lower bound for every learned representation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.signals.input_spec import InputSpec
from methods.losses.contrastive import similarities
from methods.supervised import SupervisedEncoder
from methods.text.encoder import TextEncoderConfig
from methods.text.tower import TextTower


class RandomEncoder(SupervisedEncoder):
    """Frozen random weights; zero-shot through a random projection of the class name's text embedding: chance level."""

    family = "untrained"
    input = InputSpec(fs=500, seconds=10, normalise="minmax")

    class Config(SupervisedEncoder.Config):
        normalise: Literal["minmax", "zscore", "zscore-lead"] = Field(
            "minmax",
            description="scaling of a recording; minmax is MERL's. A ViT's smoke has that of K-MERL's, for the same reason: "
            "compared with the offset that min-max scaling leaves, linear tokens see little of the waveform",
        )

    def build(self, config: SupervisedEncoder.Config) -> None:
        super().build(config)
        self.text = TextTower(TextEncoderConfig())
        self.project_text = nn.Linear(self.text.dim, self.encoder.dim)

    def zero_shot(self, batch: ECGBatch, class_names: Sequence[str]) -> Float[Tensor, "record class"]:
        prompts = self.project_text(self.text.prompts([n.lower() for n in class_names], batch.ecg.device))
        return similarities(self.encode(batch), prompts, temperature=1.0)

    def use_cache(self, folder: Path) -> None:
        self.text.use_cache(folder)


class RandomResNet(RandomEncoder):
    """MERL's 1-D ResNet18 with random weights. Source: K-MERL Table 1, "Random Init (CNN)"."""

    name = "random-resnet"
    smoke: ClassVar = {"fs": 100, "width": 16}

    class Config(RandomEncoder.Config):
        encoder: str = Field("resnet18", description="MERL's main encoder")


class RandomViT(RandomEncoder):
    """MERL's tiny ViT with random weights. Source: K-MERL Table 1, "Random Init (Transformer)"."""

    name = "random-vit"
    smoke: ClassVar = {"fs": 100, "depth": 4, "normalise": "zscore"}

    class Config(RandomEncoder.Config):
        encoder: str = Field("vit-tiny", description="MERL's tiny ViT")
