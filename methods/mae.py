"""MAE: most of an ECG is hidden, and reconstructed from the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.method.search_space import Categorical, Spaces
from bench.signals.filter_steps import MMCL as CLEANING
from bench.signals.input_spec import InputSpec
from methods.losses.siamese import simsiam
from methods.nets.mae import MaskedAutoencoder, PatchViT, kept_tokens, random_masking, reconstruction_loss
from methods.nets.projectors import mlp
from methods.views import mmcl_view

FINETUNING: dict[str, Any] = {
    "epochs": 400,
    "batch_size": 32,
    "lr": 1e-5,
    "lr_batch": 4,
    "layer_decay": 0.75,
    "weight_decay": 0.1,
    "decayed": "matrices",
    "label_smoothing": 0.1,
    "warmup": 0.05,
    "clip_norm": None,
    "patience": 40,
}
"""MMCL IV-C.2: AdamW, 400 epochs, 5 % warm-up, cosine, early stopping. Of what it sweeps, a middle: base rate 1e-5 (times
the batch over 4, the code's rule), layer decay 0.75, decay 0.1, label smoothing 0.1. Its patience is not stated."""

SWEPT: Spaces = {
    "finetune.batch_size": Categorical(choices=(8, 16, 32)),
    "finetune.layer_decay": Categorical(choices=(0.5, 0.75)),
    "drop_path": Categorical(choices=(0.0, 0.1, 0.2)),
    "finetune.label_smoothing": Categorical(choices=(0.0, 0.1, 0.2)),
    "finetune.weight_decay": Categorical(choices=(0.0, 0.1, 0.2)),
    "finetune.lr": Categorical(choices=(1e-6, 3e-6, 1e-5, 3e-5)),
}
"""MMCL IV-C.2: 648 settings, searched by a grid. Labels of regression tasks are not smoothed, whatever is chosen."""


class MAE(Method):
    """Masked autoencoder: a transformer reads a fifth of an ECG's patches, and a small decoder reconstructs all of them.

    Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, as the ECG-only stage of Turgut
    et al. (MMCL), arXiv 2308.05764, "MDM". A row of MMCL Table II; cleaning and fine-tuning are MMCL's.
    """

    name = "mae"
    family = "masked"
    corpus = "ukb"
    loss_couples_records = False
    input = InputSpec(fs=500, seconds=5, crop="random-in-pretraining", filters=CLEANING)
    protocols: ClassVar = {"finetune": FINETUNING, "scratch": FINETUNING}
    spaces: ClassVar = {"finetune": SWEPT}
    smoke: ClassVar = {
        "fs": 100,
        "patch": 20,
        "dim": 96,
        "heads": 4,
        "decoder_dim": 64,
        "decoder_heads": 4,
        "decoder_depth": 1,
        "pretrain.epochs": 10,
        "pretrain.warmup_epochs": 1,
        "pretrain.batch_size": 64,
        "pretrain.lr": 1e-3,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 60, "pretrain.batch_size": 32, "pretrain.lr": 3e-3}

    class Config(MethodConfig):
        after_training = frozenset({"pool", "drop_path", "norm_twice"})

        fs: int = Field(500, ge=50, description="Hz of the input; MMCL IV-A")
        patch: int = Field(100, ge=1, description="samples of one lead per token, 200 ms; MMCL IV-C.1")
        dim: int = Field(384, ge=4, description="width; MMCL IV-C.1")
        heads: int = Field(6, ge=1, description="attention heads; MMCL IV-C.1")
        depth: int = Field(3, ge=1, description="blocks; MMCL IV-C.1")
        decoder_dim: int = Field(256, ge=4, description="width of the decoder; MMCL's code")
        decoder_heads: int = Field(8, ge=1, description="attention heads of the decoder; MMCL's code")
        decoder_depth: int = Field(2, ge=1, description="blocks of the decoder; MMCL's code")
        hidden: float = Field(0.8, gt=0, lt=1, description="share of tokens hidden; MMCL IV-C.2")
        normalise_patches: bool = Field(False, description="rebuild patches of mean 0 and variance 1; an option of MAE")
        loss: Literal["paper", "hidden", "as_released"] = Field(
            "paper",
            description="paper: error over all patches (MMCL eq. 2a); hidden: over hidden ones (He et al.); "
            "as_released: all patches, 0.1 of it correlation, and 0.1 times the cosine of two maskings; one token "
            "less is seen",
        )
        augment: bool = Field(
            True,
            description="phase surrogates, noise and one gain per record, in pretraining and fine-tuning; MMCL IV-C.2",
        )
        noise_scale: float = Field(0.5, ge=0, description="of the noise; MMCL IV-C.2; its code has 0.6")
        crop_finetuning: bool = Field(
            False, description="random crops in fine-tuning too, as in MMCL's code; IV-C.2 crops in pretraining alone"
        )
        pool: Literal["attention", "mean", "class"] = Field(
            "attention", description="pooling in fine-tuning, where pretraining has the mean; MMCL IV-C.2"
        )
        drop_path: float = Field(0.1, ge=0, lt=1, description="in fine-tuning; MMCL IV-C.2 sweeps 0, 0.1 and 0.2")
        norm_twice: bool = Field(
            False,
            description="in fine-tuning, the last LayerNorm of a pooled vector applied twice, as the release does",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=400,
                batch_size=128,
                lr=3.2e-4,
                weight_decay=0.15,
                decayed="matrices",
                betas=(0.9, 0.95),
                warmup_epochs=40,
            ),
            description="MMCL IV-C.2: base rate 1e-5 times batch 128 over 4 (the code's rule), 400 epochs, 10 % "
            "warm-up",
        )

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        return replace(cls.input, fs=config.fs, crop="random" if config.crop_finetuning else cls.input.crop)

    def build(self, config: Any) -> None:
        encoder = PatchViT(
            self.input.length, patch=config.patch, dim=config.dim, heads=config.heads, depth=config.depth
        )
        self.net = MaskedAutoencoder(encoder, config.decoder_dim, config.decoder_heads, config.decoder_depth)
        self.released = config.loss == "as_released"
        self.keep = kept_tokens(encoder.tokens, config.hidden, self.released)
        if self.released:
            self.projector = mlp(config.dim, 1024, config.dim, last_norm=True, affine=False)
            self.predictor = mlp(config.dim, 128, config.dim)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        encoder = self.net.encoder
        ecg = self.view(batch, phase=0.1, noise=0.25) if self.training else batch.ecg
        masking = random_masking(torch.rand(len(batch), encoder.tokens, device=batch.ecg.device), self.keep)
        latent = self.net.encode(ecg, masking.visible)
        reconstruction = reconstruction_loss(
            self.net.decode(latent, masking.visible),
            encoder.patches(ecg),
            encoder.grid[0],
            self.config.normalise_patches,
            0.1 if self.released else 0.0,
            masking.hidden if self.config.loss == "hidden" else None,
        )
        if not self.released:
            return {"reconstruction": reconstruction}
        other = random_masking(torch.rand(len(batch), encoder.tokens, device=batch.ecg.device), self.keep)
        seen = [latent, self.net.encode(ecg, other.visible)]
        first, second = (self.projector(tokens[:, 1:].mean(1)) for tokens in seen)
        cosine = simsiam(self.predictor(first), self.predictor(second), first, second)
        return {"reconstruction": reconstruction, "cosine": 0.1 * cosine}

    def view(self, batch: ECGBatch, phase: float, noise: float) -> Float[Tensor, "record lead time"]:
        """The batch, augmented; leads that are absent stay zero."""
        if not self.config.augment:
            return batch.ecg
        return mmcl_view(batch.ecg, batch.leads, phase, noise, self.config.noise_scale)

    def begin_finetuning(self) -> None:
        """Another pooling, trained positions, drop path (MMCL IV-C.2)."""
        config = self.config
        self.net.encoder.begin_finetuning(config.pool, config.drop_path, config.norm_twice)

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        return replace(batch, ecg=self.view(batch, phase=0.075, noise=0.2))

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The mean of all tokens of the first five seconds."""
        return self.net.encoder(batch.ecg)
