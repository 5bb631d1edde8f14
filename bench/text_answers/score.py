"""Compute retrieval and scores under wordings for zero-shot cells, and keep them.

``WORKSPACE/text_answers/KEY-retrieval-DIGEST/ranks.npy`` holds float64 [direction, record], with the ids and patients of the
records in the seal; ``KEY-prompts-DIGEST/scores.npy`` float32 [wording, record, class]. KEY is that of the zero-shot result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import registry
from bench.cells.result import Result
from bench.errors import ConfigError
from bench.leaderboard.text_answers import FOLDER
from bench.progress import track
from bench.runner.resolved_cell import ResolvedCell
from bench.scoring.retrieval import ranks
from bench.splitting.stratify import hash_fraction
from bench.storage.artifacts import digest, once, write_json
from bench.storage.code_digest import module_digest
from bench.training.devices import encoding_batch
from bench.training.loop import make_fabric

POOL = 5000
"""Records of the pool at most: recall depends on its size, and the time on its square."""
TEXTS_AT_ONCE = 256


def score_retrieval(resolved: ResolvedCell, result: Result, text: str | None = None) -> Path:
    """Rank texts by recordings and recordings by texts among the test records of a zero-shot cell.

    Args:
        text: one of the dataset's text sources; its first one if None.

    Raises:
        ConfigError: the dataset has no text, or not that one; fewer than two test records have a text.
    """
    data = resolved.data
    dataset = registry.load(registry.DATASETS, data.tested_dataset)
    if not dataset.text_sources or (text is not None and text not in dataset.text_sources):
        raise ConfigError(
            f"retrieval: {dataset.name} has {', '.join(dataset.text_sources) or 'no text'}"
            f"{f', and not {text}' if text else ''}. Choose a task of a dataset with text, or --text."
        )
    source = text or next(iter(dataset.text_sources))
    test = data.partition(resolved.cell.fold).test
    _, first = np.unique(data.examples.record_ids[test], return_index=True)
    test = test[np.sort(first)]
    records = data.tested_store.records.iloc[data.rows[test]]
    texts = [" ".join(words.split()) for words in dataset.text(records, source)]
    with_text = [i for i, words in enumerate(texts) if words]
    ids = data.examples.record_ids[test][with_text]
    if len(with_text) > POOL:
        order = np.argsort(hash_fraction(list(map(str, ids)), "retrieval"))[:POOL]
        with_text = [with_text[i] for i in np.sort(order)]
    if len(with_text) < 2:
        raise ConfigError(
            f"retrieval: {len(with_text)} test records of {resolved.cell.task} have a text; expected two or more."
        )
    rows, texts = test[with_text], [texts[i] for i in with_text]
    distinct = list(dict.fromkeys(texts))
    position = {words: i for i, words in enumerate(distinct)}
    inputs = {
        "result": result.key,
        "what": "retrieval",
        "text": source,
        "texts": digest(texts),
        "records": digest(rows.tolist()),
        "code": module_digest(ranks.__module__),
    }
    facts = {
        "text": source,
        "distinct": len(distinct),
        "patients": data.examples.patient_ids[rows].astype(str).tolist(),
    }

    def make(folder: Path) -> None:
        similarity = _scores(resolved, rows, [distinct])
        both = ranks(similarity[0], np.array([position[words] for words in texts]))
        np.save(folder / "ranks.npy", np.stack(both))
        write_json(folder / "facts.json", facts)

    return once(_folder(resolved, "retrieval", inputs), make, "retrieval", inputs)


def score_prompts(resolved: ResolvedCell, result: Result) -> Path:
    """Score the test records of a zero-shot cell under every wording of its classes.

    Raises:
        ConfigError: the task states no wordings.
    """
    task = resolved.data.task
    worded = [name for name in task.classes if task.wordings.get(name)]
    if not worded:
        stated = [name for name in registry.entries(registry.TASKS) if registry.load(registry.TASKS, name).wordings]
        raise ConfigError(
            f"prompts: {task.name} states no wordings of its classes. Tasks that do: {', '.join(stated)}."
        )
    number = min(len(task.wordings[name]) for name in worded)
    # a class without wordings keeps its words, so that scores that compare classes see all of them
    asked = [
        [task.wordings[c][i] if c in worded else words for c, words in task.classes.items()] for i in range(number)
    ]
    inputs = {"result": result.key, "what": "prompts", "wordings": asked, "classes": worded}
    test = resolved.data.partition(resolved.cell.fold).test

    def make(folder: Path) -> None:
        np.save(folder / "scores.npy", _scores(resolved, test, asked).astype(np.float32))
        write_json(folder / "facts.json", {"wordings": asked, "classes": worded})

    return once(_folder(resolved, "prompts", inputs), make, "prompts", inputs)


def _folder(resolved: ResolvedCell, what: str, inputs: dict[str, Any]) -> Path:
    return resolved.session.source.workspace.root / FOLDER / f"{resolved.key}-{what}-{digest(inputs)[:8]}"


def _scores(resolved: ResolvedCell, rows: np.ndarray, asked: Sequence[Sequence[str]]) -> np.ndarray:
    """Scores of some examples for lists of words, all of one length: float64 [list, example, word]."""
    method = resolved.starting_method()
    fabric = make_fabric()
    model = fabric.setup_module(method)
    model.mark_forward_method("zero_shot")
    model.eval()
    source = resolved.batches(resolved.data.examples.targets)
    parts = [[words[i : i + TEXTS_AT_ONCE] for i in range(0, len(words), TEXTS_AT_ONCE)] for words in asked]
    answers: list[np.ndarray] = []
    done = 0
    with track(f"{resolved}, {len(asked[0]):,} texts") as progress, torch.no_grad():
        for batch in source.in_order(rows, encoding_batch(fabric.device)):
            batch = batch.to(fabric.device)
            of_lists = [
                torch.cat([model.zero_shot(batch, part).double().cpu() for part in of_list], dim=1) for of_list in parts
            ]
            answers.append(torch.stack(of_lists).numpy())
            done += len(batch)
            progress(done, len(rows))
    return np.concatenate(answers, axis=1)
