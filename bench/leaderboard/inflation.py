"""How much a released protocol, which chooses on the test set, adds to what an honest one finds on the same cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bench.modes import honest_mode
from bench.runner.results import Result


def inflation(results: Iterable[Result]) -> list[str]:
    """One line for each cell that was run under both protocols: both values of its first metric, and the difference.

    Two things make it: the released protocol trains otherwise, and it picks its epoch on the test set. What the second
    adds is told by itself where the result knows it, against the same training with its epoch picked on validation data.
    """
    results = list(results)
    honest = {(r.cell, r.profile, r.data): r for r in results if not r.provenance.get("protocol")}
    lines = []
    for released in results:
        protocol = released.provenance.get("protocol")
        cell = replace(released.cell, mode=honest_mode(released.cell.mode))
        ours = honest.get((cell, released.profile, released.data))
        if not protocol or ours is None:
            continue
        metric = next(iter(ours.score["metrics"]))
        theirs_value, our_value = released.metric(metric)["value"], ours.metric(metric)["value"]
        if theirs_value is None or our_value is None:
            continue
        lines.append(
            f"inflation: {cell}: {metric} {theirs_value:.3f} under {protocol}, {our_value:.3f} under ours, "
            f"{theirs_value - our_value:+.3f}{_of_choosing(released)}"
        )
    return lines


def _of_choosing(released: Result) -> str:
    best, fair = (released.selection.get(name) for name in ("value", "auroc_where_validation_is_best"))
    if best is None or fair is None:
        return ""
    return f"; picking the epoch on the test set alone adds {best - fair:+.3f}"
