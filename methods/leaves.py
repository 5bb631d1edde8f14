"""LEAVES: the strengths of the augmentations are learned too, against the encoder."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.augment import unit_range
from methods.losses.adversarial import reverse_gradient
from methods.losses.contrastive import nt_xent
from methods.nets.learned_views import LearnedViews
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised


class LEAVES(SelfSupervised):
    """SimCLR with two view modules that learn to augment by increasing its loss.

    Source: Yu et al., "LEAVES: Learning Views for Time-Series Data in Contrastive Learning", 2022, and its released
    code. A row of ESI Table 2. Deviations from the code, towards its evident intent: the projector is trained, and
    Fourier transforms run along time. One backward pass serves both sides, by a reversed gradient, where the code
    alternates two.
    """

    name = "leaves"
    input = InputSpec(fs=100, seconds=10, normalise="none")
    smoke: ClassVar = {"width": 16, "pretrain.epochs": 8, "pretrain.batch_size": 64}
    small: ClassVar = {**smoke, "pretrain.epochs": 30, "pretrain.batch_size": 32, "pretrain.lr": 3e-4}

    class Config(SelfSupervised.Config):
        fs: int = Field(100, ge=50, description="Hz of the input; LEAVES on PTB-XL")
        view_seconds: float = Field(10, gt=0, le=10, description="s; the whole recording; LEAVES on PTB-XL")
        views: tuple[()] = Field((), description="not used: the views are learned")
        strength: float = Field(
            0.1, gt=0, description="largest SD that a view module may learn, in units of a lead's range; ours"
        )
        adversary: float = Field(1.0, ge=0, description="strength of the reversed gradient; 1 is LEAVES eq. 1")
        temperature: float = Field(0.5, gt=0, description="LEAVES's code")
        projection: int = Field(
            16, ge=1, description="length of the compared vectors, from one linear layer; LEAVES's code"
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=100, batch_size=192, lr=1e-3, weight_decay=0.0, schedule="constant", optimiser="adam"
            ),
            description="LEAVES's code on PTB-XL: Adam 1e-3, batch 192, 100 epochs",
        )

    def build(self, config: Config) -> None:
        self.encoder = self.new_encoder()
        self.projector = mlp(self.encoder.dim, config.projection)
        self.first = LearnedViews(samples=self.input.length, strength=config.strength)
        self.second = LearnedViews(samples=self.input.length, strength=config.strength)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        ecg, present = unit_range(batch.ecg), batch.leads[..., None]
        views = [reverse_gradient(make(ecg), self.config.adversary) * present for make in (self.first, self.second)]
        first, second = (self.projector(self.encoder(view)) for view in views)
        return {"first": first, "second": second}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"nt_xent": nt_xent(embeddings["first"], embeddings["second"], self.config.temperature)}

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The encoder's pooled output, from leads scaled to [0, 1] each."""
        return super().encode(ECGBatch(unit_range(batch.ecg), batch.leads, batch.index))
