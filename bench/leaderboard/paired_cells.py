"""Two methods side by side: the cells that both have, with the paired tests that boards use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import modes
from bench.errors import ConfigError, UnknownName
from bench.leaderboard.board import Column
from bench.leaderboard.collect import Table
from bench.leaderboard.formats.markdown import heading
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.comparisons import PairTest
from bench.leaderboard.summary import Summary
from bench.signals.leads import LEADS, name_leads

if TYPE_CHECKING:
    from bench.scoring.comparison import Difference

UNTESTED = "the columns were not tested"


@dataclass(frozen=True)
class PairedCell:
    """A column in which two lines have a value.

    Attributes:
        kind: what the results of its table share.
        value: the first minus the second.
        difference: with its interval and p value; None without a test, and then ``why`` says why.
        corrected: the p value corrected over all pairs of the column (Holm); NaN without a test.
    """

    kind: str
    column: Column
    first: Summary
    second: Summary
    value: float
    difference: Difference | None = None
    corrected: float = math.nan
    why: str = ""


def paired_test(table: Table, index: int, first: int, second: int) -> PairTest | str:
    """The test of two lines in a column, or the reason why there is none."""
    ranks = table.ranks.get(index)
    return UNTESTED if ranks is None else ranks.test_of(first, second)


def paired_cells(table: Table, first: int, second: int) -> Iterator[PairedCell]:
    """The columns of a table in which two of its lines have a value.

    Args:
        table: with its tests (:func:`bench.leaderboard.collect.compared`).
        first, second: numbers of lines.
    """
    for index, column in enumerate(table.board.columns):
        one, other = (table.lines[line].summaries[index] for line in (first, second))
        if one.value is None or other.value is None:
            continue
        test = paired_test(table, index, first, second)
        shared = (heading(table), column, one, other, one.value - other.value)
        yield PairedCell(*shared, why=test) if isinstance(test, str) else PairedCell(*shared, *test)


def line_of(table: Table, name: str) -> int | None:
    """The number of the line of this name; of a method that was run in one way its name is enough."""
    names = [table.name(line) for line in table.lines]
    if name in names:
        return names.index(name)
    of_method = [k for k, line in enumerate(table.lines) if line.row.label == name]
    return of_method[0] if len(of_method) == 1 else None


def cells_of_both(tables: Sequence[Table], first: str, second: str) -> list[PairedCell]:
    """The cells of two methods in all tables.

    Raises:
        ConfigError: a name is unknown, or the two share no cell.
    """
    known = list(dict.fromkeys(table.name(line) for table in tables for line in table.lines))
    for name in (first, second):
        if all(line_of(table, name) is None for table in tables):
            raise UnknownName("method with results", name, known)
    found = []
    for table in tables:
        one, other = line_of(table, first), line_of(table, second)
        if one is not None and other is not None:
            found += list(paired_cells(table, one, other))
    if not found:
        raise ConfigError(f"{first} and {second} share no task, mode, labelled share and leads.")
    return found


def labels_of(column: Column) -> str:
    """The labelled share: ``10 %``, or ``none`` for a mode that reads no labels."""
    fraction = 1.0 if column.fraction is None else column.fraction
    if not modes.facts(str(column.mode)).uses_labels:
        return "none"
    return f"{fraction:.3g}" if fraction < 0.001 else f"{100 * fraction:g} %"


def leads_of(column: Column) -> str:
    """The name of the leads: ``all``, ``limb``, ``I,II``."""
    return name_leads(column.leads or LEADS)


def paired_csv(cells: Iterable[PairedCell]) -> str:
    """One line per cell."""
    head = ["kind", "task", "mode", "labels", "leads", "metric", "first", "first_low", "first_high", "second"]
    head += ["second_low", "second_high", "difference", "difference_low", "difference_high", "p", "p_corrected"]
    rows = []
    for cell in cells:
        column, tested = cell.column, cell.difference
        numbers = [cell.first.value, cell.first.low, cell.first.high]
        numbers += [cell.second.value, cell.second.low, cell.second.high, cell.value]
        numbers += [math.nan] * 3 if tested is None else [tested.low, tested.high, tested.p_value]
        setting = [column.task, column.mode, labels_of(column), leads_of(column), column.metric]
        rows.append([cell.kind, *setting, *numbers, cell.corrected, cell.why])
    return plain_csv([*head, "not_tested"], rows)
