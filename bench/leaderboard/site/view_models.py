"""Contents of a board's page, computed before the template is filled: cells, whiskers, headers, charts."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.leaderboard import number_format, text_ceilings
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.comparison_notes import comparison_notes
from bench.leaderboard.contamination import legend
from bench.leaderboard.contrast_tables import ContrastTable, contrast_tables
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.formats.markdown import heading, mismatches, why_not
from bench.leaderboard.formats.ranking_text import rank_range, sentences
from bench.leaderboard.lines import explain_marks
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.charts import curves, survival_charts
from bench.leaderboard.site.clinical_charts import clinical_charts
from bench.leaderboard.site.curve_charts import curve_charts
from bench.leaderboard.statistics.column_tests import Results
from bench.leaderboard.statistics.comparisons import lower_is_better
from bench.leaderboard.statistics.mean_ranks import diagram
from bench.leaderboard.statistics.ranking import Ranked
from bench.leaderboard.text_ceilings import in_words
from bench.leaderboard.third_party_rows import OWN
from bench.storage.artifacts import digest


@dataclass(frozen=True)
class CellView:
    """One place of a table. Positions are per cent of the column's width of values; None where there is nothing to draw."""

    value: str = ""
    interval: str = ""
    variance: str = ""
    letters: str = ""
    marks: str = ""
    published: str = ""
    missing: str = ""
    best: bool = False
    order: float | None = None
    at: float | None = None
    low: float | None = None
    high: float | None = None
    published_at: float | None = None


@dataclass(frozen=True)
class LineView:
    label: str
    group: str
    method: str | None
    found: bool
    note: str
    cells: list[CellView]
    settings: str = ""  # the whole of what the label abbreviates
    rank: str = ""  # the rank range at 95 %
    top: bool = False  # in the best group: its rank range reaches 1
    text_ceiling: str = ""


@dataclass(frozen=True)
class TableView:
    """One table of a board's page; ``columns`` have ``label, group, metric, task, records, labels``."""

    heading: str
    notice: str
    comparable: bool
    columns: list[dict[str, Any]]
    groups: list[tuple[str, int]]
    lines: list[LineView]
    notes: list[str]
    charts: list[dict[str, Any]] = field(default_factory=list)
    diagram: str = ""
    raised: str = ""  # the meaning of superscript letters and ranks
    contrasts: list[ContrastTable] = field(default_factory=list)
    legend: list[str] = field(default_factory=list)  # marks of the table with their meanings in a few words


def table_views(board: Board, tables: Sequence[Table], results: Results, cache: Path | None = None) -> list[TableView]:
    """The tables of a board, in their order.

    Args:
        cache: a folder for diagrams, which take a third of a second each to draw.
    """
    return [_view(board, table, results, cache) for table in tables]


def about_published(board: Board) -> list[str]:
    """Footnotes of the board's author, and printed averages that do not add up."""
    return [*board.footnotes, *mismatches(board)]


def _view(board: Board, table: Table, results: Results, cache: Path | None) -> TableView:
    lines, columns, absent_rows, absent_columns = number_format.visible(table)
    lines = by_score(table, lines, columns)
    scales = {i: _scale(table, lines, i) for i in columns}
    notice = ""
    if table.stamp is None:
        notice = (
            "No results of bench appear next to these yet: they require complete real data and the profile “paper”."
        )
    elif not table.shows_published and board.has_published:
        notice = f"No published numbers are shown next to these: {why_not(table)}."
    notes = [*(sentences(table.ranking) if table.ranking else ()), *comparison_notes(table), *table.footnotes]
    notes += [f"Not run: {', '.join(absent_rows)}."] if absent_rows else []
    notes += [f"Columns not run: {', '.join(absent_columns)}."] if absent_columns else []
    notes += [f"{reason}." for reason in number_format.reasons(table)]
    return TableView(
        heading=heading(table),
        notice=notice,
        comparable=table.stamp is None or table.stamp.comparable,
        columns=[_column(table, i) for i in columns],
        groups=[
            (g, len(list(members))) for g, members in itertools.groupby(columns, key=lambda i: board.columns[i].group)
        ],
        lines=[
            LineView(
                label=line.marked_label,
                group=line.row.group,
                method=line.row.label if line.row.group == OWN else line.row.method,
                found=line.found,
                note=line.row.note,
                cells=[_cell(table, line, i, scales[i]) for i in columns],
                settings="" if line.settings == line.variant else line.settings,
                rank=rank_range(ranked) if (ranked := _ranked(table, line)) else "",
                top=table.ranking is not None and ranked is not None and ranked.line in table.ranking.best,
                text_ceiling=text_ceilings.shown(line.text_ceilings),
            )
            for line in lines
        ],
        notes=notes,
        charts=[
            *curves(table, lines, columns),
            *curve_charts(table, lines, columns, results),
            *survival_charts(table, lines, columns, results),
            *clinical_charts(table, lines, columns, results),
        ],
        diagram=_diagram(table, cache),
        raised="; ".join(_raised(table)),
        contrasts=contrast_tables(table),
        legend=list(_legend(lines, columns)),
    )


def _ranked(table: Table, line: Line) -> Ranked | None:
    if table.ranking is None:
        return None
    return table.ranking.of(next(k for k, other in enumerate(table.lines) if other is line))


def by_score(table: Table, lines: Sequence[Line], columns: Sequence[int]) -> list[Line]:
    """The lines best first: by rank, without one by the first column with a number. A paper's table alone stays as printed,
    and lines whose texts state the labels stay at the end."""
    if table.stamp is None:
        return list(lines)

    def position(line: Line) -> tuple[Any, ...]:
        ranked = _ranked(table, line)
        for index in columns:
            if (value := line.summaries[index].value) is not None:
                column = table.board.columns[index]
                ascending = lower_is_better(line.row.metric or column.metric or table.board.metric)
                return (
                    in_words(line.text_ceilings),
                    ranked.rank if ranked else 1e9,
                    index,
                    value if ascending else -value,
                )
        return (in_words(line.text_ceilings), 1e9, len(table.board.columns), 0.0)

    return sorted(lines, key=position)


def _legend(lines: Sequence[Line], columns: Sequence[int]) -> Iterator[str]:
    yield from legend(status for line in lines for i in columns for status in line.summaries[i].contamination)
    yield from (f"{meaning} (see the notes)" for meaning in explain_marks(lines))


def _raised(table: Table) -> Iterator[str]:
    raised = [
        text
        for index, ranks in table.ranks.items()
        if len(ranks.groups) > 1
        for line in (table.lines[k] for k in ranks.lines)
        if (text := _letters(table, line, index))
    ]
    if any(text.isalpha() for text in raised):
        yield "letters: rows that share one do not differ significantly"
    if any(text.isdigit() for text in raised):
        yield "raised numbers: one plus the rows that are significantly better"


def _column(table: Table, index: int) -> dict[str, Any]:
    column = table.board.columns[index]
    metric = column.metric or table.board.metric
    return {
        "label": column.label,
        "group": column.group,
        "metric": metric_name(metric),
        "other_metric": metric != table.board.metric and not is_cost(metric),
        "task": column.task,
        "records": number_format.records(table, index) if table.stamp else "",
        "labels": number_format.labels(table, index) if table.stamp else "",
        "ascending": lower_is_better(metric),
    }


def _scale(table: Table, lines: Sequence[Line], index: int) -> tuple[float, float] | None:
    """The smallest and largest value that a column's whiskers have to show."""
    scale = number_format.scale_of(table.board, table.board.columns[index])
    values = []
    for line in lines:
        summary = line.summaries[index]
        values += [v * scale for v in (summary.value, summary.low, summary.high) if v is not None]
        printed = number_format.published(line.row, index) if table.shows_published else None
        values += [printed.value] if printed is not None else []
    if not values:
        return None
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def _cell(table: Table, line: Line, index: int, span: tuple[float, float] | None) -> CellView:
    board, column, summary = table.board, table.board.columns[index], line.summaries[index]
    scale, decimals = number_format.scale_of(board, column), number_format.shown_decimals(board, column)
    printed = number_format.published(line.row, index) if table.shows_published else None

    def at(value: float | None) -> float | None:
        return None if value is None or span is None else round(100 * (value - span[0]) / (span[1] - span[0]), 1)

    printed_text = number_format.format_published(board, column, printed)
    common: dict[str, Any] = {"published": printed_text, "published_at": at(printed.value) if printed else None}
    if summary.value is None:
        order = printed.value if printed is not None and table.stamp is None else None
        return CellView(missing=summary.missing, order=order, **common)
    if same := number_format.same_as(table, line, index):
        return CellView(value=f"= {same}", order=summary.value, **common)
    bounds = [None if v is None else v * scale for v in (summary.low, summary.high)]
    interval = "" if None in bounds else f"{bounds[0]:.{decimals}f} to {bounds[1]:.{decimals}f}"
    spread = "; ".join(part for part in (number_format.deviation(board, column, summary), interval) if part)
    ranks = table.ranks.get(index)
    best = (
        table.ranking is None
        and ranks is not None
        and len(ranks.groups) > 1
        and number_format.rank(table, line, index) == 1
    )
    return CellView(
        value=number_format.shown_number(board, column, summary.value),
        interval=spread,
        variance=number_format.variance_split(board, column, summary),
        letters=_letters(table, line, index),
        marks=number_format.marks_of(table, index, summary),
        best=best,
        order=summary.value,
        at=at(summary.value * scale),
        low=at(bounds[0]),
        high=at(bounds[1]),
        **common,
    )


def _letters(table: Table, line: Line, index: int) -> str:
    """Letters where they can be read: where a row of the column has more than two, its rank instead."""
    ranks = table.ranks.get(index)
    if ranks is None or ranks.letters is None or all(len(letters) <= 2 for letters in ranks.letters.values()):
        return number_format.superscript(table, line, index)
    number = number_format.rank(table, line, index)
    return "" if number is None else str(number)


DRAWN = 1  # version of the drawings in the cache
INK = "#123456"
"""Placeholder of the page's text colour until the page is made; no diagram uses this colour."""


def _diagram(table: Table, cache: Path | None) -> str:
    ranks = table.mean_ranks
    if ranks is None:
        return ""
    path = None
    if cache is not None:
        drawn = (DRAWN, ranks.labels, ranks.mean_ranks, ranks.p_values.tolist())
        path = cache / f"{digest(drawn)}.svg"
        if path.exists():
            return path.read_text(encoding="utf-8")
    text = diagram(ranks, "svg", INK).decode()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    return text
