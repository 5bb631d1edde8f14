"""ETP: contrast of an ECG with its report; the language model is frozen."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method.pretrain_config import PretrainConfig
from methods.losses.contrastive import info_nce
from methods.nets.backbones import backbone
from methods.report_contrast import ReportContrast
from methods.text.encoder import TextEncoderConfig
from methods.text.prompts import PromptConfig
from methods.text.tower import TextTower


class ETP(ReportContrast):
    """CLIP for ECG and report: a trained ResNet, a frozen clinical language model, and a linear head on each.

    Source: Liu et al., "ETP: Learning Transferable ECG Representations via ECG-Text Pre-training", ICASSP 2024. No code
    is published. Deviation: the packaged MiniLM replaces BioClinicalBERT (``--set text.model=bioclinicalbert``). What the
    paper leaves open is settled in the field descriptions; scaling and the ResNet's stem are those of MERL, by the same
    authors.
    """

    name = "etp"
    corpus = "ptbxl"
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, BioClinicalBERT in the paper"),
    }
    protocols: ClassVar = {"linear": {"batch_size": 32}}
    """ETP 3.2: downstream batches of 32."""
    smoke: ClassVar = {"fs": 100, "width": 16, "pretrain.epochs": 25, "pretrain.batch_size": 64}
    small: ClassVar = {**smoke, "pretrain.epochs": 25, "pretrain.batch_size": 64, "pretrain.lr": 5e-4}

    class Config(ReportContrast.Config):
        fs: int = Field(500, ge=50, description="Hz of the input; ETP 3.1")
        encoder: str = Field("resnet18", description="ECG encoder; ETP 3.2, ResNet18-1D: MERL's, without max-pooling")
        width: int | None = Field(
            None, ge=4, description="channels of the first stage, or of a ViT's tokens; default: MERL's"
        )
        text: TextEncoderConfig = Field(
            TextEncoderConfig(),
            description="text encoder, frozen; ETP 3.2 has bioclinicalbert, minilm is the one that is packaged",
        )
        projection: Literal["linear", "mlp"] = Field(
            "linear",
            description='both heads; ETP 3.2 "linear", while 2.1 calls them non-linear: mlp has a ReLU between two',
        )
        dim: int = Field(512, ge=8, description="width of the shared space; ETP 3.2")
        temperature: float = Field(0.07, gt=0, description="of the loss; ETP 2.1 and 3.2")
        learn_temperature: bool = Field(
            False, description='whether it trains; "fixed at 0.07" in ETP 2.1, "initialized to 0.07" in 3.2'
        )
        prompts: PromptConfig = Field(
            PromptConfig(kind="template", template="this ECG indicates {name}", lower=False),
            description='prompt of a class, not in lower case; ETP 3.4, "this ECG indicates disease name"',
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=50, batch_size=128, lr=2e-3, weight_decay=1e-5, schedule="constant", optimiser="adam"
            ),
            description='ETP 3.2: Adam, 50 epochs, batch 128, rate printed as "2 x e^-3", decay 1e-5, no schedule named',
        )

    def build(self, config: Config) -> None:
        self.text = TextTower(config.text)
        self.encoder = backbone(config.encoder, self.input.length, width=config.width)
        self.project_ecg = _head(config.projection, self.encoder.dim, config.dim)
        self.project_text = _head(config.projection, self.text.dim, config.dim)
        self.log_scale = nn.Parameter(-torch.tensor(config.temperature).log(), requires_grad=config.learn_temperature)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        return {"ecg": self.embed_ecg(batch.ecg), "text": self.embed_text(self.text.reports(batch))}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        temperature = (-self.log_scale).exp()
        return {"contrastive": info_nce(embeddings["ecg"], embeddings["text"], temperature, directions="mean")}

    def embed_ecg(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record shared"]:
        return self.project_ecg(self.encoder(ecg))

    def embed_text(self, text: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text shared"]:
        return self.project_text(text)


def _head(kind: str, source: int, target: int) -> nn.Module:
    if kind == "linear":
        return nn.Linear(source, target)
    return nn.Sequential(nn.Linear(source, target), nn.ReLU(), nn.Linear(target, target))
