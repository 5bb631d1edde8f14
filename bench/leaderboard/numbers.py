"""How a number is written, the same in every format."""

from __future__ import annotations

from bench.leaderboard.board import Board, Column, Published, Row
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.contamination import marks
from bench.leaderboard.summary import Summary

MISSING = "—"


def ours(board: Board, column: Column, summary: Summary) -> str:
    """``84.2 [82.9, 85.5]``, or ``0.842 [0.829, 0.855]`` where the paper prints fractions of one.

    Where the paper prints standard deviations over folds or seeds, so do we: ``0.635 ± 0.016 [0.611, 0.659]``.
    """
    if summary.value is None:
        return MISSING
    scale, decimals = scale_of(board, column), shown_decimals(board, column)
    text = f"{summary.value * scale:.{decimals}f}"
    if board.spread and summary.sd is not None:
        text += f" ± {summary.sd * scale:.{decimals}f}"
    if summary.low is not None and summary.high is not None:
        text += f" [{summary.low * scale:.{decimals}f}, {summary.high * scale:.{decimals}f}]"
    return text


def theirs(board: Board, column: Column, printed: Published | None) -> str:
    """``84.19`` or ``66.90 ± 0.47``, as printed; empty where the paper has nothing."""
    if printed is None:
        return ""
    decimals = board.decimals if column.decimals is None else column.decimals
    text = f"{printed.value:.{decimals}f}"
    return text if printed.sd is None else f"{text} ± {printed.sd:.{decimals}f}"


def scale_of(board: Board, column: Column) -> float:
    return board.scale if column.scale is None else column.scale


def shown_decimals(board: Board, column: Column) -> int:
    """Three digits, whatever the paper prints: an interval tells how many of more would mean anything."""
    return 1 if scale_of(board, column) >= 10 else 3


def published(row: Row, index: int) -> Published | None:
    return row.published[index] if row.published else None


def beside(table: Table, line: Line, index: int) -> str:
    """What stands in one place: ours, with the published number in parentheses where the two may be compared."""
    column = table.board.columns[index]
    printed = theirs(table.board, column, published(line.row, index)) if table.shows_published else ""
    if table.stamp is None:
        return printed or MISSING
    summary = line.summaries[index]
    mine = ours(table.board, column, summary)
    if summary.value is not None:
        mine += marks(summary.contamination)
    return f"{mine} ({printed})" if printed else mine


def shown(table: Table) -> tuple[list[Line], list[int], list[str], list[str]]:
    """Lines and columns to show, and the names of those left to a sentence because nothing of them was run.

    Beside published numbers everything is shown, and what is missing is seen to be missing.
    """
    columns = list(range(len(table.board.columns)))
    if table.shows_published:
        return table.lines, columns, [], []
    lines = [line for line in table.lines if line.found]
    filled = [
        i for i in columns if any(line.summaries[i].keys or line.summaries[i].value is not None for line in lines)
    ]
    absent_rows = [line.label for line in table.lines if not line.found and line.row.method]
    return lines, filled, absent_rows, [table.board.columns[i].name for i in columns if i not in filled]


def records(table: Table, index: int) -> str:
    """The number of test records behind a column; a range where lines differ."""
    counts = {line.summaries[index].n_records for line in table.lines if line.summaries[index].value is not None}
    if not counts:
        return MISSING
    return f"{max(counts):,}" if len(counts) == 1 else f"{min(counts):,}–{max(counts):,}"


def reasons(table: Table) -> list[str]:
    """Why places that were partly run show no number."""
    told = []
    for line in table.lines:
        for column, summary in zip(table.board.columns, line.summaries, strict=True):
            if summary.value is None and summary.missing not in ("not run", "published only") and line.found:
                told.append(f"{line.label}, {column.name}: {summary.missing}")
    return told
