"""Significant differences between the rows of a column: contrasts fixed beforehand, then every pair.

Contrasts come first and are corrected among themselves (:mod:`bench.leaderboard.statistics.contrasts`). All pairs come
second, with Holm's correction over the column. The tests: :mod:`bench.leaderboard.statistics.column_tests`.

A row without replicates is not tested where another training would give another model: the test would compare two models
and not two methods. A rank is one plus the number of lines that are significantly better; lines that share a letter do not
differ significantly. Lines with the same predictions are one computation, which is tested once. A column that averages other
columns or several tasks is not tested: its parts are.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.kinds import clinical_metrics
from bench.kinds.clinical_metrics import CLINICAL, UNDIRECTED, plain_name
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.statistics.column_tests import Results, kept_tests, stored_name
from bench.leaderboard.statistics.contrasts import Contrasts, Place, contrasts_of, supervised_reference
from bench.leaderboard.summary import Summary

if TYPE_CHECKING:
    from bench.leaderboard.collect import Table
    from bench.scoring.comparison import Difference

LEVEL = 0.05
LOWER_IS_BETTER = ("rmse", "mae", "integrated_brier")
ONE_MODEL = (
    "fewer than two rows have replicates; the interval of a row without them covers other test patients (and other seeds, if "
    "several were run), not another pretraining or other labelled records, so that a test would compare two trained models, "
    "not two methods; bench run --replicates 5 gives replicates"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


ALONE = "one of them is a single trained model: the test would compare models, not methods (bench run --replicates 5)"
SAME = "both have the same predictions: one computation"
NO_ERROR = "the difference has no standard error"
PairTest = tuple["Difference", float]
"""Difference of two lines, and its p value corrected over the column (Holm; NaN where there is none)."""


@dataclass(frozen=True)
class Ranks:
    """How the lines of one column stand to each other.

    Attributes:
        test: the test's name; empty where none could be made, and then ``why`` says why.
        one_model: lines that were not tested, having no replicates.
        pairs: how many pairs were tested.
        detectable: of half of the pairs the smallest detectable difference is below this (power 80 %, Holm's first step).
        equal: pairs shown to be equal up to the board's margin (two one-sided tests, Holm over the column).
        same: lines with the same predictions, where there are several: one computation.
        contrasts: the comparisons that were fixed beforehand.
        lines: the lines compared, by number, best first.
        rank: line -> 1 + the number of computations significantly better.
        letters: line -> the groups it is in.
        groups: lines of which no two differ significantly, best first.
        intervals: line -> low, high, and the standard deviation over patients, from predictions.
        tests: two lines -> difference of the first from the second, and its p value corrected over the column (Holm).
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
    same: tuple[tuple[int, ...], ...] = ()
    contrasts: Contrasts = field(default_factory=Contrasts)
    intervals: Mapping[int, tuple[float | None, ...]] = field(default_factory=dict)
    tests: Mapping[tuple[int, int], PairTest] = field(default_factory=dict)

    def test_of(self, first: int, second: int) -> PairTest | str:
        """The test of two lines, or the reason why there is none."""
        if (test := self.tests.get((first, second))) is not None:
            return test
        if (test := self.tests.get((second, first))) is not None:
            difference, corrected = test
            value, low, high = -difference.value, -difference.high, -difference.low
            return replace(difference, value=value, low=low, high=high), corrected
        if self.why:
            return self.why
        if any({first, second} <= set(lines) for lines in self.same):
            return SAME
        return ALONE if {first, second} & set(self.one_model) else NO_ERROR


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    if plain_name(metric) in CLINICAL:
        return plain_name(metric) in clinical_metrics.LOWER_IS_BETTER
    return metric.startswith(LOWER_IS_BETTER) or (is_cost(metric) and not metric.endswith("_per_second"))


def is_directed(metric: str) -> bool:
    """Whether rows can be ranked by the metric. A calibration slope is best at 1, and the prevalence is no merit."""
    return plain_name(metric) not in UNDIRECTED


def ranks_of(table: Table, results: Results, cache: Path | None = None) -> dict[int, Ranks]:
    """Column number -> how its lines stand to each other, for the columns in which two lines or more have a value.

    Args:
        results: those behind the table, with their predictions on disk.
        cache: a folder for p values, which depend on the results alone and take seconds.
    """
    return {index: _ranks(table, index, results, cache) for index in _tested_columns(table)}


def interval_alone(
    table: Table, index: int, results: Results, cache: Path | None = None
) -> dict[int, tuple[float | None, ...]]:
    """As :attr:`Ranks.intervals`, of a column with a single line that has replicates, which is tested against no other."""
    if (alone := _alone(table, index)) is None:
        return {}
    line, summary, metric, class_name = alone
    intervals = kept_tests([summary], metric, class_name, results, cache).lines
    return {line: tuple(intervals[0])} if intervals else {}


def _alone(table: Table, index: int) -> tuple[int, Summary, str, str | None] | None:
    column = table.board.columns[index]
    lines = [k for k in _filled(table, index) if not table.lines[k].summaries[index].one_model]
    if len(lines) != 1 or column.mean_of or is_cost(column.metric or table.board.metric):
        return None
    row, summary = table.lines[lines[0]].row, table.lines[lines[0]].summaries[index]
    if summary.replicates < 2 or summary.folds > 1 or len(wanted_coordinates(row, column)) > 1:
        return None
    return lines[0], summary, *_asked(table.board, row, column)


def kept_names(table: Table) -> Iterator[str]:
    """The names under which a cache keeps the p values of the table's columns."""
    for index in _tested_columns(table):
        asked = _asked_of(table, index)
        if not asked.why:
            for places in asked.tried():
                yield stored_name(_summaries(table, places), asked.metric, asked.class_name)
    for index in range(len(table.board.columns)):
        if (alone := _alone(table, index)) is not None:
            yield stored_name([alone[1]], *alone[2:])


def _tested_columns(table: Table) -> Iterator[int]:
    for index, column in enumerate(table.board.columns):
        if len(_filled(table, index)) > 1 and not column.mean_of and not is_cost(column.metric or table.board.metric):
            yield index


def _filled(table: Table, index: int) -> list[int]:
    return [k for k, line in enumerate(table.lines) if line.summaries[index].value is not None]


@dataclass(frozen=True)
class _Asked:
    """What a column compares.

    Attributes:
        why: why it compares nothing; empty where it does.
        computations: lines by computation; the first of each is tested.
        reference: the best supervised result; of another column where this one has no supervised row.
    """

    why: str = ""
    metric: str = ""
    class_name: str | None = None
    computations: tuple[tuple[int, ...], ...] = ()
    index: int = 0
    reference: Place | None = None

    def tried(self) -> list[list[Place]]:
        """What is tested together; without the reference of another column where it was tested on other records."""
        own = [(lines[0], self.index) for lines in self.computations]
        with_reference = [*own, self.reference] if self.reference and self.reference[1] != self.index else own
        return [with_reference, own] if len(with_reference) > len(own) else [own]


def _asked_of(table: Table, index: int) -> _Asked:
    column, filled = table.board.columns[index], _filled(table, index)
    questions = {_asked(table.board, table.lines[k].row, column) for k in filled}
    if len(questions) > 1:
        return _Asked("its rows show different metrics or classes")
    if any(len(wanted_coordinates(table.lines[k].row, column)) > 1 for k in filled):
        return _Asked("it averages several tasks")
    compared = [k for k in filled if not table.lines[k].summaries[index].one_model]
    if len(compared) < 2:
        return _Asked(ONE_MODEL)
    computations: dict[Any, list[int]] = defaultdict(list)
    for k in compared:
        computations[table.lines[k].summaries[index].predictions or k].append(k)
    if len(computations) < 2:
        return _Asked("its rows are one computation")
    metric, class_name = questions.pop()
    sign = -1 if lower_is_better(metric) else 1
    asked = [
        [_asked(table.board, line.row, column) == (metric, class_name) for column in table.board.columns]
        for line in table.lines
    ]
    reference = supervised_reference(table, index, asked, sign)
    return _Asked("", metric, class_name, tuple(map(tuple, computations.values())), index, reference)


def _summaries(table: Table, places: Sequence[Place]) -> list[Summary]:
    return [table.lines[line].summaries[column] for line, column in places]


def _ranks(table: Table, index: int, results: Results, cache: Path | None) -> Ranks:
    import numpy as np

    from bench.scoring.comparison import holm, indistinguishable

    asked = _asked_of(table, index)
    if asked.why:
        return Ranks(why=asked.why)
    for places in asked.tried():
        tested = kept_tests(_summaries(table, places), asked.metric, asked.class_name, results, cache)
        if not tested.why:
            break
    else:
        return Ranks(why=tested.why)
    computations = asked.computations
    if not is_directed(asked.metric):
        of_lines = zip(computations, tested.lines, strict=False)
        intervals = {line: tuple(bounds) for lines, bounds in of_lines for line in lines}
        return Ranks(why="neither a higher nor a lower value is better", intervals=intervals)
    count = len(computations)
    pairs = list(itertools.combinations(range(count), 2))
    of_column = tested.among(len(places), range(count))
    of_pairs = of_column.pairs()
    adjusted = holm(np.array([np.nan if p is None else p for p in of_column.p]))
    different = np.zeros((count, count), bool)
    for (i, j), p in zip(pairs, adjusted, strict=True):
        different[i, j] = different[j, i] = bool(p < LEVEL)
    shown = [s.value if s.value is not None else np.nan for s in _summaries(table, places)[:count]]
    sign = 1 if lower_is_better(asked.metric) else -1
    order = sorted(range(count), key=lambda i: sign * shown[i])
    position = {i: k for k, i in enumerate(order)}
    groups = indistinguishable(different, order)
    rank = [1 + sum(bool(different[i, j]) and position[j] < position[i] for j in range(count)) for i in range(count)]
    letters = ["".join(_letter(g) for g, members in enumerate(groups) if i in members) for i in range(count)]
    ordered = [(line, i) for i in order for line in computations[i]]
    known = {line for lines in computations for line in lines}
    return Ranks(
        test=tested.test,
        one_model=tuple(k for k in _filled(table, index) if k not in known),
        pairs=int(np.count_nonzero(~np.isnan(adjusted))),
        **_what_pairs_show(of_pairs, table.board.margin, [(computations[i][0], computations[j][0]) for i, j in pairs]),
        same=tuple(lines for lines in computations if len(lines) > 1),
        contrasts=contrasts_of(table, index, computations, asked.reference, places, tested),
        intervals={line: tuple(tested.lines[i]) for line, i in ordered if i < len(tested.lines)},
        tests=dict(_tests_of_lines(zip(pairs, of_pairs, adjusted, strict=True), computations)),
        lines=tuple(line for line, _ in ordered),
        rank={line: rank[i] for line, i in ordered},
        letters={line: letters[i] for line, i in ordered},
        groups=tuple(tuple(line for i in members for line in computations[i]) for members in groups),
    )


def _tests_of_lines(
    tested: Iterable[tuple[tuple[int, int], Difference | None, float]], computations: Sequence[Sequence[int]]
) -> Iterator[tuple[tuple[int, int], PairTest]]:
    for (i, j), difference, corrected in tested:
        if difference is not None:
            for pair in itertools.product(computations[i], computations[j]):
                yield pair, (difference, float(corrected))


def _what_pairs_show(
    tested: Sequence[Difference | None], margin: float, pairs: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """The smallest detectable difference of the pairs, and those shown to be equal."""
    import numpy as np

    from bench.scoring.comparison import holm

    known = [(pair, d) for pair, d in zip(pairs, tested, strict=True) if d is not None]
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
