"""Significant differences between the rows of a column: every pair tested on the same records, Holm over the column.

| column | test |
|---|---|
| one split | bootstrap of the paired difference, patients drawn; replicates add their own variance |
| one class's AUROC, a recording each patient, nothing trained at random | DeLong |
| repeated cross-validation | corrected resampled t (Nadeau and Bengio 2003), fold by fold |

A row without replicates is not tested where another training would give another model: the test would compare two models
and not two methods. A rank is one plus the number of lines that are significantly better; lines that share a letter do not
differ significantly. Two lines with the same predictions are one computation: no pair is counted or corrected for. A column
that averages others, or several tasks, is not tested: its parts are.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.result import Result
from bench.errors import BenchError, DataError
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.replicates import by_replicate, drawn_labels
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.leaderboard.summary import Summary
from bench.reading.json_file import read_json
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    from bench.leaderboard.collect import Table
    from bench.scoring.comparison import Difference
    from bench.scoring.replication import Components

LEVEL = 0.05
VERSION = 2  # of what is stored: raised when a stored number means something else
LOWER_IS_BETTER = ("rmse", "mae", "integrated_brier")
ONE_MODEL = (
    "fewer than two rows have replicates; the interval of a row without them covers other test patients (and other seeds, if "
    "several were run), not another pretraining or other labelled records, so that a test would compare two trained models, "
    "not two methods; bench run --replicates 5 gives replicates"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Results = Mapping[str, Result]
"""By key."""


@dataclass(frozen=True)
class Ranks:
    """How the lines of one column stand to each other.

    Attributes:
        test: the test's name; empty where none could be made, and then ``why`` says why.
        one_model: lines that were not tested, having no replicates.
        pairs: how many pairs were tested.
        detectable: of half of the pairs the smallest detectable difference is below this (power 80 %, Holm's first step).
        equal: pairs shown to be equal up to the board's margin (two one-sided tests, Holm over the column).
        lines: the lines compared, by number, best first.
        rank: line -> 1 + the number of lines significantly better.
        letters: line -> the groups it is in.
        groups: lines of which no two differ significantly, best first.
        intervals: line -> low, high, and the standard deviation over patients, from predictions.
    """

    test: str = ""
    why: str = ""
    lines: tuple[int, ...] = ()
    rank: Mapping[int, int] | None = None
    letters: Mapping[int, str] | None = None
    groups: tuple[tuple[int, ...], ...] = ()
    one_model: tuple[int, ...] = ()
    pairs: int = 0
    detectable: float | None = None
    equal: tuple[tuple[int, int], ...] = ()
    intervals: Mapping[int, tuple[float | None, ...]] = field(default_factory=dict)


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


def _compared(table: Table, index: int) -> list[int]:
    return [k for k in _filled(table, index) if not table.lines[k].summaries[index].one_model]


def _asked_of(table: Table, index: int) -> tuple[list[Summary], str, str | None, str]:
    """What a column compares: its summaries, the metric, the class; and why it compares nothing."""
    column, filled = table.board.columns[index], _filled(table, index)
    questions = {_asked(table.board, table.lines[k].row, column) for k in filled}
    if len(questions) > 1:
        return [], "", None, "its rows show different metrics or classes"
    if any(len(wanted_coordinates(table.lines[k].row, column)) > 1 for k in filled):
        return [], "", None, "it averages several tasks"
    if len(compared := _compared(table, index)) < 2:
        return [], "", None, ONE_MODEL
    return [table.lines[k].summaries[index] for k in compared], *questions.pop(), ""


def _ranks(table: Table, index: int, results: Results, cache: Path | None) -> Ranks:
    import numpy as np

    from bench.scoring.comparison import holm, indistinguishable

    summaries, metric, class_name, why = _asked_of(table, index)
    if why:
        return Ranks(why=why)
    tested = _kept_tests(summaries, metric, class_name, results, cache)
    if tested.why:
        return Ranks(why=tested.why)
    filled = _compared(table, index)
    count = len(filled)
    pairs = list(itertools.combinations(range(count), 2))
    digests = [sorted(results[key].predictions_digest for key in s.keys) for s in summaries]
    identical = [digests[i] == digests[j] and "" not in digests[i] for i, j in pairs]
    compared = [np.nan if p is None or same else p for p, same in zip(tested.p, identical, strict=True)]
    adjusted = holm(np.array(compared))
    different = np.zeros((count, count), bool)
    for (i, j), p in zip(pairs, adjusted, strict=True):
        different[i, j] = different[j, i] = bool(p < LEVEL)
    shown = [s.value if s.value is not None else np.nan for s in summaries]
    sign = 1 if lower_is_better(metric) else -1
    order = sorted(range(count), key=lambda i: sign * shown[i])
    position = {i: k for k, i in enumerate(order)}
    groups = indistinguishable(different, order)
    return Ranks(
        test=tested.test,
        one_model=tuple(k for k in _filled(table, index) if k not in filled),
        pairs=int(np.count_nonzero(~np.isnan(adjusted))),
        **_what_pairs_show(tested, identical, table.board.margin, [(filled[i], filled[j]) for i, j in pairs]),
        intervals={k: tuple(numbers) for k, numbers in zip(filled, tested.lines, strict=False)},
        lines=tuple(filled[i] for i in order),
        rank={
            filled[i]: 1 + sum(bool(different[i, j]) and position[j] < position[i] for j in range(count)) for i in order
        },
        letters={filled[i]: "".join(_letter(g) for g, members in enumerate(groups) if i in members) for i in order},
        groups=tuple(tuple(filled[i] for i in members) for members in groups),
    )


def _what_pairs_show(
    tested: Tested, identical: Sequence[bool], margin: float, pairs: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """The smallest detectable difference of the pairs, and those shown to be equal; identical ones left out."""
    import numpy as np

    from bench.scoring.comparison import holm

    each = zip(pairs, tested.pairs(), identical, strict=True)
    known = [(pair, difference) for pair, difference, same in each if difference is not None and not same]
    if not known:
        return {}
    detectable = [difference.detectable(len(known)) for _, difference in known]
    equal = holm(np.array([difference.equivalence(margin) for _, difference in known])) < LEVEL
    return {
        "detectable": float(np.median(detectable)),
        "equal": tuple(pair for (pair, _), shown in zip(known, equal, strict=True) if shown),
    }


def _letter(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else f"({number + 1})"


def _asked(board: Board, row: Row, column: Column) -> tuple[str, str | None]:
    return row.metric or column.metric or board.metric, row.class_name or column.class_name


def _name(summaries: Sequence[Summary], metric: str, class_name: str | None) -> str:
    return digest([VERSION, metric, class_name, [list(s.keys) for s in summaries]])


@dataclass(frozen=True)
class Tested:
    """The tests of one column, in the order of ``itertools.combinations``.

    Attributes:
        test: its name; empty where there is none, and then ``why`` says why.
        p: a p value for each pair.
        differences: of each pair the difference, its standard error and its degrees of freedom (None: infinite).
        lines: of each line low, high and the standard deviation over patients.
    """

    test: str = ""
    p: list[float | None] = field(default_factory=list)
    why: str = ""
    differences: list[list[float | None]] = field(default_factory=list)
    lines: list[list[float | None]] = field(default_factory=list)

    @classmethod
    def of(
        cls, test: str, differences: Sequence[Difference], lines: Sequence[Components] = (), scale: Any = "plain"
    ) -> Tested:
        shown = []
        for line in lines:
            low, high = line.interval(scale)
            shown.append([_or_none(n) for n in (low, high, line.patients**0.5)])
        numbers = [[_or_none(n) for n in (d.value, *d.spread)] for d in differences]
        return cls(test, [_or_none(d.p_value) for d in differences], "", numbers, shown)

    def is_of(self, lines: int) -> bool:
        """Whether there are as many numbers as a column of so many lines needs; stored tests may come from a stranger."""
        pairs = math.comb(lines, 2) if self.test else 0
        return len(self.p) == len(self.differences) == pairs and len(self.lines) in (0, lines)

    def pairs(self) -> list[Difference | None]:
        """The differences again; None where there is no standard error."""
        from bench.scoring.bootstrap import Spread
        from bench.scoring.comparison import t_test

        return [
            None if value is None or error is None else t_test(value, Spread(error, math.inf if f is None else f), 0.95)
            for value, error, f in self.differences
        ]


def _kept_tests(
    summaries: Sequence[Summary], metric: str, class_name: str | None, results: Results, cache: Path | None
) -> Tested:
    if any(key not in results for s in summaries for key in s.keys):
        return Tested(why="its values are differences")
    path = None
    if cache is not None:
        path = cache / f"{_name(summaries, metric, class_name)}.json"
        if (content := read_p_values(path)) and (stored := Tested(**content)).is_of(len(summaries)):
            return stored
    try:
        tested = _test([[results[key] for key in s.keys] for s in summaries], metric, class_name)
    except BenchError as error:
        return Tested(why=str(error).rstrip("."))  # not kept: what is wrong with a file can be repaired
    if path is not None:
        with contextlib.suppress(OSError):  # a workspace that is only read
            path.parent.mkdir(parents=True, exist_ok=True)
            value = {name: part for name, part in asdict(tested).items() if part or name in STORED}
            write_json(path, value | {"digest": digest(value)})
    return tested


STORED = ("test", "p", "why")
"""Parts of stored tests that are always there."""


def read_p_values(path: Path) -> dict[str, Any] | None:
    """Stored tests, as the fields of :class:`Tested`; None where there are none, or they were altered. Those of a kept board
    have no digest here: they were compared with the board's."""
    try:
        value = read_json(path)
        signed = {name: value[name] for name in (*STORED, "differences", "lines") if name in value or name in STORED}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return signed if value in (signed, signed | {"digest": digest(signed)}) else None


def _test(lines: list[list[Result]], metric: str, class_name: str | None) -> Tested:
    import numpy as np

    folds = [sorted({r.cell.fold for r in line}) for line in lines]
    if any(line_folds != folds[0] for line_folds in folds):
        return Tested(why="its rows were tested on different folds")
    if len(folds[0]) > 1:
        return _over_folds(lines, metric, class_name)
    if any(r.folder is None for line in lines for r in line):
        raise DataError(
            "predictions of some results are not available"
        )  # they may be later, so that this is not stored
    paired = [[[PairedScores.of(r) for r in group] for group in by_replicate(line).values()] for line in lines]
    ids = paired[0][0][0].records
    every = [scores for line in paired for group in line for scores in group]
    if not all(np.array_equal(scores.records, ids) for scores in every):
        return Tested(why="its rows were tested on different records")
    if class_name is not None and metric == "auroc" and len(every) == len(lines):
        first = every[0]
        if len(set(first.patients)) == len(first.patients):
            return _delong(every, first.names.index(class_name))
    return _bootstrapped(paired, [drawn_labels(line) for line in lines], metric, class_name)


def _bootstrapped(
    paired: list[list[list[PairedScores]]], draws: list[tuple[int, ...] | None], metric: str, class_name: str | None
) -> Tested:
    from bench.leaderboard.summary import scale_of
    from bench.scoring.replication import average, components, differences_of_all_pairs

    lines = [
        [average([scores.replicates(metric, class_name) for scores in group]) for group in line] for line in paired
    ]
    scale = scale_of(paired[0][0][0].result, metric, class_name)
    differences = differences_of_all_pairs(lines, draws)
    return Tested.of("bootstrap of the paired difference", differences, [components(line) for line in lines], scale)


def _delong(paired: list[PairedScores], column: int) -> Tested:
    import numpy as np

    from bench.scoring.comparison import delong

    aurocs = delong(paired[0].targets[:, column], np.stack([scores.scores[:, column] for scores in paired]))
    pairs = itertools.combinations(range(len(paired)), 2)
    return Tested.of("DeLong", [aurocs.difference(i, j) for i, j in pairs])


def _over_folds(lines: list[list[Result]], metric: str, class_name: str | None) -> Tested:
    import numpy as np

    from bench.leaderboard.summary import ratio_of, reading
    from bench.scoring.replication import difference_over_folds

    def by_fold(line: list[Result]) -> np.ndarray:
        """[replicate, fold], each a mean over seeds."""
        values = []
        for group in by_replicate(line).values():
            of_fold: dict[int, list[float]] = defaultdict(list)
            for result in group:
                value = reading(result, metric, class_name)[0]
                of_fold[result.cell.fold].append(np.nan if value is None else value)
            values.append([np.mean(of_fold[fold]) for fold in sorted(of_fold)])
        return np.array(values)

    values, ratio = [by_fold(line) for line in lines], ratio_of(lines[0])
    pairs = itertools.combinations(values, 2)
    return Tested.of("corrected resampled t", [difference_over_folds(*pair, ratio) for pair in pairs])


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
