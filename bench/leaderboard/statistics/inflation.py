"""Inflation: the increase of a score by a released protocol that chooses on the test set, for the same cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench import modes
from bench.cells.result import Result
from bench.errors import BenchError
from bench.leaderboard.board import Board
from bench.storage.artifacts import digest

MINUS = "-minus-"
"""Between two modes, as a board writes their difference: ``linear-merl-released-minus-linear``."""


def shows_differences(board: Board) -> bool:
    """Whether the board has a place for differences between protocols."""
    return any(MINUS in (part.mode or "") for part in (*board.columns, *board.rows))


def differences(results: Iterable[Result]) -> list[Result]:
    """Released minus honest for each cell that was run under both, as results of the mode ``RELEASED-minus-HONEST``.

    The interval is that of the paired difference on the same test records; there is none where predictions are not available.
    Such a result has no separate protocol: it states what a protocol adds, and so may stand where neither would by itself.
    """
    results = list(results)
    honest = {
        (r.cell, r.profile, r.data, r.split.get("digest")): r for r in results if not r.provenance.get("protocol")
    }
    pairs = []
    for released in results:
        if not released.provenance.get("protocol"):
            continue
        cell = replace(released.cell, mode=modes.facts(released.cell.mode).honest)
        ours = honest.get((cell, released.profile, released.data, released.split.get("digest")))
        if ours is None or released.config.get("method") != ours.config.get("method"):
            continue
        mode = f"{released.cell.mode}{MINUS}{cell.mode}"
        metrics = {
            name: _difference(released, ours, name)
            for name in ours.score["metrics"]
            if name in released.score["metrics"]
        }
        pairs.append(
            replace(
                ours,
                key=digest([released.key, ours.key]),
                cell=replace(cell, mode=mode),
                score=ours.score | {"metrics": metrics, "per_class": {}},
                config={"method": ours.config.get("method", {}), mode: released.config.get(released.cell.mode, {})},
                folder=None,
            )
        )
    return pairs


def _difference(released: Result, ours: Result, metric: str) -> dict[str, float | None]:
    from bench.leaderboard.statistics.paired_scores import PairedScores
    from bench.scoring.comparison import paired_difference

    theirs_value, our_value = released.metric(metric)["value"], ours.metric(metric)["value"]
    if theirs_value is None or our_value is None:
        return {"value": None, "low": None, "high": None}
    estimate: dict[str, float | None] = {"value": theirs_value - our_value, "low": None, "high": None}
    if metric == next(iter(ours.score["metrics"])) and released.folder is not None and ours.folder is not None:
        try:
            pair = [PairedScores.of(r).replicates(metric, None) for r in (released, ours)]
            tested = paired_difference(pair[0], pair[1])
        except BenchError:
            return estimate
        estimate |= {"low": tested.low, "high": tested.high} if tested.low == tested.low else {}
    return estimate


def both_modes(mode: str) -> Sequence[str]:
    """The modes that must be run for a board's mode: two for a difference."""
    return mode.split(MINUS)


def inflation(results: Iterable[Result]) -> list[str]:
    """One line for each cell that was run under both protocols: both values of its first metric, and the difference.

    Two things make it: the released protocol trains otherwise, and it picks its epoch on the test set. What the second
    adds is reported where the result knows it, against the same training with its epoch picked on validation data.
    """
    results = list(results)
    honest = {(r.cell, r.profile, r.data): r for r in results if not r.provenance.get("protocol")}
    lines = []
    for released in results:
        protocol = released.provenance.get("protocol")
        cell = replace(released.cell, mode=modes.facts(released.cell.mode).honest)
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
