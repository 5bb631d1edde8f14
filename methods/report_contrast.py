"""Shared base of the ECG-text methods: a text tower, prompts, and statements as concepts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Corpus, Method, MethodConfig
from bench.signals.input_spec import InputSpec
from methods.losses.contrastive import similarities
from methods.nets.backbones import code_of
from methods.text.prompts import prompts_for
from methods.text.tower import TextTower


class ReportContrast(Method):
    """An ECG encoder and a text tower; a class is asked for by its prompt, and the nearest ECG scores highest."""

    family = "report"
    corpus = "mimic-iv-ecg"
    input = InputSpec(fs=500, seconds=10, normalise="minmax", modalities=("text",))

    class Config(MethodConfig):
        after_training = frozenset({"prompts"})

    text: TextTower
    encoder: Any

    @classmethod
    def extra_code(cls, config: Any) -> tuple[str, ...]:
        return code_of(config.encoder) if hasattr(config, "encoder") else ()

    def prepare_corpus(self, corpus: Corpus) -> None:
        self.text.read(corpus)
        self.text.prepare(replace(corpus, text=self.texts(corpus)))

    def texts(self, corpus: Corpus) -> Sequence[str] | None:
        """The text of each record that the tower reads: the report as it is, unless overridden."""
        return corpus.text

    @abstractmethod
    def embed_ecg(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record shared"]:
        """ECGs in the space that they share with texts."""

    def embed_text(self, text: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text shared"]:
        """Outputs of the text tower in the space that they share with ECGs: as they are, unless overridden."""
        return text

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.encoder(batch.ecg)

    def prompts(self, class_names: Sequence[str]) -> list[str]:
        """The text that asks for each class."""
        return prompts_for(class_names, self.config.prompts)

    def zero_shot(self, batch: ECGBatch, class_names: Sequence[str]) -> Float[Tensor, "record class"]:
        text = self.text.prompts(self.prompts(class_names), batch.ecg.device)
        return similarities(self.embed_ecg(batch.ecg), self.embed_text(text), temperature=1.0)

    def use_cache(self, folder: Path) -> None:
        self.text.use_cache(folder)

    def concepts(self) -> Sequence[str]:
        return self.text.statements

    def nearest_concepts(self, class_names: Sequence[str], concepts: Sequence[str]) -> list[tuple[str, float]]:
        return self.text.nearest(class_names, concepts)

    def checkpoint_metadata(self) -> dict[str, Any]:
        return {"text": self.text.notes()}
