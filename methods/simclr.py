"""SimCLR: contrast of two views of a recording with all other recordings of the batch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from methods.losses.contrastive import nt_xent
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class SimCLR(SelfSupervised):
    """Contrast of two augmented views of a recording with all other recordings of the batch.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020; the views
    are those of Mehari and Strodthoff 2022, whose own code has a faulty NT-Xent that is not followed. A row of K-MERL
    Table 1, ESI Table 2 and ETP Table 1; MMCL's own run of it is ``mmcl-simclr``.
    """

    name = "simclr"
    smoke: ClassVar = {"fs": 100, "width": 32, "pretrain.epochs": 20, "pretrain.batch_size": 64}
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 3e-4}

    class Config(SelfSupervised.Config):
        temperature: float = Field(
            0.1, gt=0, description="MMCL IV-D.1, and the best of SimCLR Table 5; Mehari used 0.5"
        )
        hidden: int | None = Field(
            None, ge=1, description="hidden layer of the projector; default: as wide as the encoder"
        )
        projection: int = Field(128, ge=1, description="length of the compared vectors; SimCLR 2.1, MMCL")

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        dim = self.encoder.dim
        self.projector = mlp(dim, config.hidden or dim, config.projection, norm=False)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        first, second = (self.projector(self.encoder(self.view(batch))) for _ in range(2))
        return {"first": first, "second": second}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"nt_xent": nt_xent(embeddings["first"], embeddings["second"], self.config.temperature)}
