"""Significant differences between the rows of a column: every pair tested on the same records, Holm over the column.

| column | test |
|---|---|
| one split | bootstrap of the paired difference, patients drawn; seeds add their own variance |
| one class's AUROC, a recording each patient, one seed | DeLong |
| repeated cross-validation | corrected resampled t (Nadeau and Bengio 2003), fold by fold |

A rank is one plus the number of lines that are significantly better; lines that share a letter do not differ significantly. A
column that averages others, or several tasks, is not tested: its parts are.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.cells.result import Result
from bench.errors import BenchError, DataError
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.summary import Summary
from bench.reading.json_file import read_json
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    import numpy as np

    from bench.leaderboard.collect import Table

LEVEL = 0.05
REPLICATES = 1000
VERSION = 1  # of what is kept in the cache
LOWER_IS_BETTER = ("rmse", "mae", "integrated_brier")
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Results = Mapping[str, Result]
"""By key."""


@dataclass(frozen=True)
class Ranks:
    """How the lines of one column stand to each other.

    Attributes:
        test: the test's name; empty where none could be made, and then ``why`` says why.
        lines: the lines compared, by number, best first.
        rank: line -> 1 + the number of lines significantly better.
        letters: line -> the groups it is in.
        groups: lines of which no two differ significantly, best first.
    """

    test: str = ""
    why: str = ""
    lines: tuple[int, ...] = ()
    rank: Mapping[int, int] | None = None
    letters: Mapping[int, str] | None = None
    groups: tuple[tuple[int, ...], ...] = ()


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    return metric.startswith(LOWER_IS_BETTER) or (is_cost(metric) and not metric.endswith("_per_second"))


def ranks_of(table: Table, results: Results, cache: Path | None = None) -> dict[int, Ranks]:
    """Column number -> how its lines stand to each other, for the columns in which two lines or more have a value.

    Args:
        results: those behind the table, with their predictions on disk.
        cache: a folder for p values, which depend on the results alone and take seconds.
    """
    return {index: _ranks(table, index, results, cache) for index in _tested_columns(table)}


def kept_names(table: Table) -> Iterator[str]:
    """The names under which a cache keeps the p values of the table's columns."""
    for index in _tested_columns(table):
        summaries, metric, class_name, why = _asked_of(table, index)
        if not why:
            yield _name(summaries, metric, class_name)


def _tested_columns(table: Table) -> Iterator[int]:
    for index, column in enumerate(table.board.columns):
        if len(_filled(table, index)) > 1 and not column.mean_of and not is_cost(column.metric or table.board.metric):
            yield index


def _filled(table: Table, index: int) -> list[int]:
    return [k for k, line in enumerate(table.lines) if line.summaries[index].value is not None]


def _asked_of(table: Table, index: int) -> tuple[list[Summary], str, str | None, str]:
    """What a column compares: its summaries, the metric, the class; and why it compares nothing."""
    column, filled = table.board.columns[index], _filled(table, index)
    asked = {_asked(table.board, table.lines[k].row, column) for k in filled}
    if len(asked) > 1:
        return [], "", None, "its rows show different metrics or classes"
    if any(len(wanted_coordinates(table.lines[k].row, column)) > 1 for k in filled):
        return [], "", None, "it averages several tasks"
    return [table.lines[k].summaries[index] for k in filled], *asked.pop(), ""


def _ranks(table: Table, index: int, results: Results, cache: Path | None) -> Ranks:
    import numpy as np

    from bench.scoring.comparison import holm, indistinguishable

    summaries, metric, class_name, why = _asked_of(table, index)
    if why:
        return Ranks(why=why)
    test, values, why = _kept_p_values(summaries, metric, class_name, results, cache)
    if why:
        return Ranks(why=why)
    filled = _filled(table, index)
    count = len(filled)
    pairs = list(itertools.combinations(range(count), 2))
    adjusted = holm(np.array([np.nan if p is None else p for p in values]))
    different = np.zeros((count, count), bool)
    for (i, j), p in zip(pairs, adjusted, strict=True):
        different[i, j] = different[j, i] = bool(p < LEVEL)
    shown = [s.value if s.value is not None else np.nan for s in summaries]
    sign = 1 if lower_is_better(metric) else -1
    order = sorted(range(count), key=lambda i: sign * shown[i])
    position = {i: k for k, i in enumerate(order)}
    groups = indistinguishable(different, order)
    return Ranks(
        test=test,
        lines=tuple(filled[i] for i in order),
        rank={
            filled[i]: 1 + sum(bool(different[i, j]) and position[j] < position[i] for j in range(count)) for i in order
        },
        letters={filled[i]: "".join(_letter(g) for g, members in enumerate(groups) if i in members) for i in order},
        groups=tuple(tuple(filled[i] for i in members) for members in groups),
    )


def _letter(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else f"({number + 1})"


def _asked(board: Board, row: Row, column: Column) -> tuple[str, str | None]:
    return row.metric or column.metric or board.metric, row.class_name or column.class_name


def _name(summaries: Sequence[Summary], metric: str, class_name: str | None) -> str:
    return digest([VERSION, metric, class_name, [list(s.keys) for s in summaries]])


_Tested = tuple[str, list[float | None], str]
"""The test's name, a p value for each pair, and why there are none."""


def _kept_p_values(
    summaries: Sequence[Summary], metric: str, class_name: str | None, results: Results, cache: Path | None
) -> _Tested:
    if any(key not in results for s in summaries for key in s.keys):
        return "", [], "its values are differences"
    path = None
    if cache is not None:
        path = cache / f"{_name(summaries, metric, class_name)}.json"
        if stored := read_p_values(path):
            return stored["test"], stored["p"], stored["why"]
    try:
        tested = _p_values([[results[key] for key in s.keys] for s in summaries], metric, class_name)
    except BenchError as error:
        return "", [], str(error).rstrip(".")  # not kept: what is wrong with a file can be repaired
    if path is not None:
        with contextlib.suppress(OSError):  # a workspace that is only read
            path.parent.mkdir(parents=True, exist_ok=True)
            value = dict(zip(("test", "p", "why"), tested, strict=True))
            write_json(path, value | {"digest": digest(value)})
    return tested


def read_p_values(path: Path) -> dict[str, Any] | None:
    """Stored p values (``test``, ``p``, ``why``); None where there are none, or they were altered. Those of a kept board have
    no digest here: they were compared with the board's."""
    try:
        value = read_json(path)
        signed = {name: value[name] for name in ("test", "p", "why")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return signed if value in (signed, signed | {"digest": digest(signed)}) else None


def _p_values(lines: list[list[Result]], metric: str, class_name: str | None) -> _Tested:
    import numpy as np

    folds = [sorted({r.cell.fold for r in line}) for line in lines]
    if any(found != folds[0] for found in folds):
        return "", [], "its rows were tested on different folds"
    if len(folds[0]) > 1:
        return _over_folds(lines, metric, class_name)
    if any(r.folder is None for line in lines for r in line):
        return "", [], "predictions of some results are not available"
    paired = [[PairedScores.of(r) for r in line] for line in lines]
    ids = paired[0][0].records
    if not all(np.array_equal(scores.records, ids) for line in paired for scores in line):
        return "", [], "its rows were tested on different records"
    if class_name is not None and metric == "auroc" and all(len(line) == 1 for line in paired):
        first = paired[0][0]
        if len(set(first.patients)) == len(first.patients):
            return _delong([line[0] for line in paired], first.names.index(class_name))
    replicates = [[scores.replicates(metric, class_name) for scores in line] for line in paired]
    return _bootstrapped(replicates)


def _bootstrapped(replicates: list[list[Any]]) -> _Tested:
    from bench.scoring.replication import differences_of_all_pairs

    p_values = [_or_none(difference.p_value) for difference in differences_of_all_pairs(replicates)]
    return "bootstrap of the paired difference", p_values, ""


def _delong(paired: list[PairedScores], column: int) -> _Tested:
    import numpy as np

    from bench.scoring.comparison import delong

    aurocs = delong(paired[0].targets[:, column], np.stack([one.scores[:, column] for one in paired]))
    pairs = itertools.combinations(range(len(paired)), 2)
    return "DeLong", [_or_none(aurocs.difference(i, j).p_value) for i, j in pairs], ""


def _over_folds(lines: list[list[Result]], metric: str, class_name: str | None) -> _Tested:
    import numpy as np

    from bench.leaderboard.summary import reading
    from bench.scoring.comparison import corrected_resampled_t

    def means(line: list[Result]) -> np.ndarray:
        by_fold: dict[int, list[float]] = defaultdict(list)
        for result in line:
            value = reading(result, metric, class_name)[0]
            by_fold[result.cell.fold].append(np.nan if value is None else value)
        return np.array([np.mean(by_fold[fold]) for fold in sorted(by_fold)])

    counts = lines[0]
    train = sum(r.counts["train"] + r.counts.get("validation", 0) for r in counts) // len(counts)
    test = sum(r.counts["test"] for r in counts) // len(counts)
    pairs = itertools.combinations([means(line) for line in lines], 2)
    values = [_or_none(corrected_resampled_t(a - b, train, test).p_value) for a, b in pairs]
    return "corrected resampled t", values, ""


def _or_none(value: float) -> float | None:
    return None if value != value else float(value)


@dataclass(frozen=True)
class PairedScores:
    """Targets and scores of the records of one result, to be compared with those of another on the same records."""

    result: Result
    records: np.ndarray
    patients: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    validation: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, result: Result) -> PairedScores:
        columns = result.prediction_columns()
        test, validation = columns["partition"] == "test", columns["partition"] == "validation"
        target, score = matrix(columns, "target"), matrix(columns, "score")
        records, patients = (columns[name][test].astype(str) for name in ("record_id", "patient_id"))
        return cls(result, records, patients, target[test], score[test], (target[validation], score[validation]))

    @property
    def names(self) -> list[str]:
        return list(self.result.score["per_class"])

    def replicates(self, metric: str, class_name: str | None) -> Any:
        """The metric in every replicate. Of a class or a group it is the same metric over fewer parts."""
        from bench import kinds
        from bench.scoring.score import score_replicates

        kind = self.result.score["kind"]
        known = kinds.load(kind).metrics
        name, group = metric, None
        if class_name is not None and class_name not in self.names:
            name, group = metric, self._groups().get(class_name)
        elif class_name is not None:
            name, group = next((m for m in (f"macro_{metric}", metric) if m in known), metric), [class_name]
        elif metric not in known:
            name = next((m for m in known if metric.startswith(f"{m}_")), metric)
            group = self._groups().get(metric.removeprefix(f"{name}_"))
        if name not in known or (group is None and (name != metric or class_name)):
            raise DataError(f"differences of {metric} are not tested.")
        validation = self.validation if len(self.validation[0]) else None
        drawn = score_replicates(
            kind, self.targets, self.scores, self.names, self.patients,
            validation=validation, bootstrap=REPLICATES, metrics=[name],
        )  # fmt: skip
        if name not in drawn:
            raise DataError(f"differences of {metric} cannot be tested without validation predictions.")
        return drawn[name] if group is None else drawn[name].of_parts([self.names.index(label) for label in group])

    def _groups(self) -> dict[str, list[str]]:
        from bench.cells.seen_classes import SeenClasses

        entry = registry.entries(registry.TASKS).get(self.result.cell.task)
        own = dict(getattr(entry.load(), "groups", {})) if entry else {}
        return own | SeenClasses(self.result.seen.get("classes", {})).groups


def matrix(columns: Mapping[str, np.ndarray], prefix: str) -> np.ndarray:
    """Targets or scores among the columns of predictions: [record], or [record, column] where there are several."""
    import numpy as np

    if prefix in columns:
        return columns[prefix]
    return np.stack([column for name, column in columns.items() if name.startswith(f"{prefix}_")], axis=1)
