"""Notes of a board that count how often the test splits behind it were scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.cells.ledger import Counts
from bench.leaderboard.collect import Table
from bench.leaderboard.footnotes import Note
from bench.leaderboard.match_results import wanted_coordinates


def with_scored(tables: Sequence[Table], counts: Counts) -> list[Table]:
    """The tables with a note for each of their tasks that the ledger of a workspace counts."""
    return [_noted(table, counts) for table in tables]


def _noted(table: Table, counts: Counts) -> Table:
    if table.stamp is None:
        return table
    lines = [line for line in table.lines if line.found]
    columns = table.board.columns
    tasks = {task for line in lines for column in columns for task, *_ in wanted_coordinates(line.row, column)}
    notes = [
        Note(counts[table.stamp.data, task].sentence(task), 16)
        for task in sorted(tasks)
        if (table.stamp.data, task) in counts
    ]
    return replace(table, footnotes=[*table.footnotes, *notes])
