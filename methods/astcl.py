"""ASTCL: noisy and denoised views that a discriminator cannot distinguish."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.training.distributed import gather
from methods import augment
from methods.losses.adversarial import reverse_gradient
from methods.nets.projectors import mlp
from methods.nets.temporal_contrast import TemporalContrast
from methods.self_supervised import SelfSupervised
from methods.views import random_view


class ASTCL(SelfSupervised):
    """A noisy and a denoised view predict each other in time and agree for each patient, against a discriminator.

    Source: Wang et al., "Adversarial Spatiotemporal Contrastive Learning for Electrocardiogram Signals", IEEE TNNLS
    2023. No code is public, and only what its abstract states is known here: noise enhancement and denoising as the
    two augmentations; a game between discriminator and encoder; spatiotemporal prediction and patient discrimination
    with patient-level positives only; a predictor with stop-gradient against collapse. How each is built is our
    choice: the noise is baseline wander, mains hum and white noise; denoising is a band-pass filter (the field's
    other means is wavelets); the prediction is TS-TCC's, between both views of one window; the discrimination is
    SimSiam's, between windows of a patient that need not overlap (views of one window share the place of every beat,
    which is enough to tell patients apart in a batch); the game is played by reversing gradients; all terms weigh the
    same. A row of K-MERL Table 1 and ETP Table 1.
    """

    name = "astcl"
    smoke: ClassVar = {
        "fs": 100,
        "width": 32,
        "steps": 4,
        "projection": 128,
        "bottleneck": 32,
        "pretrain.epochs": 16,
        "pretrain.batch_size": 64,
    }

    class Config(SelfSupervised.Config):
        views: tuple[()] = Field((), description="not used: the method adds noise and denoises by itself")
        noise: float = Field(0.2, ge=0, description="SDs of the signal; strength of each added noise; ours")
        band: tuple[float, float] = Field((0.5, 40.0), description="Hz; pass band of the denoised view; ours")
        steps: int = Field(10, ge=1, description="positions of the feature map predicted ahead; ours")
        summary: int = Field(64, ge=1, description="width of the transformer that summarises the past; TS-TCC's")
        projection: int = Field(2048, ge=1, description="width of the patient projector; SimSiam's")
        bottleneck: int = Field(512, ge=1, description="hidden layer of its predictor; SimSiam's")
        adversary: float = Field(1.0, ge=0, description="strength of the reversed gradient; ours")

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        channels = self.feature_channels()
        self.temporal = TemporalContrast(channels, config.steps, config.summary, projection=0)
        self.projector = mlp(channels, config.projection, config.projection, last_norm=True, affine=False)
        self.predictor = mlp(config.projection, config.bottleneck, config.projection)
        self.discriminator = nn.Sequential(nn.Linear(channels, 64), nn.ReLU(), nn.Linear(64, 1))
        self._patients: Any = None

    def prepare_corpus(self, corpus: Corpus) -> None:
        if "patient_id" in corpus.records:
            self._patients = torch.from_numpy(
                corpus.records["patient_id"].astype("category").cat.codes.to_numpy().copy()
            )

    def enhance_noise(self, ecg: Tensor) -> Tensor:
        """Baseline wander, mains hum and white noise on top."""
        noise, fs = self.config.noise, self.input.fs
        ecg = augment.powerline(augment.baseline_wander(ecg, fs, noise), fs, noise)
        return augment.gaussian_noise(ecg, noise)

    def denoise(self, ecg: Tensor) -> Tensor:
        """The diagnostic band alone."""
        return augment.bandpass(ecg, self.input.fs, *self.config.band)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        here, elsewhere = (random_view(batch.ecg, batch.leads, self.input.fs, self.view_length, ()) for _ in range(2))
        present = batch.leads[..., None]
        noisy, clean = (self.encoder.features(v(here) * present) for v in (self.enhance_noise, self.denoise))
        other = self.encoder.features(self.denoise(elsewhere) * present)
        pooled = [noisy.mean(-1), other.mean(-1)]

        guess = self.discriminator(reverse_gradient(torch.cat(pooled), self.config.adversary))[:, 0]
        is_noisy = torch.arange(len(guess), device=guess.device) < len(batch)
        projected = [self.projector(p) for p in pooled]
        predicted = [self.predictor(p) for p in projected]
        who = batch.index.cpu() if self._patients is None else self._patients[batch.index.cpu()]
        who = gather(who.to(here.device))
        same = who[:, None] == who[None, :]
        return {
            "adversary": F.binary_cross_entropy_with_logits(guess, is_noisy.to(guess.dtype)),
            "prediction": self.temporal(noisy, clean)[0] + self.temporal(clean, noisy)[0],
            "patient": (agreement(predicted[0], projected[1], same) + agreement(predicted[1], projected[0], same)) / 2,
        }


def agreement(prediction: Tensor, target: Tensor, same: Tensor) -> Tensor:
    """Minus the mean cosine over pairs of one patient in the batch of all processes; no gradient reaches the target."""
    cosine = F.normalize(gather(prediction), dim=-1) @ F.normalize(gather(target.detach()), dim=-1).T
    return -cosine[same].mean()
