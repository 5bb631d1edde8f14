"""Base of LLM-DAN and the networks of its comparison (Table III): pretraining, fine-tuning, protocol.

A subclass builds an encoder and a decoder; :class:`ReportInformed` masks leads, reconstructs, aligns with reports, and
fine-tunes with the reconstruction in addition to the task's loss.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.errors import ConfigError, DataError
from bench.method import Corpus, Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.method.search_space import LogUniform
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.training.contrast import note_contrast
from methods.nets.classifier_head import ClassifierHead
from methods.nets.dual_attention import RiskHead, centred
from methods.text.encoder import TextEncoderConfig
from methods.text.tower import TextTower

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""PTB-XL's, in III-C and Table II."""

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
KEPT: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.1, ("I", "II")),
    (0.1, ("I", "II", "V2")),
    (0.1, ("I", "II", "III", "V2")),
    (0.1, LIMB),
    (0.1, ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")),
    (0.5, LEADS),
)
"""Chances and leads that random lead masking keeps. Source: LLM-DAN's released code, after Nejedly et al., CinC 2021."""


class ReportInformed(Method):
    """An autoencoder of median beats that learns from reports, then predicts risk."""

    family = "report"
    corpus = "ptbxl"
    loss_couples_records = False
    input = InputSpec(fs=500, seconds=1.2, normalise="zscore-lead", median_beat=True, modalities=("text",))
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, BioClinicalBERT in the paper"),
    }
    smoke: ClassVar = {
        "samples": 608,
        "pretrain.epochs": 8,
        "pretrain.warmup_epochs": 1,
        "pretrain.batch_size": 16,
    }
    protocols: ClassVar = {
        "finetune": {
            "epochs": 100,
            "batch_size": 128,
            "lr": 1e-4,
            "encoder_lr": "lr",
            "weight_decay": 1e-2,
            "schedule": "constant",
            "warmup": 0.0,
            "clip_norm": 100.0,
            "batches": "stratified",
            "patience": 100,
        },
        "scratch": {
            "epochs": 400,
            "batch_size": 128,
            "lr": 1e-4,
            "weight_decay": 1e-2,
            "schedule": "constant",
            "warmup": 0.0,
            "clip_norm": 100.0,
            "batches": "stratified",
            "patience": 400,
        },
    }
    """IV-B: 100 epochs (400 without pretraining, V-A), stratified batches of 128 (1024 on UKB-HYP:
    ``--set finetune.batch_size=1024``), the epoch with the best validation C-index; released code: AdamW with decay 1e-2,
    clipping at 100 and, before a learning-rate finder takes over, 1e-4."""

    spaces: ClassVar = {
        "finetune": {"finetune.lr": LogUniform(low=1e-7, high=1e-2)},
        "scratch": {"scratch.lr": LogUniform(low=1e-7, high=1e-2)},
    }
    """IV-C: the learning rate is chosen on the inner validation data; the ends are those of the released finder."""

    class Config(MethodConfig):
        samples: int = Field(
            1024,
            ge=32,
            description="zero-padded length of a median beat of 600; IV-B. The released training has 608, to which the "
            "1.4 M parameters of Table III belong",
        )
        alignment: Literal["structured", "raw", "classes", "none"] = Field(
            "structured",
            description="objectives in addition to reconstruction (Table II): statements weighted by confidence, the "
            "report, the five superclasses of PTB-XL, or nothing. No pretraining at all is mode scratch. The paper "
            "translates reports into English (III-C) and publishes no translation: raw reads those that are in English, "
            "pretrain.text_source=report all of them as written",
        )
        text: TextEncoderConfig = Field(
            TextEncoderConfig(),
            description="text encoder, frozen; III-C has bioclinicalbert, minilm is the one that is packaged. Released "
            "code: mean over 100 positions, padding included",
        )
        masked_share: float = Field(
            0.5,
            ge=0,
            le=1,
            description="of the batches in which leads may be masked; released code (IV-B names no number)",
        )
        alpha: float = Field(0.5, ge=0, le=1, description="weight of the reconstruction in fine-tuning; eq. 8 and IV-B")
        finetune_target: Literal["given", "masked"] = Field(
            "given",
            description="what fine-tuning reconstructs: the beat (eq. 6), or the beat without its masked leads, as released",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=300, batch_size=128, lr=1e-3, weight_decay=0.01, betas=(0.9, 0.95), warmup_epochs=60),
            description="IV-B: 300 epochs of 128; released code: AdamW 1e-3, betas 0.9 and 0.95, warm-up over a fifth",
        )

        @model_validator(mode="before")
        @classmethod
        def _text_of_the_alignment(cls, values: Any) -> Any:
            """The alignment says which text of the corpus is read, unless ``pretrain.text_source`` does."""
            source = {"structured": "structured", "raw": "report-english"}.get(values.get("alignment", "structured"))
            pretrain = values.get("pretrain")
            stated = pretrain.model_dump() if isinstance(pretrain, BaseModel) else dict(pretrain or {})
            if stated.get("text_source") in (None, "structured", "report-english"):
                default = cls.model_fields["pretrain"].default.model_dump()
                return dict(values) | {"pretrain": default | stated | {"text_source": source}}
            return values

    encoder: Any
    decoder: Any

    @classmethod
    def input_for(cls, config: Config) -> InputSpec:
        return replace(cls.input, modalities=("text",) if config.alignment in ("structured", "raw") else ())

    @abstractmethod
    def build_networks(self, config: Any) -> int:
        """Make ``encoder`` and ``decoder``; returns the width of the features between them."""

    def build(self, config: Config) -> None:
        dim = self.build_networks(config)
        if config.alignment in ("structured", "raw"):
            self.text = TextTower(config.text)
            self.project_ecg = _projector(dim)
            self.project_text = _projector(self.text.dim)
        elif config.alignment == "classes":
            self.classifier = ClassifierHead(dim, len(SUPERCLASSES))
        self._aligned_with: Tensor | None = None  # of every record of the corpus: its text's embedding, or its classes

    def prepare_corpus(self, corpus: Corpus) -> None:
        if self.config.alignment == "classes":
            self._aligned_with = _superclasses(corpus)
        elif self.config.alignment == "raw":
            self.text.prepare(corpus)
        elif self.config.alignment == "structured":
            self._aligned_with = self._statements(corpus)

    def _statements(self, corpus: Corpus) -> Float[Tensor, "record dim"]:
        """The mean of each record's statements, weighted by confidence; equally where no confidence is stated (III-C)."""
        parsed = [_weighted_statements(text, corpus.name) for text in corpus.text or ()]
        distinct = sorted(set(itertools.chain.from_iterable(statements for _, statements in parsed)))
        self.text.use_cache(corpus.cache)
        vectors = self.text.encoder.encode(distinct).numpy()
        row = {statement: i for i, statement in enumerate(distinct)}
        means = np.zeros((len(parsed), vectors.shape[1]), np.float32)
        for i, (weights, statements) in enumerate(parsed):
            if statements:  # records without any are never trained on
                means[i] = weights @ vectors[[row[statement] for statement in statements]]
        return torch.from_numpy(means)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        beat = self.beat(batch)
        shown = beat
        if self.training and torch.rand(()).item() < self.config.masked_share:
            shown = beat * kept_leads(len(batch)).to(beat.device)[..., None]
        z, terms = self.code(shown)
        terms["reconstruction"] = F.mse_loss(self.decoder(z), beat)
        if self.config.alignment == "none":
            return terms
        if self.config.alignment == "raw":
            text = self.text.reports(batch)
        else:
            assert self._aligned_with is not None
            text = self._aligned_with[batch.index.cpu()].to(beat.device)
        if self.config.alignment == "classes":
            terms["classes"] = F.binary_cross_entropy_with_logits(self.classifier(z), text)
        else:
            ecg, text = self.project_ecg(z), self.project_text(text)
            terms["alignment"] = cosine_distance(ecg, text)
            # Without negatives, the loss is lowest where all texts and ECGs are one vector; this tells the difference.
            note_contrast(F.normalize(ecg, dim=1) @ F.normalize(text, dim=1).T)
        return terms

    def beat(self, batch: ECGBatch) -> Float[Tensor, "record lead time"]:
        """The batch's median beats, padded on both sides."""
        return centred(batch.ecg, self.config.samples)

    def code(self, beat: Float[Tensor, "record lead time"]) -> tuple[Float[Tensor, "record dim"], dict[str, Tensor]]:
        """What the decoder reads in pretraining, and terms of the loss that belong to it."""
        return self.encoder(beat), {}

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.encoder(self.beat(batch))

    def head(self, dim: int, n_outputs: int) -> nn.Module:
        return RiskHead(dim, n_outputs)

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        """One lead mask for the whole batch, so that risks in it can be compared (released code)."""
        if torch.rand(()).item() >= self.config.masked_share:
            return batch
        return replace(batch, ecg=batch.ecg * kept_leads(1).to(batch.ecg.device)[..., None])

    def finetune_loss(
        self, batch: ECGBatch, seen: ECGBatch, encoded: Float[Tensor, "record dim"], task_loss: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        """Equation 8."""
        target = self.beat(batch if self.config.finetune_target == "given" else seen)
        alpha = self.config.alpha
        return alpha * F.mse_loss(self.decoder(encoded), target) + (1 - alpha) * task_loss

    @classmethod
    def label_columns(cls, config: Config) -> tuple[str, ...]:
        return ("superclass",) if config.alignment == "classes" else ()

    def checkpoint_metadata(self) -> dict[str, Any]:
        return {"text": self.text.notes()} if self.config.alignment in ("structured", "raw") else {}


def kept_leads(records: int) -> Bool[Tensor, "record lead"]:
    """Which leads random lead masking leaves, one draw per record."""
    chances = torch.tensor([chance for chance, _ in KEPT])
    sets = torch.tensor([[lead in leads for lead in LEADS] for _, leads in KEPT])
    return sets[torch.multinomial(chances, records, replacement=True)]


def cosine_distance(first: Float[Tensor, "record dim"], second: Float[Tensor, "record dim"]) -> Float[Tensor, ""]:
    """One minus the cosine of matching rows, averaged (eq. 5); there are no negatives."""
    return (1 - F.cosine_similarity(first, second)).mean()


def _projector(dim: int) -> nn.Module:
    """Table A5."""
    return nn.Sequential(nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 128))


def _weighted_statements(text: str, corpus: str) -> tuple[Float[np.ndarray, " statement"], list[str]]:
    """Weights that add up to one, and statements, of lines ``confidence<TAB>statement``; a line without counts as 100.

    Raises:
        DataError: a confidence that is not a number.
    """
    weights, statements = [], []
    for line in filter(str.strip, text.splitlines()):
        number, _, statement = line.rpartition("\t")
        try:
            weights.append(max(float(number or 100), 0.0))
        except ValueError:
            raise DataError(
                f"{corpus}: found the line {line[:60]!r}; expected a confidence, a tab and a statement, or a statement "
                f"alone. Choose another text (--set pretrain.text_source=...), or --set alignment=raw."
            ) from None
        statements.append(statement.strip())
    confidences = np.asarray(weights, np.float32)
    if not confidences.sum() > 0:
        confidences = np.ones_like(confidences)
    return (confidences / confidences.sum() if len(confidences) else confidences), statements


def _superclasses(corpus: Corpus) -> Float[Tensor, "record class"]:
    if "superclass" not in corpus.records:
        raise ConfigError(f"alignment = classes reads the superclasses of PTB-XL, and {corpus.name} has none.")
    rows = [[name in record_classes for name in SUPERCLASSES] for record_classes in corpus.records["superclass"]]
    return torch.tensor(rows, dtype=torch.float32)
