"""Compute the text ceiling of a cell: how much the text of its pretraining says of the labels, once per text and split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench import registry
from bench.contamination.declared import collections, files_of
from bench.contamination.text_ceiling import TextCeiling, text_ceiling, why_not
from bench.errors import UnknownName
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.session import Session
from bench.storage.artifacts import digest, once, write_json
from bench.storage.code_digest import module_digest


def ceiling_of(cell: ResolvedCell) -> dict[str, Any]:
    """The text ceiling that a result keeps; empty where the cell's weights were not pretrained with text."""
    spec = cell.spec
    if spec is None or "text" not in cell.input.modalities:
        return {}
    if spec.given is None and cell.config.pretrain.epochs == 0:
        return {}
    corpus, text = str(spec.corpus.get("dataset")), str(spec.corpus.get("text") or "")
    if not text:
        missing = "which texts the weights were pretrained on is not recorded"
        return TextCeiling(corpus, text, missing=missing).to_dict()
    return ceiling(cell.session, corpus, text, cell.cell.task, cell.cell.fold).to_dict()


def ceiling(session: Session, corpus: str, text: str, task: str, fold: int = 0) -> TextCeiling:
    """The text ceiling of a task's labels, given a text of a corpus; computed once per session, and once per workspace.

    Args:
        text: one of the corpus's text sources.
    """
    return session.remembered(
        ("text ceiling", corpus, text, task, fold), lambda: _ceiling(session, corpus, text, task, fold)
    )


def _ceiling(session: Session, corpus: str, text: str, task: str, fold: int) -> TextCeiling:
    data, source = session.task_data(task), session.source
    dataset, classes = data.task.dataset, list(data.task.classes)
    if data.tested_store is not data.store:
        return TextCeiling(corpus, text, missing="the labels are those of two datasets")
    same = files_of(corpus) == files_of(dataset) and (corpus == dataset or source.kind == "real")
    if not same or collections(corpus) != [corpus]:
        missing = f"the texts of {corpus} and the labels of {dataset} are not of the same recordings"
        return TextCeiling(corpus, text, missing=missing)
    if not data.task.in_words:
        return TextCeiling(corpus, text, missing=f"the classes of {task} are not in words, which a text could state")
    if reason := why_not(data.task.kind, classes):
        return TextCeiling(corpus, text, missing=reason)
    cls, records = registry.load(registry.DATASETS, corpus), session.records(corpus)
    if text not in cls.text_sources:
        raise UnknownName(f"text of {corpus}", text, cls.text_sources)
    texts = dict(zip(records.index.astype(str), cls.text(records, text), strict=True))
    of_examples = [texts.get(str(record), "") for record in data.examples.record_ids]
    key = digest(
        [module_digest("bench.contamination.text_ceiling"), corpus, digest(of_examples), task, data.split_digest(fold)]
    )

    def make(folder: Path) -> None:
        partition, examples = data.partition(fold), data.examples
        computed = text_ceiling(
            corpus, text, of_examples, examples.targets, examples.patient_ids, np.asarray(partition.train),
            np.asarray(partition.test), data.task.kind, classes,
        )  # fmt: skip
        write_json(folder / "ceiling.json", computed.to_dict())

    folder = once(source.workspace.cache / "text_ceilings" / key, make, "text ceiling", {"key": key})
    facts = json.loads((folder / "ceiling.json").read_text(encoding="utf-8"))
    return TextCeiling(**{"text": text, **facts})
