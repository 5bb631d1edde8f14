"""The contrastive baselines of MMCL's Table II: its transformer, cleaning, views and fine-tuning under four losses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.signals.filter_steps import MMCL as CLEANING
from bench.signals.input_spec import InputSpec
from methods import augment
from methods.barlow_twins import BarlowTwins
from methods.byol import BYOL
from methods.clocs import CLOCS
from methods.mae import FINETUNING, SWEPT
from methods.nets.projectors import mlp
from methods.self_supervised import SelfSupervised
from methods.simclr import SimCLR
from methods.views import mmcl_view


def _pretraining(lr: float, weight_decay: float) -> PretrainConfig:
    return PretrainConfig(epochs=300, batch_size=256, lr=lr, weight_decay=weight_decay, warmup_epochs=30)


PRETRAINING = (
    "rate and weight decay: MMCL IV-D.1. Epochs, batch and warm-up: those of its contrast (IV-C.2); it states none for "
    "its baselines"
)


class OnMMCLTransformer(SelfSupervised):
    """What the four have in common; see :class:`methods.mae.MAE`. Source: MMCL IV-C and IV-D.1."""

    corpus = "ukb"
    input = InputSpec(fs=500, seconds=10, filters=CLEANING)
    protocols: ClassVar = {"finetune": FINETUNING, "scratch": FINETUNING}
    spaces: ClassVar = {"finetune": SWEPT}

    class Config(MethodConfig):
        after_training = frozenset({"pool", "drop_path", "norm_twice"})

        encoder: Literal["mmcl-vit"] = Field("mmcl-vit", description="MMCL IV-C.1")
        view_seconds: float = Field(5, gt=0, le=5, description="s; MMCL IV-A")
        views: tuple[()] = Field((), description="not used: MMCL IV-C.2 has phase surrogates, noise and one gain")
        pool: Literal["attention", "mean", "class"] = Field("attention", description="in fine-tuning; MMCL IV-C.2")
        drop_path: float = Field(0.1, ge=0, lt=1, description="in fine-tuning; MMCL IV-C.2 sweeps 0, 0.1 and 0.2")
        norm_twice: bool = Field(False, description="in fine-tuning, the last LayerNorm applied twice, as released")

    def view(self, batch: ECGBatch) -> Float[Tensor, "batch lead sample"]:
        ecg = augment.crop(batch.ecg, self.view_length) if self.view_length < self.input.length else batch.ecg
        return mmcl_view(ecg, batch.leads, phase=0.1, noise=0.25)

    def begin_finetuning(self) -> None:
        config: Any = self.config
        self.encoder.begin_finetuning(config.pool, config.drop_path, config.norm_twice)

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        ecg = batch.ecg[..., : self.view_length]  # no random crop: MMCL IV-C.2 crops in pretraining alone
        return replace(batch, ecg=mmcl_view(ecg, batch.leads, phase=0.075, noise=0.2))

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The first five seconds."""
        return self.encoder(batch.ecg[..., : self.view_length])


class MMCLSimCLR(OnMMCLTransformer, SimCLR):
    """SimCLR as in the comparisons of the MMCL paper.

    Source: Turgut et al. (MMCL), arXiv 2308.05764, IV-D.1 and Table II, after Chen et al., ICML 2020.
    """

    name = "mmcl-simclr"
    smoke: ClassVar = {"fs": 100, "width": 96, "hidden": 128, "pretrain.epochs": 20, "pretrain.warmup_epochs": 1,
                       "pretrain.batch_size": 64, "pretrain.lr": 3e-3}  # fmt: skip

    class Config(OnMMCLTransformer.Config, SimCLR.Config):
        hidden: int | None = Field(2048, ge=1, description="hidden layer of the projector; MMCL's code")
        pretrain: PretrainConfig = Field(_pretraining(3e-3, 1e-4), description=PRETRAINING)


class MMCLBYOL(OnMMCLTransformer, BYOL):
    """BYOL as in the comparisons of the MMCL paper.

    Source: Turgut et al. (MMCL), arXiv 2308.05764, IV-D.1 and Table II, after Grill et al., NeurIPS 2020.
    """

    name = "mmcl-byol"
    smoke: ClassVar = {"fs": 100, "width": 96, "hidden": 512, "momentum": 0.97, "pretrain.epochs": 16,
                       "pretrain.warmup_epochs": 1, "pretrain.batch_size": 64, "pretrain.lr": 1e-3}  # fmt: skip

    class Config(OnMMCLTransformer.Config, BYOL.Config):
        momentum: float = Field(0.9996, ge=0, le=1, description="of the slow copy at the start; MMCL IV-D.1")
        pretrain: PretrainConfig = Field(_pretraining(1e-5, 1e-4), description=PRETRAINING)


class MMCLCLOCS(OnMMCLTransformer, CLOCS):
    """CLOCS as in the comparisons of the MMCL paper: both halves of a recording, augmented, attract behind a projector.

    Source: Turgut et al. (MMCL), arXiv 2308.05764, IV-D.1 and Table II, after Kiyasseh et al., ICML 2021. Its code has the
    halves as comments in the data set whose crops are then augmented, as for its SimCLR.
    """

    name = "mmcl-clocs"
    input = OnMMCLTransformer.input
    smoke: ClassVar = {"fs": 100, "width": 96, "hidden": 128, "pretrain.epochs": 8, "pretrain.warmup_epochs": 1,
                       "pretrain.batch_size": 64, "pretrain.lr": 1e-3}  # fmt: skip

    class Config(OnMMCLTransformer.Config, CLOCS.Config):
        contrast: Literal["cmsc"] = Field("cmsc", description="what differs between views: time; MMCL's code")
        hidden: int = Field(2048, ge=1, description="hidden layer of the projector; MMCL's code")
        projection: int = Field(128, ge=1, description="length of the compared vectors; MMCL's code")
        pretrain: PretrainConfig = Field(_pretraining(3e-4, 1e-4), description=PRETRAINING)

    def build(self, config: Any) -> None:
        super().build(config)
        self.projector = mlp(self.encoder.dim, config.hidden, config.projection, norm=False)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        halves = batch.ecg.unfold(-1, self.view_length, self.view_length)[:, :, :2].unbind(2)
        views = [mmcl_view(half, batch.leads, phase=0.1, noise=0.25) for half in halves]
        return {f"view{i}": self.projector(self.encoder(view)) for i, view in enumerate(views)} | {"index": batch.index}


class MMCLBarlowTwins(OnMMCLTransformer, BarlowTwins):
    """Barlow Twins as in the comparisons of the MMCL paper.

    Source: Turgut et al. (MMCL), arXiv 2308.05764, IV-D.1 and Table II, after Zbontar et al., ICML 2021.
    """

    name = "mmcl-barlow-twins"
    smoke: ClassVar = {"fs": 100, "width": 96, "projection": 256, "pretrain.epochs": 20, "pretrain.warmup_epochs": 1,
                       "pretrain.batch_size": 64, "pretrain.lr": 1e-3}  # fmt: skip

    class Config(OnMMCLTransformer.Config, BarlowTwins.Config):
        layers: int = Field(2, ge=1, description="linear layers of the projector; MMCL's code")
        pretrain: PretrainConfig = Field(_pretraining(3e-5, 1.5e-6), description=PRETRAINING)
