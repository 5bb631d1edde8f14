"""Results that were made before a fault of their method was corrected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bench import registry
from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard.match_results import corpus_of
from bench.reading.as_published import as_published


def faults(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Day of the correction and what was wrong before it, for faults of pretraining behind any of these results.

    The weights' day decides: a new result of an old checkpoint has its fault. Results older than that fact go by their own
    day. Imported weights were trained by somebody else's code.
    """
    known = registry.entries(registry.METHODS)
    corrections: dict[tuple[str, str], None] = {}
    for result in results:
        entry = known.get(result.cell.method)
        trained = str(result.checkpoint.get("finished") or result.provenance.get("started", ""))[:10]
        if entry is None or not trained or not corpus_of(result) or result.checkpoint.get("imported"):
            continue
        try:
            stated = as_published(entry)
        except DataError:  # bench explain METHOD --paper reports it
            continue
        for date, fault in (stated.corrected if stated else {}).items():
            if trained < date.isoformat():
                corrections[date.isoformat(), fault] = None
    return list(corrections)


def corrections(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A note for each such fault, with the rows that have it."""
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for label, results in used.items():
        for fault in faults(results):
            labels[fault].append(label)
    return [f"¶ made before {date}, when {fault}: {', '.join(rows)}." for (date, fault), rows in sorted(labels.items())]
