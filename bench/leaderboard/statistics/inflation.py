"""Differences between results of one cell: what a protocol that chooses on the test set adds, and what another input does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import modes
from bench.cells.result import Result
from bench.errors import BenchError
from bench.leaderboard.board import Board
from bench.storage.artifacts import digest

MINUS = "-minus-"
"""Between two modes, as a board writes their difference: ``linear-merl-released-minus-linear``."""


def shows_differences(board: Board) -> bool:
    """Whether the board has a place for differences between protocols, or between inputs of one method."""
    return any(MINUS in (part.mode or "") for part in (*board.columns, *board.rows)) or any(
        column.change for column in board.columns
    )


def differences(results: Iterable[Result], board: Board | None = None) -> list[Result]:
    """Differences between results of one cell: between protocols, and between the configs that a board's columns name.

    ``RELEASED-minus-HONEST`` is a released protocol that chooses on the test set less ours; the mode of a column with
    ``change`` is that of :func:`changed_mode`. The interval is that of the paired difference on the same test records; there
    is none where predictions are not available. Such a result has no separate protocol: it states what a protocol or an input
    adds, and so may stand where neither would by itself.
    """
    results = sorted(results, key=lambda result: str(result.provenance.get("started", "")))  # the newest counts
    honest = {_same_model(result): result for result in results if not result.provenance.get("protocol")}
    pairs = []
    for released in results:
        if not _chose_on_test(released):
            continue
        ours = honest.get(_same_model(released, modes.facts(released.cell.mode).honest))
        if ours is not None:
            pairs.append(_pair(released, ours, f"{released.cell.mode}{MINUS}{ours.cell.mode}"))
    changes = {tuple(column.change.items()): column.change for column in board.columns} if board is not None else {}
    for change in filter(None, changes.values()):
        pairs += _changed(results, board, change)
    return pairs


def changed_mode(mode: str, change: Mapping[str, Any]) -> str:
    """The mode under which the difference that a change of the method's config makes is shown."""
    return f"{mode}[{', '.join(f'{name}={value}' for name, value in change.items())}]{MINUS}{mode}"


def _changed(results: Sequence[Result], board: Board | None, change: Mapping[str, Any]) -> list[Result]:
    """Results with a change less those of the rows, which have the values that the board states for all rows."""
    stated = {name: board.config.get(name) for name in change} if board is not None else {}
    whole: dict[Any, Result] = {}
    for result in results:
        config = result.config.get("method", {})
        if all(config.get(name) == value for name, value in stated.items()):
            whole[_cell(result), _others(result, change)] = result
    pairs = {}
    for result in results:
        ours = whole.get((_cell(result), _others(result, change)))
        config = result.config.get("method", {})
        if ours is not None and all(config.get(name) == value for name, value in change.items()):
            pairs[ours.key] = _pair(result, ours, changed_mode(ours.cell.mode, change))
    return list(pairs.values())


def _others(result: Result, change: Mapping[str, Any]) -> str:
    """Everything that is stated of how a result was made, without the fields that a change names."""
    config = {name: value for name, value in result.config.get("method", {}).items() if name not in change}
    protocol = result.provenance.get("protocol")
    return digest([config, result.config.get(result.cell.mode), result.checkpoint.get("weights_sha256"), protocol])


def _cell(result: Result, mode: str | None = None) -> tuple[Any, ...]:
    cell = result.cell if mode is None else replace(result.cell, mode=mode)
    return cell, result.profile, result.data, result.split.get("digest")


def _same_model(result: Result, mode: str | None = None) -> tuple[Any, ...]:
    """Equal for results of one cell from the same weights, so that only the protocol differs."""
    model = digest([result.config.get("method"), result.checkpoint.get("weights_sha256")])
    return (*_cell(result, mode), model)


def _chose_on_test(result: Result) -> bool:
    protocol = result.provenance.get("protocol")
    return bool(protocol) and modes.looks_at_test(str(protocol))


def _pair(first: Result, ours: Result, mode: str) -> Result:
    """The first result less ours, as a result of another mode."""
    metrics = {name: _difference(first, ours, name) for name in ours.score["metrics"] if name in first.score["metrics"]}
    return replace(
        ours,
        key=digest([first.key, ours.key]),
        cell=replace(ours.cell, mode=mode),
        score=ours.score | {"metrics": metrics, "per_class": {}},
        config={"method": ours.config.get("method", {}), mode: first.config.get(first.cell.mode, {})},
        folder=None,
    )


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
    results = sorted(results, key=lambda result: str(result.provenance.get("started", "")))  # the newest counts
    honest = {_same_model(result): result for result in results if not result.provenance.get("protocol")}
    lines = []
    for released in results:
        protocol = released.provenance.get("protocol")
        cell = replace(released.cell, mode=modes.facts(released.cell.mode).honest)
        ours = honest.get(_same_model(released, cell.mode))
        if not _chose_on_test(released) or ours is None:
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
