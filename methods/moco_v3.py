"""MoCo v3: contrast against the keys of a slow copy, within the batch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from methods.losses.contrastive import info_nce
from methods.nets.momentum import MomentumCopy, PretrainingClock, cosine_to_one
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class MoCoV3(SelfSupervised):
    """A query from one view finds, among the batch, the key that a slow copy of the network made of the other view.

    Source: Chen et al., "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021. A row of
    K-MERL Table 1. Heads are those of its ResNet (two layers each).
    """

    name = "moco-v3"
    smoke: ClassVar = {
        "fs": 100,
        "width": 32,
        "hidden": 512,
        "momentum": 0.97,  # so few steps would leave a copy at 0.99 too near to where it began
        "pretrain.epochs": 16,
        "pretrain.batch_size": 64,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 1e-3}

    class Config(SelfSupervised.Config):
        hidden: int = Field(4096, ge=1, description="hidden layer of projector and predictor; MoCo v3, Appendix")
        projection: int = Field(256, ge=1, description="length of queries and keys; MoCo v3, Appendix")
        temperature: float = Field(0.2, gt=0, description="MoCo v3, Appendix")
        momentum: float = Field(
            0.99,
            ge=0,
            le=1,
            description="momentum of the slow copy at the start; rises along a cosine to 1; MoCo v3, Appendix",
        )

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        self.projector = mlp(self.encoder.dim, config.hidden, config.projection, last_norm=True, affine=False)
        self.predictor = mlp(config.projection, config.hidden, config.projection, last_norm=True, affine=False)
        self.keys = MomentumCopy(nn.Sequential(self.encoder, self.projector))
        self.clock = PretrainingClock()

    def prepare_corpus(self, corpus: Corpus) -> None:
        self.clock.prepare(corpus, self.config.pretrain)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        self.clock.tick()
        online = nn.Sequential(self.encoder, self.projector)
        self.keys.follow(online, cosine_to_one(self.clock, self.config.momentum))
        first, second = self.view(batch), self.view(batch)
        query1, query2 = (self.predictor(online(view)) for view in (first, second))
        temperature = self.config.temperature
        loss = info_nce(query1, self.keys(second), temperature, directions="row")
        loss = loss + info_nce(query2, self.keys(first), temperature, directions="row")
        return {"moco": 2 * temperature * loss}
