"""MAE: most of an ECG is hidden, and rebuilt from the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.training.config import PretrainConfig
from methods.losses.siamese import simsiam
from methods.nets.mae import MaskedAutoencoder, PatchViT, kept_tokens, random_masking, reconstruction_loss
from methods.nets.projectors import mlp


class MAE(Method):
    """A transformer sees a fifth of an ECG's patches, and a small decoder rebuilds all of them.

    Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, as the ECG-only stage of Turgut
    et al. (MMCL), arXiv 2308.05764, "MDM". A row of MMCL Table III. A high-pass filter and one z-score stand in for
    MMCL's cleaning (asymmetric least squares, clipping at 4 SD, z-score by group of leads).
    """

    name = "mae"
    input = InputSpec(fs=500, seconds=5, normalise="zscore", crop="random", filters=("highpass:0.5",))
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

    class Config(MethodConfig):
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
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=400, batch_size=128, lr=3.2e-4, weight_decay=0.15, betas=(0.9, 0.95), warmup_epochs=40
            ),
            description="MMCL IV-C.2: base rate 1e-5 times batch 128 over 4 (the code's rule), 400 epochs, 10 % "
            "warm-up",
        )

    @classmethod
    def input_for(cls, config: Config) -> InputSpec:
        return replace(cls.input, fs=config.fs)

    def build(self, config: Config) -> None:
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
        masking = random_masking(torch.rand(len(batch), encoder.tokens, device=batch.ecg.device), self.keep)
        latent = self.net.encode(batch.ecg, masking.visible)
        reconstruction = reconstruction_loss(
            self.net.decode(latent, masking.visible),
            encoder.patches(batch.ecg),
            encoder.grid[0],
            self.config.normalise_patches,
            0.1 if self.released else 0.0,
            masking.hidden if self.config.loss == "hidden" else None,
        )
        if not self.released:
            return {"reconstruction": reconstruction}
        other = random_masking(torch.rand(len(batch), encoder.tokens, device=batch.ecg.device), self.keep)
        seen = [latent, self.net.encode(batch.ecg, other.visible)]
        first, second = (self.projector(tokens[:, 1:].mean(1)) for tokens in seen)
        cosine = simsiam(self.predictor(first), self.predictor(second), first, second)
        return {"reconstruction": reconstruction, "cosine": 0.1 * cosine}

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The mean of all tokens of the first five seconds."""
        return self.net.encoder(batch.ecg)
