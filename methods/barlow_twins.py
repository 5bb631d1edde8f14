"""Barlow Twins: the features of two views correlate one by one and not with each other."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from methods.losses.siamese import BarlowTwins as BarlowTwinsLoss
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class BarlowTwins(SelfSupervised):
    """The cross-correlation of two views' features over the batch is trained towards the identity matrix.

    Source: Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", ICML 2021. A row of
    K-MERL Table 1; MMCL's own run of it is ``mmcl-barlow-twins``.
    """

    name = "barlow-twins"
    smoke: ClassVar = {"fs": 100, "width": 32, "projection": 256, "pretrain.epochs": 20, "pretrain.batch_size": 64}
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 1e-3}

    class Config(SelfSupervised.Config):
        projection: int = Field(8192, ge=1, description="width of the projector, hidden and out; Barlow Twins 2.2")
        layers: int = Field(3, ge=1, description="linear layers of the projector; Barlow Twins 2.2; 2 in MMCL's code")
        off_diagonal: float = Field(
            0.005, ge=0, description="weight of the redundancy term; Barlow Twins 2.2, MMCL's code"
        )
        scale: float = Field(
            0.025,
            gt=0,
            description="factor of the whole loss, as in solo-learn; it does not change AdamW's direction; 1 in the "
            "paper",
        )

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        self.projector = mlp(self.encoder.dim, *[config.projection] * config.layers)
        self.loss = BarlowTwinsLoss(config.projection, config.off_diagonal, config.scale)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        first, second = (self.projector(self.encoder(self.view(batch))) for _ in range(2))
        return {"first": first, "second": second}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"barlow_twins": self.loss(embeddings["first"], embeddings["second"])}
