"""A board as one picture: each number with its 95 % interval, a panel per column."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from bench.leaderboard import number_format
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.contamination import legend
from bench.leaderboard.contamination import marks as contamination_marks
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.formats.markdown import heading, why_not
from bench.leaderboard.lines import explain_marks
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.render_html import environment
from bench.leaderboard.site.view_models import by_score

PANELS = 7
"""Panels next to each other at most; of more columns, about as many stand in each strip."""
WIDTH, LABELS, ROW, HEAD, FOOT, GAP = 140, 200, 13, 30, 22, 12
"""Pixels: a panel, the labels of its rows, a row, what is above and below the rows of a panel, and between panels."""
INSET = 6
LETTER = 4.7
"""Pixels of a letter of the key, on average."""
LONGEST = 30
HEAD_LETTERS, HEAD_LINE = 22, 12
"""Letters of a panel's name that fit above it, and pixels of each further line of it."""
TICKS = 4


def write(board: Board, tables: Sequence[Table]) -> str:
    """The board as SVG: estimate and interval of each number, and published numbers (diamonds) where they may be compared.

    Rows stay in the groups of the board, best first within each. Panels of the same metric share a scale. A number marked
    for contamination is a circle instead of a dot. A number that repeats that of an earlier row is not drawn again, as in the
    other formats, and a row of such numbers alone has no place. The picture follows the reader's light or dark theme.
    """
    strips: list[dict[str, Any]] = []
    top = 40
    for table in tables:
        lines, columns, *_ = number_format.visible(table)
        groups = list(dict.fromkeys(line.row.group for line in lines))
        drawn = [line for line in lines if _has_own_number(table, line, columns)]
        ordered = sorted(by_score(table, drawn, columns), key=lambda line: groups.index(line.row.group))
        spans = {metric: _span(table, lines, members) for metric, members in _by_metric(table, columns)}
        words = heading(table)
        if table.stamp is not None and not table.shows_published and board.has_published:
            words += f". No published numbers: {why_not(table)}"
        across = math.ceil(len(columns) / math.ceil(len(columns) / PANELS)) if columns else PANELS
        for start in range(0, len(columns), across):
            strip = _strip(table, ordered, columns[start : start + across], spans, top + 20)
            strips.append(strip | {"heading": words if start == 0 else "", "y": top + 10})
            top = strip["bottom"] + FOOT + 16
    width = LABELS + (WIDTH + GAP) * max([len(strip["panels"]) for strip in strips], default=4)
    statuses = {
        status
        for table in tables
        for line in table.lines
        for summary in line.summaries
        for status in summary.contamination
    }
    key = _key(tables, statuses, width)
    return environment().get_template("picture.svg").render(
        title=board.title, strips=strips, width=width, height=top + 4 + 12 * len(key), labels=LABELS - 8, key=key
    )  # fmt: skip


def _has_own_number(table: Table, line: Line, columns: Sequence[int]) -> bool:
    """Whether not every number of a line repeats that of another."""
    shown = [index for index in columns if line.summaries[index].value is not None]
    return not shown or not all(number_format.same_as(table, line, index) for index in shown)


def _key(tables: Sequence[Table], statuses: set[str], width: int) -> list[str]:
    """The lines of the key, each within the width of the picture in pixels."""
    parts = ["Bar: 95 % interval"]
    if marked := list(legend(statuses)):
        parts.append(f"circle: {'; '.join(marked)}")
    if any(table.shows_published for table in tables):
        parts.append("diamond: published")
    parts += explain_marks(line for table in tables for line in number_format.visible(table)[0])
    return textwrap.wrap("; ".join(parts), int((width - 20) / LETTER))


def _metric(table: Table, index: int) -> tuple[str, float]:
    column = table.board.columns[index]
    return column.metric or table.board.metric, number_format.scale_of(table.board, column)


def _by_metric(table: Table, columns: Sequence[int]) -> Iterator[tuple[tuple[str, float], list[int]]]:
    ordered = sorted(columns, key=lambda index: _metric(table, index))
    for metric, members in itertools.groupby(ordered, key=lambda index: _metric(table, index)):
        yield metric, list(members)


def _numbers(table: Table, line: Line, index: int) -> tuple[float | None, float | None, float | None, float | None]:
    """Estimate, bounds and published number of a cell, in the board's scale."""
    summary, scale = line.summaries[index], _metric(table, index)[1]
    printed = number_format.published(line.row, index) if table.shows_published else None
    ours = (None if number is None else number * scale for number in (summary.value, summary.low, summary.high))
    return (*ours, None if printed is None else printed.value)  # type: ignore[return-value]


def _span(table: Table, lines: Sequence[Line], columns: Sequence[int]) -> tuple[float, float]:
    """The smallest and largest number that the panels of a metric show."""
    known = [n for line in lines for index in columns for n in _numbers(table, line, index) if n is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """At most :data:`TICKS` round numbers within a span."""
    power = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first < TICKS:
            return [number * step for number in range(first, last + 1)]
    return []


def _strip(
    table: Table, lines: Sequence[Line], columns: Sequence[int], spans: dict[tuple[str, float], Any], top: float
) -> dict[str, Any]:
    """Labels of the rows, and a panel for each of a few columns."""
    heads = [
        textwrap.wrap(table.board.columns[index].name, HEAD_LETTERS, break_on_hyphens=False) or [""]
        for index in columns
    ]
    head = HEAD + HEAD_LINE * (max(map(len, heads)) - 1)
    y, names, rows = top + head, [], []
    for group, members in itertools.groupby(lines, key=lambda line: line.row.group):
        if group:
            names.append({"text": _short(group), "y": y + 10, "group": True})
            y += ROW
        for line in members:
            names.append({"text": _short(line.marked_label), "y": y + 10, "group": False})
            rows.append((line, y + ROW / 2))
            y += ROW
    panels = [
        _panel(table, rows, index, LABELS + k * (WIDTH + GAP), spans) | {"name": heads[k]}
        for k, index in enumerate(columns)
    ]
    return {"names": names, "panels": panels, "top": top + head, "bottom": y}


def _panel(
    table: Table, rows: Sequence[tuple[Line, float]], index: int, left: float, spans: dict[tuple[str, float], Any]
) -> dict[str, Any]:
    column = table.board.columns[index]
    low, high = spans[_metric(table, index)]

    def at(number: float | None) -> float | None:
        if number is None:
            return None
        return round(left + INSET + (WIDTH - 2 * INSET) * (number - low) / (high - low), 1)

    marks = []
    for line, y in rows:
        value, lower, upper, printed = _numbers(table, line, index)
        if table.stamp is None or number_format.same_as(table, line, index):
            value = lower = upper = None
        contaminated = (
            "" if is_cost(_metric(table, index)[0]) else contamination_marks(line.summaries[index].contamination)
        )
        words = f"{line.label}, {column.name}: {number_format.format_cell(table, line, index)}"
        ends = (at(lower), at(upper)) if lower is not None and upper is not None else None
        marks.append(
            {
                "y": y,
                "at": at(value),
                "ends": ends,
                "printed": at(printed),
                "words": words,
                "marked": bool(contaminated),
            }
        )
    name = metric_name(_metric(table, index)[0])
    return {
        "left": left, "right": left + WIDTH, "middle": left + WIDTH / 2, "metric": name,
        "marks": [mark for mark in marks if mark["at"] is not None or mark["printed"] is not None],
        "ticks": [(at(tick), f"{tick:.6g}") for tick in _ticks(low, high)],
    }  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"
