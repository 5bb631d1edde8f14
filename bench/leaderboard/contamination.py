"""Contamination marks of a board: a mark next to a number, and its meaning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bench.cells.result import Result
from bench.leaderboard.match_results import OWN_RECORDS, corpus_of

MARKS = {"none": "", "declared": "~", "same dataset": "†", "test records": "‡", "unknown": "?"}


def marks(statuses: Iterable[str]) -> str:
    """The marks of some statuses; several where a mean is over numbers that differ."""
    known = list(MARKS)
    return "".join(MARKS.get(s, "?") for s in sorted(set(statuses), key=lambda s: known.index(s) if s in known else 9))


def differing(results: Sequence[Result]) -> str:
    """Why some cells of one place may not be averaged: the same test records with two different statuses. Empty if they may.

    Folds test on other records and may differ; their mean then bears all marks.
    """
    by_fold: dict[int, set[str]] = defaultdict(set)
    for result in results:
        by_fold[result.cell.fold].add(result.contamination)
    for statuses in by_fold.values():
        if len(statuses) > 1:
            return (
                f"its cells differ in contamination ({', '.join(sorted(statuses))}), so that they have no mean; "
                f"bench run --recompute stamps them again"
            )
    return ""


def contamination_notes(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A footnote for each mark that appears in a table, with the lines (and for test records the tasks) that bear it."""
    lines: dict[str, dict[str, set[tuple[int, int]]]] = defaultdict(lambda: defaultdict(set))
    for label, results in used.items():
        for result in results:
            evidence, line = result.contamination_evidence, label
            if result.contamination == "test records":
                line += f" on {result.cell.task}"
            counts = lines[OWN_RECORDS if states_corpus(result) else result.contamination][line]
            if result.contamination == "test records" and "tested" in evidence:
                counts.add((evidence["test_records"], evidence["tested"]))
    return [
        f"{MARKS.get(status, MARKS['same dataset'])} {meaning}: "
        f"{', '.join(line + _counted(counts) for line, counts in lines[status].items())}."
        for status, meaning in {OWN_RECORDS: _ON_OWN_RECORDS, **_MEANINGS}.items()
        if status in lines
    ]


def states_corpus(result: Result) -> bool:
    """Whether the footnote on a result's mark states the corpus: the task's training records, without a test record."""
    return result.contamination == "same dataset" and corpus_of(result).get("pretrained on") == OWN_RECORDS


_ON_OWN_RECORDS = f"pretrained on {OWN_RECORDS}; no test record was found there"
_MEANINGS = {
    "declared": "its author states that no test record was pretrained on; nothing was compared",
    "same dataset": "pretrained on the task's dataset, or one that shares recordings with it; no test record was found there",
    "test records": "test records were pretrained on",
    "unknown": "unknown whether test records were pretrained on (bench audit METHOD TASK reports the missing parts)",
}


def legend(statuses: Iterable[str]) -> list[str]:
    """The marks of some statuses, each with its meaning in a few words."""
    present = set(statuses)
    return [f"{MARKS[s]} {meaning.partition(' (')[0]}" for s, meaning in _MEANINGS.items() if s in present]


def _counted(counts: set[tuple[int, int]]) -> str:
    """``(12 of 2,158)``; a range over folds: ``(49 to 57 of 78)``."""
    if not counts:
        return ""
    ranges = [sorted(set(numbers)) for numbers in zip(*counts, strict=True)]
    return " ({} of {})".format(*(f"{r[0]:,}" if len(r) == 1 else f"{r[0]:,} to {r[-1]:,}" for r in ranges))
