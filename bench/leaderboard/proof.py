"""Marks for numbers that prove little: results of cards that nobody scored again, and scores that are almost perfect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.leaderboard.lines import Line
    from bench.leaderboard.summary import Summary

UNPROVEN, PERFECT = "°", "!"
SUSPICIOUS = 0.999
"""A score in [0, 1] from which a number is marked: real recordings and labels do not allow it, leaked labels do."""


def is_unproven(summary: Summary) -> bool:
    """Whether a result behind a number came as a card whose predictions were not scored again."""
    return "schema" in summary.levels


def proof_marks(summary: Summary, lines: Sequence[Line]) -> str:
    """The marks of a number; where every number of the table is unproven, a footnote says so instead of a mark at each."""
    unproven = is_unproven(summary) and not _all_unproven(lines)
    return UNPROVEN * unproven + PERFECT * summary.perfect


def proof_notes(lines: Sequence[Line]) -> Iterator[str]:
    """A footnote for each mark, with the lines that bear it."""
    why = "no predictions were scored again (level schema of bench leaderboard validate)"
    if _all_unproven(lines):
        yield f"All numbers are those of result cards; {why}."
    elif unproven := [line.label for line in lines if any(map(is_unproven, line.summaries))]:
        yield f"{UNPROVEN} from result cards of which {why}: {', '.join(dict.fromkeys(unproven))}."
    if perfect := [line.label for line in lines if any(summary.perfect for summary in line.summaries)]:
        yield (
            f"{PERFECT} {SUSPICIOUS:g} or more: check whether the labels are part of the input: "
            f"{', '.join(dict.fromkeys(perfect))}."
        )


def _all_unproven(lines: Sequence[Line]) -> bool:
    shown = [summary for line in lines for summary in line.summaries if summary.value is not None]
    return bool(shown) and all(map(is_unproven, shown))
