"""A board as CSV in long form: one line per position of each table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from bench.leaderboard import number_format
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Table

FIELDS = (
    "board", "data", "profile", "complete", "protocol", "population", "row_group", "row", "variant", "column_group", "column",
    "value", "low", "high", "sd", "sd_patients", "sd_replicates", "records", "seeds", "replicates", "folds", "contamination",
    "missing", "published", "published_sd", "rank", "not_told_apart_group", "results",
)  # fmt: skip


DIGITS = 8
"""Significant digits. The last of 16 differ between processors, so that a frozen board would be refused on another one."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(board: Board, tables: Sequence[Table]) -> str:
    """The whole file. Numbers have the paper's scale and :data:`DIGITS` digits; published ones appear only where they may."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for table in tables:
        stamp = table.stamp
        where: tuple = ("",) * 5
        if stamp is not None:
            where = (stamp.data, stamp.profile, stamp.complete, stamp.protocol, stamp.population)
        for line in table.lines:
            for index, (column, summary) in enumerate(zip(board.columns, line.summaries, strict=True)):
                printed = number_format.published(line.row, index) if table.shows_published else None
                scale = number_format.scale_of(board, column)
                names = ("value", "low", "high", "sd", "sd_patients", "sd_replicates")
                numbers = [getattr(summary, name) for name in names]
                scaled = ["" if number is None else repr(float(f"{number * scale:.{DIGITS}g}")) for number in numbers]
                writer.writerow(
                    (
                        board.name, *where, *map(_text, (line.row.group, line.row.label, line.settings)),
                        *map(_text, (column.group, column.label)),
                        *scaled, summary.n_records or "", summary.seeds or "", summary.replicates or "",
                        summary.folds or "",
                        _text(", ".join(summary.contamination)), _text(summary.missing),
                        "" if printed is None else printed.value,
                        "" if printed is None or printed.sd is None else printed.sd,
                        "" if (rank := number_format.rank(table, line, index)) is None else rank,
                        number_format.letters(table, line, index),
                        " ".join(summary.keys),
                    )
                )  # fmt: skip
    return text.getvalue()


def _text(text: str) -> str:
    """A text that no spreadsheet takes for a formula: names come from result cards of strangers."""
    return f"'{text}" if text[:1] in FORMULA else text
