"""BYOL: an online network predicts the projection that a slow copy of itself makes of another view."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from methods.losses.siamese import byol
from methods.nets.momentum import MomentumCopy, PretrainingClock, cosine_to_one
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class BYOL(SelfSupervised):
    """Each view predicts the projection of the other by a slow copy of the network; there are no negatives.

    Source: Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020; views of Mehari and Strodthoff 2022. A row of
    K-MERL Table 1, ESI Table 2 and ETP Table 1; MMCL's own run of it is ``mmcl-byol``.
    """

    name = "byol"
    smoke: ClassVar = {
        "fs": 100,
        "width": 32,
        "hidden": 512,
        "momentum": 0.97,  # so few steps would leave a copy at 0.996 half where it began
        "pretrain.epochs": 16,
        "pretrain.batch_size": 64,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 3e-4}

    class Config(SelfSupervised.Config):
        hidden: int = Field(4096, ge=1, description="hidden layer of projector and predictor; BYOL 3.3, MMCL")
        projection: int = Field(256, ge=1, description="length of the predicted vectors; BYOL 3.3, MMCL")
        momentum: float = Field(
            0.996,
            ge=0,
            le=1,
            description="momentum of the slow copy at the start; rises along a cosine to 1; BYOL 3.3; 0.9996 in MMCL",
        )

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        self.projector = mlp(self.encoder.dim, config.hidden, config.projection)
        self.predictor = mlp(config.projection, config.hidden, config.projection)
        self.target = MomentumCopy(nn.Sequential(self.encoder, self.projector))
        self.clock = PretrainingClock()

    def prepare_corpus(self, corpus: Corpus) -> None:
        self.clock.prepare(corpus, self.config.pretrain)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        self.clock.tick()
        online = nn.Sequential(self.encoder, self.projector)
        self.target.follow(online, cosine_to_one(self.clock, self.config.momentum))
        first, second = self.view(batch), self.view(batch)
        prediction1, prediction2 = (self.predictor(online(view)) for view in (first, second))
        return {"byol": byol(prediction1, prediction2, self.target(first), self.target(second))}
