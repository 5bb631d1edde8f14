"""Finished cells on other labels of their test records: those of the task's variants, and a user's cleaned list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import kinds, registry
from bench.cells.result import Result
from bench.errors import ConfigError, DataError
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.progress import say
from bench.reading.publisher_csv import read_table
from bench.scoring.relabelled import Relabelled, relabelled

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bench.data.source import DataSource
    from bench.task import Task

HINT = "Expected the column record_id and one column per class with 0, 1, or nothing for unknown."


@dataclass(frozen=True)
class LabelTable:
    """One method on one task.

    Attributes:
        metric: the task's first one.
        ceiling: of a simulated cohort with planted label errors, what the true labels themselves score.
        rows: name of the labels -> the comparison with the labels as they were.
    """

    title: str
    metric: str
    seeds: int
    value: float
    ceiling: float | None
    rows: dict[str, Relabelled]


def variants_of(task: str) -> list[str]:
    """The other tasks that ask the same classes of the same recordings: same name up to ``@``."""
    base = task.partition("@")[0]
    return [name for name in registry.entries(registry.TASKS) if name.partition("@")[0] == base and name != task]


def label_tables(results: Iterable[Result], source: DataSource, cleaned: Path | None = None) -> list[LabelTable]:
    """A table per method, task, mode, labelled share and lead subset, over its seeds; only of tasks with other labels.

    Args:
        cleaned: CSV with the column ``record_id`` and one column per class; records and classes that it lacks keep their
        labels.

    Raises:
        ConfigError: no result's task has other labels. DataError: the list cannot be read, or fits no record.
    """
    import numpy as np

    results = list(results)
    tables: list[LabelTable] = []
    variants: dict[str, list[OtherLabels]] = {}
    for group in cell_groups(results):
        first = group.results[0]
        task: Task = registry.load(registry.TASKS, first.cell.task)()
        definition = kinds.load(task.kind)
        if not (definition.unknown_targets and definition.several_at_once):
            continue
        runs = [PairedScores.of(result) for result in group.results]
        scored = runs[0]
        if not all(np.array_equal(run.records, scored.records) for run in runs):
            raise DataError(
                f"{group.method} · {group.title}: its seeds were scored on different test records, which cannot be one "
                "table. Run them again with bench run --recompute."
            )
        labels = {}
        if cleaned is not None:
            labels[cleaned.name] = read_cleaned(cleaned, scored.records, scored.names, scored.targets)
        if task.name not in variants:
            variants[task.name] = other_labels(task, source)
        labels |= {other.name: other.of(scored.records) for other in variants[task.name]}
        if not labels:
            continue
        metric = next(iter(first.score["metrics"]))
        rows = {
            name: relabelled(
                task.kind, scored.targets, others, [run.scores for run in runs], scored.names, scored.patients, metric
            )
            for name, others in labels.items()
        }
        value = float(np.mean([result.metric(metric)["value"] for result in group.results]))
        ceiling = (first.provenance.get("ceiling") or {}).get(metric)
        tables.append(LabelTable(f"{group.method} · {group.title}", metric, len(runs), value, ceiling, rows))
    if not tables:
        known = sorted({name.partition("@")[0] for name in registry.entries(registry.TASKS) if "@" in name})
        asked = ", ".join(sorted({result.cell.task for result in results}))
        raise ConfigError(
            f"{asked}: no other labels are known; expected results of {', '.join(known)} or of another multilabel task with "
            "--labels FILE."
        )
    return tables


@dataclass(frozen=True)
class OtherLabels:
    """The labels of a task's variant.

    Attributes:
        position: record id -> row of the labels.
        labels: [record, class].
    """

    name: str
    position: dict[str, int]
    labels: np.ndarray

    def of(self, record_ids: np.ndarray) -> np.ndarray:
        """Labels [record, class] of these records, NaN where there are none."""
        import numpy as np

        rows = np.array([self.position.get(str(record), -1) for record in record_ids])
        labels = self.labels[rows]
        labels[rows < 0] = np.nan
        return labels


def other_labels(task: Task, source: DataSource) -> list[OtherLabels]:
    """The labels of all records by each variant of a task; without variants that plant errors."""
    names = variants_of(task.name)
    if not names:
        return []
    store = source.store(task.dataset)
    labels = []
    for name in names:
        variant: Task = registry.load(registry.TASKS, name)()
        if list(variant.classes) != list(task.classes) or variant.dataset != task.dataset:
            continue
        try:
            examples = variant.examples(store.records)
        except DataError as error:  # this copy states nothing of it
            say(f"labels left out: {error}")
            continue
        if examples.truth is not None:
            continue
        position = {str(record): row for row, record in enumerate(examples.record_ids)}
        labels.append(OtherLabels(name, position, examples.targets.astype(float)))
    return labels


def read_cleaned(path: Path, record_ids: np.ndarray, classes: Sequence[str], targets: np.ndarray) -> np.ndarray:
    """The labels of a cleaned list for these records; where it has no record or class, the labels as they were.

    Raises:
        DataError: naming the file and the column, record or value that is wrong.
    """
    import numpy as np

    table: pd.DataFrame = read_table(path, ["record_id"], HINT, optional=list(classes))
    listed = [name for name in classes if name in table]
    if not listed:
        raise DataError(f"{path}: no column is a class of the task; expected some of {', '.join(classes)}. {HINT}")
    if twice := table["record_id"][table["record_id"].duplicated()].tolist():
        raise DataError(f"{path}: record {twice[0]} has several rows; expected one. {HINT}")
    position = {str(record): row for row, record in enumerate(record_ids)}
    rows = [position.get(str(record), -1) for record in table["record_id"]]
    if max(rows, default=-1) < 0:
        raise DataError(
            f"{path}: none of its {len(table):,} records is a test record; expected ids such as {record_ids[0]}. {HINT}"
        )
    labels = np.array(targets, float)
    for name in listed:
        column = classes.index(name)
        for record, row, text in zip(table["record_id"], rows, table[name], strict=True):
            value = "" if text is None or text != text else str(text).strip()
            if value not in ("", "0", "1", "0.0", "1.0"):
                raise DataError(
                    f"{path}: record {record}, column {name}: {value[:40]!r}; expected 0, 1 or nothing. {HINT}"
                )
            if row >= 0:
                labels[row, column] = float(value) if value else np.nan
    return labels


def table_csv(tables: Sequence[LabelTable]) -> str:
    """One line per cell and set of labels."""
    head = ["cell", "seeds", "labels", "records", "changed", "unknown", "classes", "metric", "before", "after"]
    lines = [
        [
            *(
                table.title,
                table.seeds,
                name,
                row.records,
                row.changed,
                row.unknown,
                " ".join(row.classes),
                table.metric,
            ),
            *(row.before, row.after, row.difference, *row.difference_interval, row.of_error),
            "" if table.ceiling is None else table.ceiling,
        ]
        for table in tables
        for name, row in table.rows.items()
    ]
    return plain_csv([*head, "difference", "difference_low", "difference_high", "share_of_error", "ceiling"], lines)
