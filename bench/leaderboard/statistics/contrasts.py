"""Comparisons that were fixed before any number was seen, corrected among themselves (Holm over the contrasts of a column).

Each pretrained method is compared with its own untrained network, and with the best supervised result of the same task with
the same labels. A board of 23 rows has 253 pairs and at most 46 contrasts, so that a contrast needs a smaller difference.

The best supervised result is the one with the best value on the board. Its value is therefore too high by chance: a method
above it is so in spite of that, and a method that is significantly below it may owe a part of the difference to the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench import modes
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.statistics.column_tests import Tested

if TYPE_CHECKING:
    from bench.leaderboard.collect import Table

LEVEL = 0.05
Kind = Literal["untrained", "supervised"]
Place = tuple[int, int]
"""Numbers of line and column."""


@dataclass(frozen=True)
class Contrast:
    """A line minus its reference.

    Attributes:
        value, low, high: the difference and its 95 % interval (not corrected).
        p: corrected.
        equal: shown to be equal up to the board's margin (two one-sided tests, corrected).
    """

    kind: Kind
    line: int
    reference: Place
    value: float
    low: float
    high: float
    p: float
    equal: bool

    @property
    def significant(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class Contrasts:
    """The contrasts of a column.

    Attributes:
        pairs: how many different tests they are.
        detectable: of half of them the smallest detectable difference is below this (power 80 %, Holm's first step).
        supervised: the best supervised result, None where there is none with replicates.
    """

    each: tuple[Contrast, ...] = ()
    pairs: int = 0
    detectable: float | None = None
    supervised: Place | None = None

    def of(self, kind: Kind, line: int) -> Contrast | None:
        """The contrast of a line."""
        return next((c for c in self.each if (c.kind, c.line) == (kind, line)), None)


def supervised_reference(table: Table, index: int, asked: Sequence[Sequence[bool]], sign: int) -> Place | None:
    """The best result that was learned from labels alone, on the task, labels and leads of a column. None where a mode
    draws its own few labels (``kshot``): no other has the same.

    Args:
        asked: [line][column], whether it shows the metric and class of the column.
        sign: 1 where larger values are better, else -1.
    """
    places = {
        (task, fraction, leads, modes.facts(mode).uses_labels and not modes.facts(mode).counts_positives)
        for line in table.lines
        if line.summaries[index].value is not None
        for task, mode, fraction, leads in wanted_coordinates(line.row, table.board.columns[index])
    }
    if len(places) != 1 or not next(iter(places))[-1]:
        return None
    candidates: list[tuple[bool, float, Place]] = []
    for k, line in enumerate(table.lines):
        for j, (column, summary) in enumerate(zip(table.board.columns, line.summaries, strict=True)):
            if summary.value is None or summary.learned != "labels" or summary.one_model or not asked[k][j]:
                continue
            coordinates = [] if column.mean_of else wanted_coordinates(line.row, column)
            wanted = {
                (task, fraction, leads, not modes.facts(mode).counts_positives)
                for task, mode, fraction, leads in coordinates
            }
            if len(coordinates) == 1 and wanted == places:
                candidates.append((j == index, sign * summary.value, (k, j)))
    # of equal values the one in the column itself
    return max(candidates, key=lambda c: (c[1], c[0]))[2] if candidates else None


def contrasts_of(
    table: Table,
    index: int,
    computations: Sequence[Sequence[int]],
    supervised: Place | None,
    places: Sequence[Place],
    tested: Tested,
) -> Contrasts:
    """The contrasts of a column, from its tests.

    Args:
        computations: the lines of each computation; the first of each is among ``places``.
        supervised: of :func:`supervised_reference`.
        places: what was tested, in the order of ``tested``.
    """
    import numpy as np

    from bench.scoring.comparison import holm

    number = {line: i for i, lines in enumerate(computations) for line in lines}
    wanted: list[tuple[Kind, int, Place, int, int]] = []
    of_supervised = None
    if supervised is not None:
        of_supervised = number.get(supervised[0]) if supervised[1] == index else _number_in(places, supervised)
    for line, i in number.items():
        if table.lines[line].summaries[index].learned != "pretraining":
            continue
        twin = table.lines[line].twin
        if twin in number and number[twin] != i:
            wanted.append(("untrained", line, (twin, index), i, number[twin]))
        if supervised is not None and of_supervised is not None and of_supervised != i:
            wanted.append(("supervised", line, supervised, i, of_supervised))
    differences = tested.by_pair(len(places))
    tests: dict[tuple[int, int], Any] = {}
    for _, _, _, i, j in wanted:
        p, difference = differences[min(i, j), max(i, j)]
        if difference is not None and p is not None:
            tests[min(i, j), max(i, j)] = (p, difference)
    if not tests:
        return Contrasts(supervised=supervised if of_supervised is not None else None)
    adjusted = dict(zip(tests, holm(np.array([p for p, _ in tests.values()])), strict=True))
    margins = np.array([difference.equivalence(table.board.margin) for _, difference in tests.values()])
    equal = dict(zip(tests, holm(margins) < LEVEL, strict=True))
    each = []
    for kind, line, reference, i, j in wanted:
        pair = min(i, j), max(i, j)
        if pair in tests:
            difference = tests[pair][1]
            bounds = (difference.value, difference.low, difference.high)
            value, low, high = bounds if i < j else (-difference.value, -difference.high, -difference.low)
            each.append(Contrast(kind, line, reference, value, low, high, float(adjusted[pair]), bool(equal[pair])))
    detectable = float(np.median([difference.detectable(len(tests)) for _, difference in tests.values()]))
    return Contrasts(tuple(each), len(tests), detectable, supervised if of_supervised is not None else None)


def _number_in(places: Sequence[Place], place: Place) -> int | None:
    return places.index(place) if place in places else None
