"""METS: the ECG encoder learns the embedding that a frozen language model gives the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from methods.losses.contrastive import info_nce
from methods.nets.backbones import backbone
from methods.report_contrast import ReportContrast
from methods.text.encoder import TextEncoderConfig
from methods.text.prompts import PromptConfig
from methods.text.tower import TextTower


class METS(ReportContrast):
    """A ResNet and one linear layer, trained towards the embeddings of a frozen language model.

    Source: Li et al., "Frozen Language Model Helps ECG Zero-Shot Learning", MIDL 2023. No code is published; what
    its abstract does not say is taken from re-implementations by others, and marked so below. Deviation: the packaged
    MiniLM replaces ClinicalBERT (``--set text.model=bioclinicalbert``).
    """

    name = "mets"
    corpus = "ptbxl"
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, ClinicalBERT in the paper"),
    }
    smoke: ClassVar = {"fs": 100, "width": 16, "pretrain.epochs": 25, "pretrain.batch_size": 64}
    small: ClassVar = {**smoke, "pretrain.epochs": 25, "pretrain.batch_size": 64, "pretrain.lr": 5e-4}

    class Config(ReportContrast.Config):
        fs: int = Field(500, ge=50, description="Hz of the input; the paper's is not known, 500 in MERL")
        encoder: str = Field("resnet18", description="ECG encoder; a 1-D ResNet18 in the re-implementations")
        width: int | None = Field(
            None, ge=4, description="channels of the first stage, or of a ViT's tokens; default: MERL's"
        )
        text: TextEncoderConfig = Field(
            TextEncoderConfig(max_tokens=100),
            description="text encoder, frozen; METS has ClinicalBERT (bioclinicalbert), minilm is packaged; "
            "cut at 100 tokens in two re-implementations",
        )
        prefix: str = Field(
            "The report of the ECG is that ", description="put before every report; two re-implementations agree"
        )
        temperature: float = Field(0.07, gt=0, description="of the loss, fixed; re-implementations")
        exclude_positive: bool = Field(
            False,
            description="leave the matching pair out of the denominator, as one re-implementation does; the standard "
            "InfoNCE keeps it",
        )
        prompts: PromptConfig = Field(
            PromptConfig(kind="template", template="The ECG of {name}, a type of diagnostic.", lower=False),
            description="prompt of a class, not in lower case; a re-implementation",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=50, batch_size=128, lr=1e-3, weight_decay=1e-3, schedule="constant"),
            description="a re-implementation: AdamW 1e-3, 1e-3, 50 epochs, batch 128, no schedule",
        )

    def build(self, config: Config) -> None:
        self.text = TextTower(config.text)
        self.encoder = backbone(config.encoder, self.input.length, width=config.width)
        self.project = nn.Linear(self.encoder.dim, self.text.dim)

    def texts(self, corpus: Corpus) -> Sequence[str]:
        return self._sentences(corpus.text or ())

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        batch = replace(batch, text=self._sentences(batch.text or ()))
        return {"ecg": self.embed_ecg(batch.ecg), "text": self.text.reports(batch)}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = info_nce(
            embeddings["ecg"],
            embeddings["text"],
            self.config.temperature,
            directions="mean",
            exclude_positive=self.config.exclude_positive,
        )
        return {"contrastive": loss}

    def embed_ecg(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record shared"]:
        return self.project(self.encoder(ecg))

    def _sentences(self, reports: Sequence[str]) -> list[str]:
        """Reports behind the prefix; a record without one stays empty, and is never trained on."""
        return [self.config.prefix + report if report.strip() else "" for report in reports]
