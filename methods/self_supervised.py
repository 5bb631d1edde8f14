"""Base of the methods that learn from the ECG alone: an encoder by name, and random views."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from methods.nets.backbones import backbone, code_of, serves_one_length
from methods.views import MEHARI, AugmentationName, random_view


class SelfSupervised(Method):
    """An encoder that is pretrained on views of recordings; its pooled output is the representation."""

    family = "contrastive"
    input = InputSpec(fs=500, seconds=10, normalise="zscore")

    class Config(MethodConfig):
        fs: int = Field(
            500,
            ge=50,
            description="Hz of the input; 500 in K-MERL, ETP and MMCL; 100 in Mehari and Strodthoff 2022 and LEAVES",
        )
        encoder: str = Field(
            "resnet18",
            description="ETP Table 1; ESI's rows have convnext-base, MMCL's mmcl-vit, and K-MERL Table 1 names none "
            "for its own",
        )
        width: int | None = Field(
            None, ge=2, description="channels of the first stage, or of a ViT's tokens; default: published"
        )
        depth: int | None = Field(None, ge=1, description="blocks of a ViT; default: published")
        view_seconds: float = Field(
            2.5,
            gt=0,
            le=10,
            description="s; a view is a crop of this length; 2.5 in Mehari and Strodthoff 2022, 5 in MMCL",
        )
        views: tuple[AugmentationName, ...] = Field(
            MEHARI,
            description="augmentations of a view, in order. Default: the best pair of Mehari and Strodthoff 2022; "
            "MMCL IV-C.2 has fourier-surrogate, jitter, scaling; no table that lists this method states its own",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=50, batch_size=512, lr=1e-3, weight_decay=1e-4),
            description="no table states the optimisation of this row: the 50 epochs and one device's batch of K-MERL "
            "A, the rate of LEAVES on PTB-XL, the weight decay of MMCL IV-D.1",
        )

    encoder: Any

    @classmethod
    def extra_code(cls, config: Any) -> tuple[str, ...]:
        return code_of(config.encoder)

    def new_encoder(self) -> Any:
        """The encoder that the config names, for views of this method."""
        config: Any = self.config
        samples = self.view_length if serves_one_length(config.encoder) else self.input.length
        return backbone(config.encoder, samples, width=config.width, depth=config.depth)

    def feature_channels(self) -> int:
        """Channels of the encoder's feature map, for methods that look along it.

        Raises:
            ConfigError: the encoder has none.
        """
        if not hasattr(self.encoder, "features"):
            raise ConfigError(
                f"{self.name} follows a feature map in time, which encoder {self.config.encoder} does not have."
            )
        with torch.no_grad():
            self.encoder.eval()
            channels = self.encoder.features(torch.zeros(1, len(LEADS), self.view_length)).shape[1]
            self.encoder.train()
        return channels

    @property
    def view_length(self) -> int:
        """Samples in a view."""
        return round(self.config.view_seconds * self.input.fs)

    def view(self, batch: ECGBatch) -> Float[Tensor, "batch lead sample"]:
        """A random view of every recording of the batch; another each time."""
        return random_view(batch.ecg, batch.leads, self.input.fs, self.view_length, self.config.views)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The encoder's pooled output over the whole recording.

        An encoder that serves one length reads the recording in windows of that length, and the mean is taken.
        """
        if not serves_one_length(self.config.encoder):
            return self.encoder(batch.ecg)
        return window_mean(self.encoder, batch.ecg, self.view_length)


def window_mean(encoder: nn.Module, ecg: Float[Tensor, "batch lead time"], length: int) -> Float[Tensor, "batch dim"]:
    """The mean of the encoder's outputs over consecutive windows; a remainder shorter than a window is left out."""
    windows = ecg.unfold(-1, length, length).transpose(1, 2)
    return encoder(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]).mean(1)
