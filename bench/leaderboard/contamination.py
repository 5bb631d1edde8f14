"""How a board tells what a number's checkpoint had seen of what it was tested on: a mark beside it, and what it means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bench.runner.results import Result

MARKS = {"none": "", "same dataset": "†", "test records": "‡", "unknown": "?"}


def marks(statuses: Iterable[str]) -> str:
    """The marks of some statuses; several where a mean is over numbers that differ."""
    known = list(MARKS)
    return "".join(MARKS.get(s, "?") for s in sorted(set(statuses), key=lambda s: known.index(s) if s in known else 9))


def differing(results: Sequence[Result]) -> str:
    """Why some cells of one place may not be averaged: the same test records, told of in two ways. Empty if they may.

    Folds test on other records and may differ; their mean then bears all marks.
    """
    by_fold: dict[int, set[str]] = defaultdict(set)
    for result in results:
        by_fold[result.cell.fold].add(result.contamination)
    for statuses in by_fold.values():
        if len(statuses) > 1:
            return (
                f"its cells differ in contamination ({', '.join(sorted(statuses))}), so that there is no mean of them; "
                f"bench run --resume never stamps them anew"
            )
    return ""


def contamination_notes(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A footnote for each mark that stands in a table, with the lines (and for test records the tasks) that bear it."""
    lines: dict[str, dict[str, None]] = defaultdict(dict)
    for label, results in used.items():
        for result in results:
            told = label
            if result.contamination == "test records":
                found = result.contamination_evidence
                counted = f" ({found['test_records']:,} of {found['tested']:,})" if "tested" in found else ""
                told += f" on {result.cell.task}{counted}"
            lines[result.contamination][told] = None
    means = {
        "same dataset": "pretrained on the task's dataset, or one that shares recordings with it; no test record was found "
        "there",
        "test records": "test records were pretrained on",
        "unknown": "not known whether test records were pretrained on (bench audit METHOD TASK tells, or what is missing)",
    }
    return [f"{MARKS[status]} {told}: {', '.join(lines[status])}." for status, told in means.items() if status in lines]
