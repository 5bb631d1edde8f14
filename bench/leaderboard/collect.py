"""Collect results into tables. Results that must not be compared never share a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import modes
from bench.cells.result import Result
from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.comparability import Stamp, stamps_of
from bench.leaderboard.footnotes import Note, footnotes
from bench.leaderboard.lines import Filled, Line, arranged, name_of, variants
from bench.leaderboard.match_results import (
    CellCoordinates,
    assign_results,
    coordinates_of,
    is_untrained,
    latest,
    wanted_coordinates,
)
from bench.leaderboard.proof import proof_notes
from bench.leaderboard.statistics.comparisons import Ranks, interval_alone, ranks_of
from bench.leaderboard.statistics.inflation import differences, shows_differences
from bench.leaderboard.statistics.mean_ranks import MeanRanks, mean_ranks_of
from bench.leaderboard.summary import Summary, mean, summarise
from bench.leaderboard.text_ceilings import SECTION, in_words
from bench.leaderboard.third_party_rows import row_of, with_third_party_rows
from bench.signals.leads import LEADS, name_leads

if TYPE_CHECKING:
    from bench.leaderboard.statistics.ranking import Ranking

NOT_RUN = Summary(missing="not run")
NO_EPOCH = ", pretrain.epochs 0"
"""What the label of an untrained network states."""
PUBLISHED_ONLY = Summary(missing="published only")


@dataclass(frozen=True)
class Table:
    """A board filled with results that may be compared; ``stamp`` is None for the published numbers alone.

    ``ranks`` (by column number) and ``mean_ranks`` are there once :func:`compared` made them, ``ranking`` once
    :func:`bench.leaderboard.statistics.ranking.ranked` made it.
    """

    board: Board
    stamp: Stamp | None
    lines: list[Line]
    footnotes: list[str] = field(default_factory=list)
    ranks: Mapping[int, Ranks] = field(default_factory=dict)
    mean_ranks: MeanRanks | None = None
    ranking: Ranking | None = None

    @property
    def shows_published(self) -> bool:
        return self.board.has_published and (self.stamp is None or self.stamp.comparable)

    def name(self, line: Line) -> str:
        """The line's label, with its group where another line has the same label: unique within the table."""
        return name_of(line, self.lines)


def collect(board: Board, results: Iterable[Result]) -> list[Table]:
    """The board's tables, one for each kind of result that must not be mixed with another; comparable ones first.

    Of a cell that was finished more than once (the code having changed in between) the latest counts. If nothing of
    ours may appear next to the published numbers, they get a separate table. Methods of other packages get rows below
    the board's own (:mod:`bench.leaderboard.third_party_rows`).
    """
    results = list(results)
    if shows_differences(board):
        results += differences(results, board)
    board = with_third_party_rows(board, results)
    assigned = assign_results(board, results)
    stamps = stamps_of([result for _, result in assigned])
    by_stamp: dict[Stamp, list[tuple[int, Result]]] = defaultdict(list)
    for index, result in assigned:
        by_stamp[stamps[result.key]].append((index, result))
    tables = [_table(board, stamp, by_stamp[stamp]) for stamp in sorted(by_stamp, key=lambda stamp: stamp.rank)]
    if board.has_published and not any(table.shows_published for table in tables):
        tables.insert(0, Table(board, None, [_empty(board, row) for row in board.rows]))
    return tables


def compared(tables: Sequence[Table], results: Iterable[Result], cache: Path | None = None) -> list[Table]:
    """The tables with paired tests within each column and mean ranks over columns; reads stored predictions.

    Args:
        cache: a folder where p values are kept (:func:`bench.leaderboard.statistics.comparisons.ranks_of`).
    """
    by_key = {result.key: result for result in results}
    return [_compared(table, by_key, cache) if table.stamp else table for table in tables]


def _compared(table: Table, results: Mapping[str, Result], cache: Path | None) -> Table:
    """The table with its ranks, and with intervals whose variance over patients was computed from predictions.

    Columns that average others are averaged again, from these intervals.
    """
    ranks = ranks_of(table, results, cache)
    intervals = [
        interval_alone(table, index, results, cache) or getattr(ranks.get(index), "intervals", {})
        for index in range(len(table.board.columns))
    ]
    lines = list(table.lines)
    for number, line in enumerate(lines):
        summaries = list(line.summaries)
        for index, of_column in enumerate(intervals):
            low, high, patients = of_column.get(number, (None, None, None))
            if summaries[index].replicates > 1 and low is not None and high is not None:
                summaries[index] = replace(summaries[index], low=low, high=high, sd_patients=patients)
        if summaries != line.summaries:
            columns = zip(table.board.columns, summaries, strict=True)
            known = {column.name: summary for column, summary in columns if not column.mean_of}
            lines[number] = replace(line, summaries=_with_means(table.board, known))
    table = replace(table, lines=lines, ranks=ranks)
    return replace(table, mean_ranks=mean_ranks_of(table))


def collect_all(results: Iterable[Result]) -> list[Table]:
    """The same without a board: a row per method, a column each task, mode, fraction and lead subset there is."""
    results = list(results)
    tables = []
    stamps = stamps_of(results)
    for stamp in sorted(set(stamps.values()), key=lambda stamp: stamp.rank):
        chosen = [result for result in results if stamps[result.key] == stamp]
        tables += collect(board_of(chosen), chosen)
    return tables


def board_of(results: Sequence[Result]) -> Board:
    """A board with a column for each combination of task, mode, fraction and leads among the results."""
    columns: dict[CellCoordinates, Column] = {}
    for result in sorted(
        results, key=lambda r: (r.cell.task, modes.facts(r.cell.mode).uses_labels, r.cell.mode, r.cell.fraction)
    ):
        coordinates = coordinates_of(result)
        task, mode, fraction, leads = coordinates
        words = [mode, f"{100 * fraction:g}%"] if modes.facts(mode).uses_labels else [mode]
        if leads != LEADS:
            words.append(f"leads {name_leads(leads)}")
        known = columns.get(coordinates)
        columns[coordinates] = Column(
            group=task,
            label=" · ".join(words),
            task=task,
            mode=mode,
            fraction=fraction,
            leads=leads,
            metric=next(iter(result.score["metrics"])),
            folds=max(result.cell.fold + 1, known.folds if known else 1),
        )
    rows_by_method = {result.method_name: row_of(result) for result in results}
    rows = [row.model_copy(update={"group": ""}) for row in rows_by_method.values()]
    return Board(name="results", title="Results", metric="", decimals=3, columns=list(columns.values()), rows=rows)


def _table(board: Board, stamp: Stamp, assigned: Sequence[tuple[int, Result]]) -> Table:
    by_row: dict[int, list[Result]] = defaultdict(list)
    for index, result in assigned:
        by_row[index].append(result)
    filled: list[Filled] = []
    for index, row in enumerate(board.rows):
        filled += list(variants(row, by_row.get(index, []))) or [Filled(_empty(board, row), [])]
    filled.sort(key=lambda each: in_words(each.line.text_ceilings))  # labels in words are apart, below
    lines: list[Line] = []
    behind: list[tuple[Line, list[Result]]] = []
    for each in arranged(filled):
        line = each.line
        if in_words(line.text_ceilings):
            line = replace(line, row=line.row.model_copy(update={"group": SECTION}))
        if each.results:
            line = replace(line, summaries=_summaries(board, line.row, latest(each.results)))
            behind.append((line, each.results))
        lines.append(line)
    table = Table(board, stamp, lines)
    used = {table.name(line): results for line, results in behind}
    described = {
        table.name(line): line.settings + NO_EPOCH * is_untrained(results[0])
        for line, results in behind
        if line.settings
    }
    variants_noted = [
        Note(f"{table.name(line)}: {line.settings}.", 0) for line, _ in behind if line.settings != line.variant
    ]
    proof = [Note(text, 1) for text in proof_notes(lines)]
    return replace(table, footnotes=[*variants_noted, *proof, *footnotes(used, described)])


def _empty(board: Board, row: Row) -> Line:
    runnable = bool(row.method)
    return Line(
        row,
        "",
        [NOT_RUN if runnable and (c.mean_of or wanted_coordinates(row, c)) else PUBLISHED_ONLY for c in board.columns],
    )


def _summaries(board: Board, row: Row, results: Sequence[Result]) -> list[Summary]:
    by_coordinates: dict[CellCoordinates, list[Result]] = defaultdict(list)
    for result in results:
        by_coordinates[coordinates_of(result)].append(result)
    return _with_means(board, {c.name: _summary(board, row, c, by_coordinates) for c in board.columns if not c.mean_of})


def _with_means(board: Board, summaries: Mapping[str, Summary]) -> list[Summary]:
    """The summaries of all columns, from those of the columns that average no others."""
    summaries = dict(summaries)
    for column in board.columns:
        if column.mean_of:
            summaries[column.name] = mean([summaries[name] for name in column.mean_of], column.mean_of)
    return [summaries[column.name] for column in board.columns]


def _summary(board: Board, row: Row, column: Column, by_coordinates: dict[CellCoordinates, list[Result]]) -> Summary:
    wanted = wanted_coordinates(row, column)
    if not wanted:
        return PUBLISHED_ONLY
    metric = row.metric or column.metric or board.metric
    class_name = row.class_name or column.class_name
    each = [summarise(by_coordinates.get(coordinates, []), metric, class_name, column.folds) for coordinates in wanted]
    if len(each) == 1:
        return each[0]
    return mean(each, [task for task, *_ in wanted]) if any(summary.keys for summary in each) else NOT_RUN
