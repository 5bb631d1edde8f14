"""Cross-modal autoencoders: one code for an ECG and a heart image, from which either can be reconstructed."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.image_augment import heart
from methods.losses.contrastive import weighted_clip


class CrossModalAE(Method):
    """Two encoders, two decoders, one code: reconstruction within and across modalities, and contrast of the codes.

    Source: Radhakrishnan et al., "Cross-modal autoencoder framework learns holistic representations of cardiovascular
    state", Nature Communications 2023; a row of MMCL Table VI. The networks are plain convolutional ones of our own: the
    published ones were not available. Images are the three phases of MMCL, not its four-chamber cines; ECGs are median beats,
    as there.
    """

    name = "cross-modal-ae"
    family = "multimodal"
    corpus = "ukb"
    input = InputSpec(fs=500, seconds=1.2, normalise="zscore-lead", median_beat=True, modalities=("image",))
    smoke: ClassVar = {"image_size": 64, "width": 8, "pretrain.epochs": 8, "pretrain.batch_size": 64}

    class Config(MethodConfig):
        dim: int = Field(256, ge=8, description="of the code; Radhakrishnan et al. 2023")
        width: int = Field(32, ge=4, description="channels of the first convolution, doubled by later ones; our choice")
        image_size: int = Field(96, ge=32, multiple_of=32, description="pixels that are rebuilt; our choice")
        temperature: float = Field(0.1, gt=0, description="of the contrast; our choice, MMCL's")
        contrast: float = Field(
            1.0, ge=0, description="weight of the contrast relative to the reconstructions; our choice"
        )
        downstream: Literal["ecg", "image"] = Field(
            "ecg", description="modality whose code is used downstream; MMCL Table VI: the ECG's"
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=100, batch_size=64, lr=1e-4, weight_decay=0.0),
            description="our choice; MMCL's table quotes results and states no training",
        )

    @classmethod
    def input_for(cls, config: Config) -> InputSpec:
        downstream = ("image",) if config.downstream == "image" else ()
        return replace(cls.input, image_size=config.image_size, downstream=downstream)  # type: ignore[arg-type]

    def build(self, config: Config) -> None:
        widths = [config.width * factor for factor in (1, 2, 4, 4, 4)]
        self.beat_samples = -(-self.input.length // 32) * 32
        times, side = self.beat_samples // 32, config.image_size // 32
        self.ecg_encoder = _encoder(nn.Conv1d, nn.BatchNorm1d, 12, widths, times, config.dim)
        self.ecg_decoder = _decoder(nn.ConvTranspose1d, nn.BatchNorm1d, 12, widths, (times,), config.dim)
        self.image_encoder = _encoder(nn.Conv2d, nn.BatchNorm2d, 3, widths, side * side, config.dim)
        self.image_decoder = _decoder(nn.ConvTranspose2d, nn.BatchNorm2d, 3, widths, (side, side), config.dim)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        beat, image = self._beat(batch), self._image(batch)
        codes = {"ecg": self.ecg_encoder(beat), "image": self.image_encoder(image)}
        terms = {}
        for source, code in codes.items():
            terms[f"{source}_to_ecg"] = F.mse_loss(self.ecg_decoder(code), beat)
            terms[f"{source}_to_image"] = F.mse_loss(self.image_decoder(code), image)
        contrast = weighted_clip(codes["image"], codes["ecg"], self.config.temperature)
        return terms | {"contrast": self.config.contrast * contrast}

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        if self.config.downstream == "image":
            return self.image_encoder(self._image(batch))
        return self.ecg_encoder(self._beat(batch))

    def _beat(self, batch: ECGBatch) -> Float[Tensor, "record lead time"]:
        return F.pad(batch.ecg, (0, self.beat_samples - batch.ecg.shape[-1]))

    def _image(self, batch: ECGBatch) -> Float[Tensor, "record phase height width"]:
        assert batch.image is not None, "the harness delivers images to this method"
        return heart(batch.image)


def _encoder(convolution: type, norm: type, channels: int, widths: list[int], places: int, dim: int) -> nn.Module:
    """Five convolutions, each of which halves every side, then a linear layer."""
    layers: list[nn.Module] = []
    for source, target in zip([channels, *widths], widths, strict=False):
        layers += [convolution(source, target, 5, stride=2, padding=2), norm(target), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * places, dim))


def _decoder(
    convolution: type, norm: type, channels: int, widths: list[int], sides: tuple[int, ...], dim: int
) -> nn.Module:
    """The encoder backwards."""
    layers: list[nn.Module] = [
        nn.Linear(dim, widths[-1] * int(torch.tensor(sides).prod())),
        nn.Unflatten(1, (widths[-1], *sides)),
    ]
    reverse = [*widths[::-1], channels]
    for i, (source, target) in enumerate(zip(reverse, reverse[1:], strict=False)):
        layers.append(convolution(source, target, 4, stride=2, padding=1))
        if i < len(widths) - 1:
            layers += [norm(target), nn.ReLU()]
    return nn.Sequential(*layers)
