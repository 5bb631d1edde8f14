"""Results whose pretraining collapsed: recordings hardly differ in the representations that the downstream head reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.cells.result import Result

MARK = "∅"


def collapse_behind(result: Result) -> Mapping[str, Any]:
    """``rank`` and ``untrained`` of the checkpoint (:mod:`bench.training.collapse`); empty where it did not collapse, and
    where that is not known."""
    return result.checkpoint.get("collapsed") or {}


def collapse_notes(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A note with the rows whose pretraining collapsed, each with its lowest rank."""
    rows = []
    for label, results in used.items():
        collapses = [collapse for result in results if (collapse := collapse_behind(result))]
        if collapses:
            lowest = min(collapses, key=lambda collapse: float(collapse["rank"]))
            rows.append(f"{label} ({float(lowest['rank']):.1f}, before {float(lowest['untrained']):.1f})")
    meaning = (
        "the representations collapsed in pretraining (effective rank of centred features, and before pretraining)"
    )
    return [f"{MARK} {meaning}: {', '.join(rows)}."] if rows else []
