"""TS-TCC: the past of a strongly augmented view predicts the future of a weakly augmented one, and the reverse."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method.pretrain_config import PretrainConfig
from methods import augment
from methods.losses.contrastive import nt_xent
from methods.nets.temporal_contrast import TemporalContrast
from methods.self_supervised import SelfSupervised
from methods.views import random_view


class TSTCC(SelfSupervised):
    """Temporal contrast across a weak and a strong view, and contextual contrast of their summaries.

    Source: Eldele et al., "Time-Series Representation Learning via Temporal and Contextual Contrasting", IJCAI 2021,
    and its released code. No configuration for 12-lead ECG was published: encoder, steps and widths are those of its
    longest signal (SleepEDF). A row of K-MERL Table 1. Deviations: views are drawn again at every step, where the code
    makes them once, and a permutation keeps all leads together.
    """

    name = "ts-tcc"
    smoke: ClassVar = {
        "fs": 100,
        "width": 32,
        "steps": 10,
        "summary": 32,
        "pretrain.epochs": 20,
        "pretrain.batch_size": 64,
        "pretrain.lr": 1e-3,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 1e-3}

    class Config(SelfSupervised.Config):
        encoder: str = Field("ts-tcc", description="three convolutional blocks; TS-TCC 4.2. Others need a feature map")
        view_seconds: float = Field(10, gt=0, le=10, description="s; TS-TCC takes the whole window")
        views: tuple[()] = Field((), description="not used: weak and strong augmentation are the method's own")
        steps: int = Field(
            50, ge=1, description="positions of the feature map predicted ahead; released SleepEDF settings"
        )
        summary: int = Field(
            64, ge=1, description="width of the summarising transformer; 64 or 100 in the released settings"
        )
        temperature: float = Field(0.2, gt=0, description="of the contextual contrast; TS-TCC 4.2")
        contextual: float = Field(
            0.7, ge=0, description="weight of the contextual contrast, the temporal one has 1; TS-TCC 4.2"
        )
        weak: Literal["paper", "as_released"] = Field(
            "paper",
            description="jitter and scale around 1 (TS-TCC 3.1); as_released: only a factor of mean 2 at every "
            "sample, as in the code",
        )
        sigma_scale: float = Field(
            0.1, ge=0, description="SD of the weak scale; the code has 1.5, 1.1 or 0.001 by data set, none for ECG"
        )
        sigma_jitter: float = Field(
            0.1, ge=0, description="SD of white noise; the code has 2, 0.8 or 0.001 by data set, none for ECG"
        )
        segments: int = Field(12, ge=2, description="fewer than this many are permuted; released SleepEDF settings")
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=40,
                batch_size=128,
                lr=3e-4,
                weight_decay=3e-4,
                betas=(0.9, 0.99),
                schedule="constant",
                optimiser="adam",
            ),
            description="TS-TCC 4.2: Adam 3e-4, weight decay 3e-4, betas 0.9 and 0.99, batch 128, 40 epochs",
        )

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        self.temporal = TemporalContrast(self.feature_channels(), config.steps, config.summary)

    def weak(self, ecg: Tensor) -> Tensor:
        """Little is changed: noise and amplitude."""
        if self.config.weak == "as_released":
            factor = 2 + self.config.sigma_scale * torch.randn(len(ecg), 1, ecg.shape[-1], device=ecg.device)
            return ecg * factor
        return augment.scaling(augment.gaussian_noise(ecg, self.config.sigma_jitter), self.config.sigma_scale)

    def strong(self, ecg: Tensor) -> Tensor:
        """Order is lost between segments, and there is noise."""
        return augment.gaussian_noise(augment.permutation(ecg, self.config.segments), self.config.sigma_jitter)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        window = random_view(batch.ecg, batch.leads, self.input.fs, self.view_length, ())
        present = batch.leads[..., None]
        weak, strong = (self.encoder.features(view(window) * present) for view in (self.weak, self.strong))
        forward, summary1 = self.temporal(weak, strong)
        backward, summary2 = self.temporal(strong, weak)
        contextual = self.config.contextual * nt_xent(summary1, summary2, self.config.temperature)
        return {"temporal": forward + backward, "contextual": contextual}
