"""Format numbers, in the same way for every output format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.leaderboard.board import Board, Column, Published, Row
from bench.leaderboard.collect import Line, Table
from bench.leaderboard.contamination import marks
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.proof import proof_marks
from bench.leaderboard.summary import Summary

MISSING = "—"


def format_result(board: Board, column: Column, summary: Summary) -> str:
    """``84.2 [82.9, 85.5]``, or ``0.842 [0.829, 0.855]`` where the paper prints fractions of one.

    The standard deviation over folds stands with it, and that over seeds where the paper prints it:
    ``0.635 ± 0.016 [0.611, 0.659]``.
    """
    if summary.value is None:
        return MISSING
    scale, decimals = scale_of(board, column), shown_decimals(board, column)
    text = shown_number(board, column, summary.value)
    if spread := deviation(board, column, summary):
        text += f" {spread}"
    if summary.low is not None and summary.high is not None:
        text += f" [{summary.low * scale:.{decimals}f}, {summary.high * scale:.{decimals}f}]"
    return text


def variance_split(board: Board, column: Column, summary: Summary) -> str:
    """``patients ± 1.2; replicates ± 2.3; one at a time: training ± 1.9, labelled draw ± 1.0, seed ± 0.3; 5 replicates``.

    Of the mean over other patients, of the values of replicates, and of values that differ in one draw alone. Where nothing
    but the seed is drawn, replicates are seeds and are called so.
    """
    scale, decimals = scale_of(board, column), shown_decimals(board, column)
    repeated = {"replicates": "replicates", "seeds": "seeds"}.get(summary.varied or "", "replicates or seeds")
    parts = {"training": summary.sd_training, "labelled draw": summary.sd_draw, "seed": summary.sd_seed}

    def shown(sds: dict[str, float | None]) -> list[str]:
        return [f"{name} ± {sd * scale:.{decimals}f}" for name, sd in sds.items() if sd is not None]

    known = shown({"patients": summary.sd_patients, repeated: summary.sd_replicates})
    if summary.varied != "seeds" and (alone := shown(parts)):
        known.append(f"one at a time: {', '.join(alone)}")
    if summary.one_model:
        known.append("one trained model" if summary.seeds < 2 else f"{summary.seeds} seeds of one training")
    elif summary.replicates > 1:
        known.append(f"{summary.replicates} {repeated}")
    return "; ".join(known)


def deviation(board: Board, column: Column, summary: Summary) -> str:
    """``± 0.016``: over folds always, over seeds where the paper prints it; empty otherwise."""
    if summary.sd is None or not (board.spread or summary.folds > 1):
        return ""
    return f"± {summary.sd * scale_of(board, column):.{shown_decimals(board, column)}f}"


def format_published(board: Board, column: Column, printed: Published | None) -> str:
    """``84.19`` or ``66.90 ± 0.47``, as printed; empty where the paper has nothing."""
    if printed is None:
        return ""
    decimals = board.decimals if column.decimals is None else column.decimals
    text = f"{printed.value:.{decimals}f}"
    return text if printed.sd is None else f"{text} ± {printed.sd:.{decimals}f}"


def shown_number(board: Board, column: Column, value: float) -> str:
    """A value of ours: a metric with the digits that an interval can support, a cost with three significant digits."""
    if not is_cost(column.metric or board.metric):
        return f"{value * scale_of(board, column):.{shown_decimals(board, column)}f}"
    number = value * scale_of(board, column)
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def scale_of(board: Board, column: Column) -> float:
    return board.scale if column.scale is None else column.scale


def shown_decimals(board: Board, column: Column) -> int:
    """Three digits, whatever the paper prints: an interval tells how many of more would mean anything."""
    return 1 if scale_of(board, column) >= 10 else 3


def published(row: Row, index: int) -> Published | None:
    return row.published[index] if row.published else None


def format_cell(table: Table, line: Line, index: int) -> str:
    """One cell of a table: our number, with the published one in parentheses where the two may be compared."""
    column = table.board.columns[index]
    printed = format_published(table.board, column, published(line.row, index)) if table.shows_published else ""
    if table.stamp is None:
        return printed or MISSING
    if same := same_as(table, line, index):
        return f"= {same}"
    summary = line.summaries[index]
    text = format_result(table.board, column, summary)
    if summary.value is not None:
        text += marks_of(table, index, summary)
    return f"{text} ({printed})" if printed else text


def marks_of(table: Table, index: int, summary: Summary) -> str:
    """The marks of contamination and proof of a number; a cost has none, since no test record has a part in it."""
    column = table.board.columns[index]
    if is_cost(column.metric or table.board.metric):
        return ""
    return marks(summary.contamination) + proof_marks(summary, table.lines)


def same_as(table: Table, line: Line, index: int) -> str:
    """The label of an earlier line with the same predictions in this column, whose number is shown once; else empty.

    Next to published numbers each line shows its number.
    """
    own = line.summaries[index].predictions
    if not own or line.summaries[index].value is None or table.shows_published:
        return ""
    asked = _asked(table, line, index)
    for other in table.lines:
        if other is line:
            return ""
        summary = other.summaries[index]
        if summary.predictions == own and summary.value is not None and _asked(table, other, index) == asked:
            return table.name(other)
    return ""


def _asked(table: Table, line: Line, index: int) -> tuple[str, str | None]:
    column = table.board.columns[index]
    return line.row.metric or column.metric or table.board.metric, line.row.class_name or column.class_name


def visible(table: Table) -> tuple[list[Line], list[int], list[str], list[str]]:
    """Lines and columns to show, and the names of those left to a sentence because nothing of them was run.

    Next to published numbers everything is shown, and what is missing is seen to be missing.
    """
    columns = list(range(len(table.board.columns)))
    if table.shows_published:
        return table.lines, columns, [], []
    lines = [line for line in table.lines if line.found]
    filled = [
        i for i in columns if any(line.summaries[i].keys or line.summaries[i].value is not None for line in lines)
    ]
    absent_rows = [table.name(line) for line in table.lines if not line.found and line.row.method]
    return lines, filled, absent_rows, [table.board.columns[i].name for i in columns if i not in filled]


def records(table: Table, index: int) -> str:
    """The number of test records behind a column; a range where lines differ."""
    counts = {line.summaries[index].n_records for line in table.lines if line.summaries[index].value is not None}
    if not counts:
        return MISSING
    return f"{max(counts):,}" if len(counts) == 1 else f"{min(counts):,}–{max(counts):,}"


def labels(table: Table, index: int) -> str:
    """The labels of training and validation recordings that a column's rows were trained with: ``12 + 160``; a range where
    rows differ, and empty where none was read."""
    pairs = [labels for line in table.lines if (labels := line.summaries[index].labels)]
    if not pairs:
        return ""
    parts = [sorted({pair[part] for pair in pairs}) for part in (0, 1)]
    return " + ".join(f"{p[0]:,}" if len(p) == 1 else f"{p[0]:,}–{p[-1]:,}" for p in parts)


def text_ceiling(table: Table, line: Line, index: int) -> Mapping[str, Any]:
    """The text ceiling of the only task behind a position; empty where there is none, or several."""
    tasks = {task for task, *_ in wanted_coordinates(line.row, table.board.columns[index])}
    ceilings = [ceiling for task, ceiling in line.text_ceilings.items() if task in tasks]
    return ceilings[0] if len(ceilings) == 1 and len(tasks) == 1 else {}


def reasons(table: Table) -> list[str]:
    """Reasons why cells that were partly run show no number."""
    lines = []
    for line in table.lines:
        for column, summary in zip(table.board.columns, line.summaries, strict=True):
            if summary.value is None and summary.missing not in ("not run", "published only") and line.found:
                lines.append(f"{table.name(line)}, {column.name}: {summary.missing}")
    return lines


MANY_GROUPS = 8
"""With more groups in a column, letters are no longer read: a rank stands in their place."""


def letters(table: Table, line: Line, index: int) -> str:
    """The groups of rows of this column that the line is in; empty where nothing was tested, or nothing differs."""
    ranks = table.ranks.get(index)
    if ranks is None or len(ranks.groups) < 2 or ranks.letters is None:
        return ""
    number = next(k for k, other in enumerate(table.lines) if other is line)
    return ranks.letters.get(number, "")


def superscript(table: Table, line: Line, index: int) -> str:
    """The superscript of a number: its letters, or its rank where a column has too many groups for letters."""
    ranks = table.ranks.get(index)
    if ranks is None or len(ranks.groups) <= MANY_GROUPS:
        return letters(table, line, index)
    number = rank(table, line, index)
    return "" if number is None else str(number)


def rank(table: Table, line: Line, index: int) -> int | None:
    """One plus the number of rows significantly better; None where nothing was tested."""
    ranks = table.ranks.get(index)
    if ranks is None or ranks.rank is None:
        return None
    return ranks.rank.get(next(k for k, other in enumerate(table.lines) if other is line))
