"""A board as markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from bench.leaderboard import number_format, text_ceilings
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.comparison_notes import comparison_notes
from bench.leaderboard.contrast_tables import ContrastTable, contrast_tables

WIDE = 8
"""A table of more columns is cut at its column groups, so that it can be read without scrolling sideways."""
MAX_REASONS = 12
LABELS_USED = "*labels used (training + validation)*"


def write(board: Board, tables: Sequence[Table]) -> str:
    """The whole file."""
    parts = [f"# {board.title}", *_about(board)]
    if not tables:
        parts.append("No result yet.")
    for table in tables:
        parts += list(_table(table))
    if board.footnotes or board.mismatches:
        parts.append("## About the published numbers")
        parts.append("\n".join(f"- {one_line(note)}" for note in [*board.footnotes, *mismatches(board)]))
    return "\n\n".join(parts) + "\n"


def _about(board: Board) -> Iterator[str]:
    if board.source:
        yield f"Published numbers: {board.source}." + (f" {board.spread}." if board.spread else "")
    if board.metric:
        yield f"Metric: `{board.metric}`" + (f", × {board.scale:g}." if board.scale != 1 else ".")
    if board.notes:
        yield board.notes.strip()


def _table(table: Table) -> Iterator[str]:
    yield f"## {heading(table)}"
    if table.stamp is None:
        yield "No results of bench appear next to these yet: they require complete real data and the profile `paper`."
    elif table.shows_published:
        yield "Ours [95 % interval] (published). — is missing: it was not run, or not all of it."
    elif table.board.has_published:
        yield "No published numbers are shown next to these: " + why_not(table) + "."
    lines, columns, absent_rows, absent_columns = number_format.visible(table)
    for group, indices in _cut(table, columns):
        if group:
            yield f"### {one_line(group)}"
        yield _grid(table, lines, indices, bool(group))
    for contrasts in contrast_tables(table):
        yield f"### {contrasts.title}"
        for _, indices in _cut(table, contrasts.columns):
            yield _contrasts(table, contrasts, indices)
        yield f"{contrasts.key}."
    notes = [*comparison_notes(table), *table.footnotes]
    if absent_rows:
        notes.append(f"Not run: {', '.join(absent_rows)}.")
    if absent_columns:
        notes.append(f"Columns not run: {', '.join(absent_columns)}.")
    reasons = number_format.reasons(table)
    notes += [f"{reason}." for reason in reasons[:MAX_REASONS]]
    if len(reasons) > MAX_REASONS:
        notes.append(f"and {len(reasons) - MAX_REASONS} more places of which only a part was run.")
    if notes:
        yield "\n".join(f"- {one_line(note)}" for note in notes)


def heading(table: Table) -> str:
    return "Published" if table.stamp is None else str(table.stamp)[0].upper() + str(table.stamp)[1:]


def why_not(table: Table) -> str:
    assert table.stamp is not None
    reasons = []
    if table.stamp.data != "real":
        reasons.append("the data are simulated")
    elif not table.stamp.complete:
        reasons.append("only a subset of the published split was scored")
    if table.stamp.profile != "paper":
        reasons.append(f"the profile is {table.stamp.profile}")
    return " and ".join(reasons)


def _cut(table: Table, columns: Sequence[int]) -> list[tuple[str, list[int]]]:
    if len(columns) <= WIDE:
        return [("", list(columns))]
    by_group = itertools.groupby(columns, key=lambda index: table.board.columns[index].group)
    return [(group, list(indices)) for group, indices in by_group]


def _grid(table: Table, lines: Sequence[Line], columns: Sequence[int], grouped: bool) -> str:
    board = table.board
    heads = [board.columns[i].label if grouped else board.columns[i].name for i in columns]
    texts = any(line.text_ceilings for line in lines)
    heads = [*(["Text ceiling"] * texts), *heads]
    rows = [["", *map(one_line, heads)], ["---", *["---:"] * len(heads)]]
    group = None
    for line in lines:
        if line.row.group != group and line.row.group:
            rows.append([f"**{one_line(line.row.group)}**", *[""] * len(heads)])
        group = line.row.group
        ceiling = [text_ceilings.shown(line.text_ceilings)] * texts
        rows.append([one_line(line.marked_label), *ceiling, *[_place(table, line, i) for i in columns]])
    if table.stamp is not None:
        blank = [""] * texts
        rows.append(["*records scored*", *blank, *[f"*{one_line(number_format.records(table, i))}*" for i in columns]])
        labels = [number_format.labels(table, i) for i in columns]
        if any(labels):
            rows.append([LABELS_USED, *blank, *[f"*{one_line(text)}*" if text else "" for text in labels]])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _contrasts(table: Table, contrasts: ContrastTable, columns: Sequence[int]) -> str:
    chosen = [contrasts.columns.index(i) for i in columns]
    rows = [["", *(one_line(table.board.columns[i].name) for i in columns)], ["---", *["---:"] * len(columns)]]
    if contrasts.references:
        rows.append(["*reference*", *(f"*{one_line(contrasts.references[k])}*" for k in chosen)])
    for label, texts in contrasts.rows:
        shown = [one_line(texts[k] or number_format.MISSING).replace("*", "\\*") for k in chosen]
        rows.append([one_line(label), *shown])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _place(table: Table, line: Line, index: int) -> str:
    letters = "" if number_format.same_as(table, line, index) else number_format.superscript(table, line, index)
    return one_line(number_format.format_cell(table, line, index)) + (f" <sup>{letters}</sup>" if letters else "")


def mismatches(board: Board) -> list[str]:
    return [
        f"{m.row}, {m.column}: printed {m.printed:g}, though the printed numbers average {m.recomputed:g}. {m.reason}"
        for m in board.mismatches
    ]


def one_line(text: str) -> str:
    """One line of text; what a result card says makes no markup, no link and no image."""
    text = text.replace("|", "\\|").replace("](", "]\\(").replace("\n", " ")
    return re.sub(r"<(?=\S)", "&lt;", text)
