"""Curves of finished cells over layers and over numbers of labels, from stored predictions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench import kinds, modes
from bench.cells.result import CURVE, Result
from bench.leaderboard.cell_groups import CellGroup, cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.paired_scores import PairedScores

if TYPE_CHECKING:
    from bench.scoring.bootstrap import Interval, Replicates

AXES = {"shots": "positives per class", "depth": "layer"}
"""The column of a curve's history that is its axis -> the axis in words."""


@dataclass(frozen=True)
class Curve:
    """A method's metric at each point, over its replicates.

    Attributes:
        points: place on the axis -> value and 95 % interval, over patients and replicates.
        names: of the points, where they have any: the blocks of an encoder.
        needed: the labels at which it reaches the method trained from scratch on all labels, with the interval; None
            without such a result. ``math.inf``: more than the largest number.
        records: number of labelled recordings at each point of a few-label curve, mean over replicates.
    """

    method: str
    replicates: int
    points: dict[int, tuple[float, Interval]]
    names: tuple[str, ...] = ()
    needed: tuple[float, Interval] | None = None
    records: tuple[float, ...] = ()

    @property
    def best(self) -> int:
        """The point with the highest value."""
        return max(self.points, key=lambda point: self.points[point][0])


@dataclass(frozen=True)
class CurveTable:
    """The curves of one task, mode, labelled share and lead subset.

    Attributes:
        axis: ``shots`` or ``depth`` (the number of a layer).
        scratch: method -> value and interval of its training from scratch on all labels.
        chosen: method -> which training from scratch that is, where there are several.
    """

    title: str
    task: str
    metric: str
    axis: str
    curves: list[Curve]
    scratch: dict[str, tuple[float, Interval]]
    chosen: dict[str, str] = field(default_factory=dict)

    @property
    def axis_words(self) -> str:
        return AXES[self.axis]


def curve_tables(results: Iterable[Result]) -> list[CurveTable]:
    """A table for each task and mode of which there are curves. Results whose predictions are not here have none."""
    results = list(results)
    groups = cell_groups(result for result in results if axis_of(result))
    wanted = {(group.results[0].cell.task, group.split) for group in groups}
    trained = [
        result
        for result in results
        if result.folder
        and (result.cell.task, str(result.split.get("digest"))) in wanted
        and not modes.facts(result.cell.mode).uses_checkpoint
        and result.cell.fraction == 1
    ]
    scratch: dict[Any, list[CellGroup]] = {}
    for group in cell_groups(trained):
        scratch.setdefault((_place(group), group.results[0].method_name), []).append(group)
    tables: dict[tuple[str, str], list[CellGroup]] = {}
    for group in groups:
        tables.setdefault((group.title, group.split), []).append(group)
    return [_table(title, of_table, scratch) for (title, _), of_table in tables.items()]


def axis_of(result: Result) -> str | None:
    """The axis of a result's curve, of :data:`AXES`; None for a result without a curve, or without its files."""
    recorded = CURVE in (result.provenance.get("files") or {})
    if not recorded or result.folder is None or not (result.folder / CURVE).is_file():
        return None
    return next((axis for row in result.history()[:1] for axis in AXES if axis in row), None)


def _place(group: CellGroup) -> tuple[Any, ...]:
    first = group.results[0]
    return first.cell.task, group.split, first.cell.leads, first.profile, first.data


def _reference(group: CellGroup, trained: Sequence[CellGroup]) -> CellGroup | None:
    """The training from scratch of a curve's method: with the curve's settings of the method if there is one, and of several
    (such as learning rates) the one with the highest validation value."""
    network = group.results[0].config.get("method")
    same = [each for each in trained if each.results[0].config.get("method") == network] or trained

    def validation(each: CellGroup) -> float:
        values = [result.selection.get("value") for result in each.results]
        return sum(-math.inf if value is None else value for value in values) / len(values)

    return max(same, key=validation, default=None)


def _table(title: str, groups: Sequence[CellGroup], scratch: Mapping[Any, Sequence[CellGroup]]) -> CurveTable:
    first = groups[0].results[0]
    axis = axis_of(first)
    assert axis is not None, "the groups have curves"
    curves, references, chosen = [], {}, {}
    for group in groups:
        trained = scratch.get((_place(group), group.results[0].method_name), ()) if axis == "shots" else ()
        reference = _reference(group, trained)
        curves.append(curve_of(group.method, group.results, reference.results if reference else ()))
        if reference:
            references[group.method] = mean_of(reference.results)
            if len(trained) > 1:
                chosen[group.method] = reference.method
    curves.sort(key=lambda curve: -max(value for value, _ in curve.points.values()))
    return CurveTable(title, first.cell.task, _metric(first), axis, curves, references, chosen)


def _metric(result: Result) -> str:
    return next(iter(result.score["metrics"]))


def _estimate(runs: Sequence[Replicates], result: Result) -> tuple[float, Interval]:
    from bench.scoring.replication import components

    mean = components(runs)
    return mean.value, mean.interval(kinds.load(result.score["kind"]).metrics[_metric(result)])


def mean_of(results: Sequence[Result]) -> tuple[float, Interval]:
    """The task's metric over the replicates of a method, and its interval."""
    runs = [PairedScores.of(result).replicates(_metric(result), None) for result in results]
    return _estimate(runs, results[0])


def curve_of(method: str, results: Sequence[Result], reference: Sequence[Result] = ()) -> Curve:
    """The curve of a method's replicates, all of one task and config.

    Args:
        reference: the method trained from scratch on all labels; none leaves out the labels needed.
    """
    first = results[0]
    axis = axis_of(first)
    assert axis is not None, "the results have curves"
    points, runs, records = _runs(results, axis, _metric(first))
    values = {point: _estimate(of_point, first) for point, of_point in zip(points, runs, strict=True)}
    needed = None
    if reference:
        from bench.scoring.label_need import labels_needed

        of_reference = [PairedScores.of(result).replicates(_metric(first), None) for result in reference]
        needed = labels_needed(runs, points, of_reference)
    return Curve(method, len(results), values, tuple(first.selection.get("blocks", ())), needed, records)


def _runs(
    results: Sequence[Result], axis: str, metric: str
) -> tuple[list[int], list[list[Replicates]], tuple[float, ...]]:
    """Points that all results have, the metric of each result at each point, and the labelled recordings there."""
    by_result = []
    for result in results:
        scores, history, paired = result.curve(), result.history(), PairedScores.of(result)
        assert scores is not None, "the group has curves"
        by_result.append(
            {
                int(row[axis]): (replace(paired, scores=each.astype(float)), row.get("records", math.nan))
                for row, each in zip(history, scores, strict=True)
            }
        )
    points = sorted(set.intersection(*(set(of_result) for of_result in by_result)))
    runs = [[of_result[point][0].replicates(metric, None) for of_result in by_result] for point in points]
    records = tuple(sum(of_result[point][1] for of_result in by_result) / len(by_result) for point in points)
    return points, runs, records if axis == "shots" else ()


def needed_words(needed: tuple[float, Interval] | None, numbers: Sequence[int]) -> str:
    """Labels needed to match scratch as tables show them: ``≤`` if the smallest number suffices, ``>`` if none does."""
    if needed is None:
        return "-"
    value, (low, high) = needed
    first, last = min(numbers), max(numbers)

    def number(value: float) -> str:
        if value <= first or math.isinf(value):
            return f"≤{first}" if value <= first else f">{last}"
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"

    return f"{number(value)} [{number(low)}, {number(high)}]"


def table_csv(tables: Sequence[CurveTable]) -> str:
    """One line per method and point."""
    head = ["table", "method", "replicates", "axis", "point", "block", "records", "metric", "value", "low", "high"]
    return plain_csv(
        [*head, "needed", "needed_low", "needed_high"], (line for table in tables for line in _lines(table))
    )


def _lines(table: CurveTable) -> Iterator[list[Any]]:
    for curve in table.curves:
        needed = ["", "", ""] if curve.needed is None else [curve.needed[0], *curve.needed[1]]
        for number, (point, (value, interval)) in enumerate(curve.points.items()):
            name = curve.names[number] if curve.names else ""
            records = f"{curve.records[number]:g}" if curve.records else ""
            start = [table.title, curve.method, curve.replicates, table.axis, point, name, records]
            yield [*start, table.metric, value, *interval, *needed]
