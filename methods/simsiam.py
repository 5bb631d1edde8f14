"""SimSiam: each view predicts the projection of the other, whose gradient is stopped."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from methods.losses.siamese import simsiam
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class SimSiam(SelfSupervised):
    """Each view predicts the projection of the other, without negatives and without a slow copy.

    Source: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021. A row of K-MERL Table 1.
    """

    name = "simsiam"
    smoke: ClassVar = {
        "fs": 100,
        "width": 32,
        "projection": 256,
        "bottleneck": 64,
        "pretrain.epochs": 20,
        "pretrain.batch_size": 64,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 1e-3}

    class Config(SelfSupervised.Config):
        projection: int = Field(2048, ge=1, description="width of the three-layer projector; SimSiam 3; MMCL 384")
        bottleneck: int = Field(512, ge=1, description="hidden layer of the predictor; SimSiam 3; MMCL 128")

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        width = config.projection
        self.projector = mlp(self.encoder.dim, width, width, width, last_norm=True, affine=False)
        self.predictor = mlp(width, config.bottleneck, width)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        first, second = (self.projector(self.encoder(self.view(batch))) for _ in range(2))
        return {"simsiam": simsiam(self.predictor(first), self.predictor(second), first, second)}
