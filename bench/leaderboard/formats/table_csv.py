"""A board as CSV in long form: one line per position of each table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from bench.leaderboard import number_format
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Table
from bench.leaderboard.lines import Line
from bench.leaderboard.statistics.contrasts import Kind

FIELDS = (
    "board", "data", "profile", "complete", "protocol", "population", "row_group", "row", "variant", "column_group", "column",
    "value", "low", "high", "sd", "sd_patients", "sd_replicates", "sd_training", "sd_draw", "sd_seed",
    "records", "labels_training", "labels_validation", "seeds", "replicates", "folds", "contamination", "level",
    "text_ceiling", "text_ceiling_low", "text_ceiling_high", "missing", "published", "published_sd", "same_as",
    "untrained_difference", "untrained_low", "untrained_high", "untrained_p", "untrained_equal",
    "supervised_difference", "supervised_low", "supervised_high", "supervised_p", "supervised_equal", "supervised_reference",
    "contrasts", "contrast_detectable", "pairs", "pair_detectable", "rank", "not_told_apart_group", "results",
)  # fmt: skip
KINDS: tuple[Kind, ...] = ("untrained", "supervised")


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
                names = FIELDS[FIELDS.index("value") : FIELDS.index("records")]
                numbers = [getattr(summary, name) for name in names]
                ceiling = number_format.text_ceiling(table, line, index) if summary.keys else {}
                scaled = ["" if number is None else _number(number * scale) for number in numbers]
                writer.writerow(
                    (
                        board.name, *where, *map(safe_text, (line.row.group, line.row.label, line.settings)),
                        *map(safe_text, (column.group, column.label)),
                        *scaled, summary.n_records or "", *(summary.labels or ("", "")), summary.seeds or "",
                        summary.replicates or "", summary.folds or "",
                        safe_text(", ".join(summary.contamination)),
                        ", ".join(level or "own" for level in summary.levels),
                        *("" if (end := ceiling.get(part)) is None else repr(end) for part in ("value", "low", "high")),
                        safe_text(summary.missing),
                        "" if printed is None else printed.value,
                        "" if printed is None or printed.sd is None else printed.sd,
                        safe_text("; ".join(filter(None, (*line.same_as, number_format.same_as(table, line, index))))),
                        *_contrasts(table, line, index, scale), *_could_show(table, index, scale),
                        "" if (rank := number_format.rank(table, line, index)) is None else rank,
                        number_format.letters(table, line, index),
                        " ".join(summary.keys),
                    )
                )  # fmt: skip
    return text.getvalue()


def _contrasts(table: Table, line: Line, index: int, scale: float) -> Iterator[str]:
    ranks = table.ranks.get(index)
    number = next(k for k, other in enumerate(table.lines) if other is line)
    for kind in KINDS:
        contrast = ranks.contrasts.of(kind, number) if ranks is not None else None
        if contrast is None:
            yield from ("",) * 5
        else:
            yield from (_number(value * scale) for value in (contrast.value, contrast.low, contrast.high))
            yield from (_number(contrast.p), str(contrast.equal))
    supervised = ranks.contrasts.supervised if ranks is not None else None
    yield safe_text(table.name(table.lines[supervised[0]])) if supervised is not None else ""


def _could_show(table: Table, index: int, scale: float) -> Iterator[str]:
    """How many contrasts and pairs of the column were tested, and what half of each would detect."""
    ranks = table.ranks.get(index)
    for tested in () if ranks is None else (ranks.contrasts, ranks):
        yield str(tested.pairs or "")
        yield "" if tested.detectable is None else _number(tested.detectable * scale)
    if ranks is None:
        yield from ("",) * 4


def _number(value: float) -> str:
    return repr(float(f"{value:.{DIGITS}g}"))


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula: names come from result cards of strangers."""
    return f"'{text}" if text[:1] in FORMULA else text
