"""CRT: waveform, magnitude and phase are reconstructed from one another."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Corpus, Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.nets.crt import CRT as CRTPretraining
from methods.nets.crt import CRTEncoder, time_magnitude_phase
from methods.nets.momentum import PretrainingClock


class CRT(Method):
    """Patches of the waveform and of its spectra are masked, increasingly many, and reconstructed from the rest.

    Source: Zhang et al., "Self-Supervised Time Series Representation Learning via Cross Reconstruction Transformer",
    IEEE TNNLS 2023, and its released code (encoder of 2,567,776 parameters). A row of K-MERL Table 1. Adam decays
    over the epochs along a cosine, where the code's plateau schedule, fed with epoch numbers, takes 10 % off every 21
    epochs or so.
    """

    name = "crt"
    family = "masked"
    input = InputSpec(fs=500, seconds=10, normalise="none")
    smoke: ClassVar = {
        "dim": 32,
        "depth": 2,
        "heads": 2,
        "head_dim": 16,
        "fs": 100,
        "domain_scale": "unit",
        "pretrain.epochs": 8,
        "pretrain.batch_size": 64,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 60, "pretrain.batch_size": 32, "pretrain.lr": 3e-3}

    class Config(MethodConfig):
        fs: int = Field(500, ge=50, description="Hz of the input; released PTB-XL settings")
        patch: int = Field(20, ge=1, description="samples or frequency bins per token; released PTB-XL settings")
        dim: int = Field(128, ge=8, description="width; released PTB-XL settings")
        depth: int = Field(6, ge=1, description="transformer blocks; CRT 4, released code")
        heads: int = Field(8, ge=1, description="attention heads; released code")
        head_dim: int = Field(64, ge=1, description="width of a head; released code")
        decoder_depth: int = Field(2, ge=1, description="transformer blocks of the decoder; released code")
        constraint: float = Field(
            1e-4, ge=0, description="weight of the instance discrimination constraint; released code"
        )
        least_hidden: float = Field(0.3, gt=0, lt=1, description="share of patches hidden at the start; released code")
        most_hidden: float = Field(0.8, gt=0, lt=1, description="share of patches hidden at the end; released code")
        targets: Literal["paper", "as_released"] = Field(
            "paper", description="as_released: each prediction is compared with another patch, as the code orders them"
        )
        domains: Literal["paper", "as_released"] = Field(
            "paper",
            description="marks of the domains downstream; as_released: sliced along the batch, as in the code's "
            "fine-tuning, so that a record's vector depends on its position in the batch",
        )
        domain_scale: Literal["as_released", "unit", "log"] = Field(
            "as_released",
            description="as_released: mV, the sums of the Fourier transform, radians, whose mean squares on PTB-XL are 0.04, "
            "40 and 3, so that the loss is almost that of the magnitudes; unit: each domain of a recording divided by its "
            "root mean square; log: so after log(1 + magnitude). unit and log are ours",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=100, batch_size=128, lr=1e-3, weight_decay=0.0, optimiser="adam"),
            description="released code: Adam 1e-3, batch 128, 100 epochs",
        )

    def build(self, config: Config) -> None:
        encoder = CRTEncoder(
            self.input.length,
            patch=config.patch,
            dim=config.dim,
            depth=config.depth,
            heads=config.heads,
            head_dim=config.head_dim,
            batch_sliced_domains=config.domains == "as_released",
        )
        self.net = CRTPretraining(encoder, config.decoder_depth, config.constraint, config.targets == "as_released")
        self.clock = PretrainingClock()

    def prepare_corpus(self, corpus: Corpus) -> None:
        self.clock.prepare(corpus, self.config.pretrain)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        self.clock.tick()
        hidden = min(max(self.clock.fraction(), self.config.least_hidden), self.config.most_hidden)
        return self.net(self.domains(batch.ecg), hidden)

    def domains(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch lead doubled"]:
        """Waveform, magnitudes and phases of a recording, scaled as the config says."""
        domains = time_magnitude_phase(ecg)
        if self.config.domain_scale == "as_released":
            return domains
        samples = ecg.shape[-1]
        time, magnitude, phase = domains.split((samples, samples // 2, samples // 2), dim=-1)
        if self.config.domain_scale == "log":
            magnitude = magnitude.log1p()
        return torch.cat([part / root_mean_square(part) for part in (time, magnitude, phase)], dim=-1)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        return self.net.encoder.encode_domains(self.domains(batch.ecg))


def root_mean_square(domain: Float[Tensor, "batch lead value"]) -> Float[Tensor, "batch 1 1"]:
    """Of all leads of a recording together, so that leads keep their relative size; of a flat recording 1."""
    size = domain.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return torch.where(size > 0, size, torch.ones_like(size))
