"""Checks of a card's predictions: whose records, labels and patients they hold, and whether the metrics follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import kinds, modes, registry
from bench.errors import BenchError
from bench.kinds.clinical_metrics import CLINICAL, plain_name
from bench.leaderboard.card_form import Card
from bench.leaderboard.validation.verdict import Check, NotChecked
from bench.reading.text_file import said
from bench.splitting.split import load_split, patients_digest
from bench.storage.artifacts import file_digest
from bench.task import Examples

if TYPE_CHECKING:
    import pandas as pd

    from bench.data.source import DataSource
    from bench.runner.task_data import TaskData
    from bench.splitting.split import PartitionFacts
    from bench.task import Task

ABSENT = NotChecked("the predictions are not here (--predictions, or a .parquet of the same name next to the card)")
PARTS = ("validation", "test")
TOLERANCE = 1e-5
"""Relative: another machine's sums end in other digits, and an interval's end is a quantile of a thousand of them."""


@dataclass(frozen=True)
class Scored:
    """The predictions of a card as a table, and the task that they answer."""

    table: pd.DataFrame
    task: Task

    def part(self, name: str) -> Examples:
        """The examples of a partition as the predictions state them."""
        rows = self.table[self.table.partition == name]
        kind = kinds.load(self.task.kind)
        targets = rows[_columns(rows, "target", self.task)].to_numpy()
        targets = targets[:, 0] if kind.target_dimensions == 1 else targets
        wanted = {"u": np.uint8, "i": np.int64, "f": np.float64}[kind.target_letter]
        converted = targets.astype(wanted)
        if not np.array_equal(converted.astype(np.float64), targets.astype(np.float64), equal_nan=True):
            raise ValueError(f"targets that are no {kind.targets}")
        ids, patients = rows.record_id.to_numpy(str), rows.patient_id.to_numpy(str)
        return Examples(ids, patients, converted, rows)


def predictions(card: Card, path: Path | None, source: DataSource | None) -> Iterator[Check]:
    """The checks that need the predictions; each is there in any case."""
    names = ("predictions", "records and labels", "patients", "metrics")
    if path is None:
        yield from (Check(name, "not checked", ABSENT) for name in names)
        return
    try:
        scored = _read(card, path)
        problems = list(_form(card, scored))
    except Exception as error:  # of a stranger's file: whatever pandas, pyarrow and numpy make of it
        problems = [f"predictions: {path.name}: {said(error)}; expected the predictions.parquet of the result"]
    if problems:
        yield from (Check("predictions", "differs", line) for line in problems)
        yield from (Check(name, "not checked", "the predictions are refused") for name in names[1:])
        return
    yield Check("predictions", "holds")
    data = _available(card, source)
    for name, check in (("records and labels", _labels), ("patients", _patients)):
        yield from _outcome(name, list(check(card, scored, data)))
    yield from _outcome("metrics", list(_metrics(card, scored, path)))


def _outcome(name: str, lines: list[str]) -> Iterator[Check]:
    for line in lines:
        yield Check(name, "not checked" if isinstance(line, NotChecked) else "differs", line)
    if not lines:
        yield Check(name, "holds")


def _read(card: Card, path: Path) -> Scored:
    from bench.reading.parquet_file import read_parquet

    if file_digest(path) != card.predictions.sha256:
        raise ValueError("its SHA-256 is not the one that the card states")
    return Scored(read_parquet(path), registry.load(registry.TASKS, str(card.cell["task"]))())


def _form(card: Card, scored: Scored) -> Iterator[str]:
    """Columns, partitions, and records that occur once."""
    table, task = scored.table, scored.task
    for prefix in ("target", "score"):
        present = [name for name in table if name == prefix or str(name).startswith(f"{prefix}_")]
        if present != _columns(table, prefix, task):
            yield f"predictions: the columns {prefix}_... are not those of {task.name}, in the order of its classes"
            return
    if table[["record_id", "patient_id", "partition"]].isna().to_numpy().any():
        yield "predictions: a record, patient or partition is missing"
        return
    if unknown := set(table.partition) - set(PARTS):
        yield f"predictions: partition {str(min(map(str, unknown)))[:40]!r}; expected {' or '.join(PARTS)}"
        return
    sizes = {name: int((table.partition == name).sum()) for name in PARTS}
    if sizes["test"] != card.counts.test:
        yield f"predictions: {sizes['test']:,} test records, but counts.test is {card.counts.test:,}"
    if sizes["validation"] not in (0, card.counts.validation):
        yield f"predictions: {sizes['validation']:,} validation records, but counts.validation is {card.counts.validation:,}"
    if not sizes["validation"] and not modes.facts(card.cell["mode"]).names_classes:
        yield f"predictions: no validation records, which {card.cell['mode']} scores too"
    if registry.is_transferred(str(card.cell["task"])):  # ids of two datasets, which may be the same words
        return
    split = load_split(card.split.name)
    parts = {name: scored.part(name) for name in PARTS}
    if split.content.keep_apart != "example":  # otherwise windows of a recording are separate examples
        for name, examples in parts.items():
            if len(np.unique(examples.record_ids)) < len(examples):
                yield f"predictions: a {name} record occurs twice"
        for ids in ("record_ids", *(("patient_ids",) if split.content.keep_apart == "patient" else ())):
            if len(np.intersect1d(getattr(parts["validation"], ids), getattr(parts["test"], ids))):
                yield f"predictions: validation and test share {ids.replace('_ids', 's')}"


def _columns(table: pd.DataFrame, prefix: str, task: Task) -> list[str]:
    """The columns that a result of the task has: one, one per class or target, or, without names, numbered ones."""
    if prefix in table:
        return [prefix]
    names = kinds.load(task.kind).target_columns(list(task.classes))
    present = sum(str(name).startswith(f"{prefix}_") for name in table)
    if present != len(names):
        names = [str(i) for i in range(present)]
    return [f"{prefix}_{name}" for name in names]


# -- records, labels and patients --------------------------------------------------------------------------------------


def _facts(card: Card) -> dict[str, PartitionFacts]:
    """What the split's file states about a complete copy of real data; empty where it does not apply to the card."""
    if registry.is_transferred(str(card.cell["task"])):  # no file states the split of a transferred task
        return {}
    complete = load_split(card.split.name).content.complete
    if complete is None or not (complete.binding and card.data == "real" and card.split.complete):
        return {}
    return dict(complete.partitions)  # type: ignore[arg-type]


def _available(card: Card, source: DataSource | None) -> TaskData | NotChecked:
    """The task over the prepared recordings of this workspace, if they are those of the card."""
    from bench.runner.session import Session

    name = str(card.dataset.get("name"))
    if source is None or source.kind != card.data:
        return NotChecked(f"the {card.data} recordings of {name} are not here")
    try:
        if not source.prepared(name):
            return NotChecked(f"{name} is not prepared in this workspace (bench data prepare {name})")
        data = Session(source, card.profile).task_data(str(card.cell["task"]))
    except BenchError as error:
        return NotChecked(f"{name} cannot be read here: {str(error)[:200]}")
    if data.store.digest != card.dataset.get("digest"):
        return NotChecked(f"the recordings of {name} in this workspace are not those of the card")
    return data


def _labels(card: Card, scored: Scored, data: TaskData | NotChecked) -> Iterator[str]:
    """The scored records and their labels are those of the split."""
    if not isinstance(data, NotChecked):
        if data.split_name != card.split.name or data.split_digest(card.cell["fold"]) != card.split.digest:
            yield "split.digest: it is not that of the recordings here, which are the card's"
            return
        for name, examples, rows in _with_rows(card, scored, data):
            if not np.array_equal(examples.record_ids, data.examples.record_ids[rows].astype(str)):
                yield f"predictions: the {name} records are not those of the split"
            elif not np.array_equal(examples.targets, data.examples.targets[rows], equal_nan=_is_float(examples)):
                yield f"predictions: the labels of the {name} records are not those of the data"
        return
    if registry.is_transferred(str(card.cell["task"])):
        yield NotChecked(f"{data}, and no file states the split of a transferred task")
        return
    split, facts = load_split(card.split.name), _facts(card)
    stated = {name: facts[name].digest for name in PARTS if name in facts and facts[name].digest}
    if "test" not in stated or split.content.keep_apart == "example":
        yield NotChecked(f"{data}, and the split's file has no digest that applies")
        return
    for name, expected in stated.items():
        examples = scored.part(name)
        if len(examples) and split.digest(examples) != expected:
            yield f"predictions: the {name} records or their labels are not those of {split.name}"


def _patients(card: Card, scored: Scored, data: TaskData | NotChecked) -> Iterator[str]:
    """Each record is of the patient that the data state: intervals depend on it."""
    if not isinstance(data, NotChecked):
        for name, examples, rows in _with_rows(card, scored, data):
            if not np.array_equal(examples.patient_ids, data.examples.patient_ids[rows].astype(str)):
                yield f"predictions: the patients of the {name} records are not those of the data"
        return
    facts = _facts(card)
    test = facts.get("test")
    examples = scored.part("test")
    if test is None or (test.patients is None and test.patients_digest is None):
        yield NotChecked(f"{data}, and the split's file does not state the patients")
    elif test.patients is not None and len(np.unique(examples.patient_ids)) != test.patients:
        yield f"predictions: the test records are of another number of patients than {card.split.name} states"
    elif test.patients_digest is not None:
        if patients_digest(examples) != test.patients_digest:
            yield f"predictions: the patients of the test records are not those of {card.split.name}"
    elif test.patients != test.records:  # otherwise each record has a patient to itself, whatever the name
        yield NotChecked(f"{data}, and the split's file states only how many patients there are")


def _with_rows(card: Card, scored: Scored, data: TaskData) -> Iterator[tuple[str, Examples, np.ndarray]]:
    partition = data.partition(card.cell["fold"])
    for name in PARTS:
        examples, rows = scored.part(name), getattr(partition, name)
        if len(examples) or name == "test":
            yield name, examples, rows


def _is_float(examples: Examples) -> bool:
    return bool(np.issubdtype(examples.targets.dtype, np.floating))


# -- metrics -----------------------------------------------------------------------------------------------------------


def _metrics(card: Card, scored: Scored, path: Path) -> Iterator[str]:
    """Every metric again, from the predictions."""
    from bench.runner.rescore import rescored

    try:
        now = rescored(card.result(), scored.table)
    except Exception as error:  # of a stranger's file
        yield f"predictions: {path.name} cannot be scored ({said(error)}); expected the predictions.parquet of the result"
        return
    stored = card.score.model_dump(mode="json")
    # Metrics that bench has gained since the card was made are no fault of the card.
    now["metrics"] = {
        n: v for n, v in now["metrics"].items() if n in stored["metrics"] or plain_name(n) not in CLINICAL
    }
    for name in [name for name in now if name != "notes"]:
        for field in differing(stored[name], now[name], f"score.{name}"):
            yield f"{field} is not what the predictions give"


def differing(stored: Any, now: Any, where: str) -> Iterator[str]:
    """The fields in which two JSON values differ by more than rounding."""
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*stored, *now]):
            yield from differing(stored.get(name), now.get(name), f"{where}.{name}")
    elif isinstance(stored, float) and isinstance(now, float):
        if not math.isclose(stored, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield where
    elif isinstance(stored, tuple | list) and isinstance(now, tuple | list):
        if list(stored) != list(now):
            yield where
    elif stored != now:
        yield where
