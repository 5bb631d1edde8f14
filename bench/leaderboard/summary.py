"""One number of a board from the cells behind it: a mean over replicates and folds, and an interval for all that varies."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench import kinds, modes
from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard.contamination import differing
from bench.leaderboard.cost_metrics import cost, is_cost
from bench.leaderboard.match_results import is_untrained
from bench.leaderboard.proof import SUSPICIOUS
from bench.leaderboard.replicates import Varied, by_replicate, is_one_model, one_at_a_time, varied
from bench.leaderboard.text_ceilings import labels_used

Z = 1.959964  # normal quantile of a 95 % interval


Learned = Literal["pretraining", "labels", ""]


@dataclass(frozen=True)
class Summary:
    """What a board shows in one place. ``value`` is None where there is nothing to show, and ``missing`` says why.

    ``sd`` is the standard deviation of the values that were averaged: over folds (each a mean over seeds), or seeds.
    ``sd_replicates`` is that of the values of the replicates. ``sd_patients`` is that of the mean over other test patients;
    from results without their predictions it is that of a single result, which is larger. ``sd_training``, ``sd_draw`` and
    ``sd_seed`` are those of values that differ in the pretraining, the labelled records or the seed alone. ``one_model`` says
    that it is the value of one trained model (:func:`bench.leaderboard.replicates.is_one_model`), and ``varied`` what differs
    between the results; it is None where that differs between the parts of a mean. ``predictions`` are the digests of the
    predictions, empty where some are not known. ``learned`` says what weights come from: pretraining, or labels alone.
    ``labels`` are the labels that training read, of training and of validation recordings.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    n_records: int = 0
    seeds: int = 0
    replicates: int = 0
    folds: int = 0
    one_model: bool = False
    varied: Varied | None = None
    sd_patients: float | None = None
    sd_replicates: float | None = None
    sd_training: float | None = None
    sd_draw: float | None = None
    sd_seed: float | None = None
    left_out: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    contamination: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    perfect: bool = False
    labels: tuple[int, int] | None = None
    missing: str = ""
    predictions: tuple[str, ...] = ()
    learned: Learned = ""


def learned_from(result: Result) -> Learned:
    """What the weights of a network come from; empty for an untrained one, and where features are not learned."""
    if modes.facts(result.cell.mode).uses_checkpoint:
        return "pretraining" if result.checkpoint and not is_untrained(result) else ""
    return "labels"


def summarise(results: Sequence[Result], metric: str, class_name: str | None = None, folds: int = 1) -> Summary:
    """The mean over the cells of one method, task, mode, fraction and lead subset.

    One cell keeps its own bootstrap interval. Over replicates (or, with one replicate, over its seeds) the interval has the
    variance over test patients plus that of the mean over replicates (:mod:`bench.scoring.replication`). What replicates
    have in common is known from predictions alone: here the whole variance of a cell is taken for it, which is too wide, and
    :func:`bench.leaderboard.collect.compared` replaces it. The values of a class have no interval in a result, so that their
    variance over patients is not known here, and their mean has none either. Over folds it is the corrected resampled t
    interval (Nadeau & Bengio 2003), which allows for training sets that overlap, plus the variance over replicates.

    Args:
        results: of distinct (seed, fold), all scored on the same split.
        metric: a name in ``score["metrics"]``, or in ``per_class`` with ``class_name``.
        folds: how many folds the mean must have; with fewer it is refused (``missing``).
    """
    if not results:
        return Summary(missing="not run")
    groups, everything = by_replicate(results), results
    results = [result for group in groups.values() for result in group]
    readings = {(_drawn(r), r.cell.fold): reading(r, metric, class_name) for r in results}
    if len(readings) != len(results):
        raise DataError(f"{len(results)} results share {len(readings)} places (seed, fold); a mean takes one of each.")
    seeds = sorted({seed for seed, _ in readings})
    folds_seen = sorted({fold for _, fold in readings})
    base = Summary(
        n_records=max(int(r.score.get("n_records") or 0) for r in results),
        seeds=len(seeds),
        replicates=len(groups),
        folds=len(folds_seen),
        one_model=is_one_model(results),
        varied=varied(results),
        left_out=tuple(sorted({name for r in results for name in r.score.get("left_out") or ()})),
        keys=tuple(sorted(r.key for r in results)),
        contamination=tuple(sorted({r.contamination for r in results})),
        levels=tuple(sorted({r.level for r in results})),
        predictions=digests if all(digests := tuple(sorted(r.predictions_digest for r in results))) else (),
        learned=learned_from(results[0]),
        labels=max((labels for r in results if (labels := labels_used(r))), default=None),
    )
    if any(value is None for value, _, _ in readings.values()):
        which = f"{metric} of {class_name}" if class_name else metric
        return replace(base, missing="not recorded" if is_cost(metric) else f"{which} is undefined or was not measured")
    if difference := differing(results):
        return replace(base, missing=difference)
    if len(folds_seen) < folds:
        return replace(base, missing=f"{len(folds_seen)} of {folds} folds")
    absent = [(seed, fold) for seed in seeds for fold in folds_seen if (seed, fold) not in readings]
    if absent:
        (seed, *_), fold = absent[0]
        return replace(base, missing=f"seed {seed} lacks fold {fold}")
    units = [[readings[_drawn(r), r.cell.fold] for r in group] for group in groups.values()]
    if is_cost(metric):  # of a machine, not of a sample
        return replace(base, value=math.fsum(_mean_value(unit) for unit in units) / len(units))
    if len(folds_seen) > 1:
        by_fold = [
            [_mean_value([reading(r, metric, class_name) for r in group if r.cell.fold == k]) for k in folds_seen]
            for group in groups.values()
        ]
        estimate = _over_folds(results, by_fold)
        if scale_of(results[0], metric, class_name) == "logit":
            estimate |= {
                end: min(max(estimate[end], 0.0), 1.0) for end in ("low", "high") if estimate.get(end) is not None
            }
    else:
        estimate = _over_replicates(units, scale_of(results[0], metric, class_name))
    bounded = scale_of(results[0], metric, class_name) == "logit"
    perfect = bounded and estimate["value"] >= SUSPICIOUS
    parts = _parts(everything, folds_seen, metric, class_name)
    return replace(base, sd=_deviation(readings), perfect=perfect, **estimate, **parts)


def _parts(results: Sequence[Result], folds: Sequence[int], metric: str, class_name: str | None) -> dict[str, Any]:
    """The standard deviation of values that differ in one number alone; without values that lack a fold."""
    parts: dict[str, Any] = {}
    for name, groups in one_at_a_time(results).items():
        values = []
        for group in groups:
            each = {r.cell.fold: reading(r, metric, class_name)[0] for r in group}
            known = [value for fold in folds if (value := each.get(fold)) is not None]
            if len(known) == len(folds):
                values.append(math.fsum(known) / len(known))
        if len(values) > 1:
            parts[f"sd_{name}"] = math.sqrt(_variance(values))
    return parts


def mean(summaries: Sequence[Summary], names: Sequence[str]) -> Summary:
    """The mean over tasks or columns; refused (``missing``) unless every one of them is there, and none of them was more
    contaminated than another.

    Tasks may share records, and by how much their errors go together is not known: half-widths are averaged, which is
    exact if they go together entirely and too wide otherwise.
    """
    absent = [name for name, summary in zip(names, summaries, strict=True) if summary.value is None]
    if absent or not summaries:
        return Summary(missing=f"no mean without {', '.join(absent)}")
    seen = sorted({", ".join(s.contamination) for s in summaries} - {""})
    if len(seen) > 1:
        return Summary(missing=f"no mean over columns that differ in contamination ({'; '.join(seen)})")
    values = [s.value for s in summaries if s.value is not None]
    centre = math.fsum(values) / len(values)
    below = [s.value - s.low for s in summaries if s.value is not None and s.low is not None]
    above = [s.high - s.value for s in summaries if s.value is not None and s.high is not None]
    bounded = len(below) == len(above) == len(summaries)
    return Summary(
        value=centre,
        low=centre - math.fsum(below) / len(below) if bounded else None,
        high=centre + math.fsum(above) / len(above) if bounded else None,
        n_records=sum(s.n_records for s in summaries),
        seeds=min(s.seeds for s in summaries),
        replicates=min(s.replicates for s in summaries),
        one_model=any(s.one_model for s in summaries),
        varied=summaries[0].varied if len({s.varied for s in summaries}) == 1 else None,
        folds=min(s.folds for s in summaries),
        left_out=tuple(sorted({name for s in summaries for name in s.left_out})),
        keys=tuple(sorted({key for s in summaries for key in s.keys})),
        contamination=tuple(sorted({status for s in summaries for status in s.contamination})),
        levels=tuple(sorted({level for s in summaries for level in s.levels})),
        perfect=any(s.perfect for s in summaries),
        labels=summaries[0].labels if len({s.labels for s in summaries}) == 1 else None,
    )


_Reading = tuple[float | None, float | None, float | None]


def reading(result: Result, metric: str, class_name: str | None) -> _Reading:
    """Value and interval of a metric, of one class or group of classes, or of a cost."""
    if is_cost(metric):
        return (cost(result, metric), None, None)
    if class_name is not None and class_name not in (result.score.get("per_class") or {}):
        metric, class_name = f"{metric}_{class_name}", None  # a group of classes (or targets) has a separate metric
    if class_name is not None:
        return ((result.score.get("per_class") or {}).get(class_name, {}).get(metric), None, None)
    estimate = result.score["metrics"].get(metric, {})
    return (estimate.get("value"), estimate.get("low"), estimate.get("high"))


def _drawn(result: Result) -> tuple[int, int, int]:
    cell = result.cell
    return (cell.seed, cell.draw, cell.training)


def scale_of(result: Result, metric: str, class_name: str | None = None) -> Any:
    """The scale on which the metric's interval is symmetric; of a class, or a group of classes, it is that of the metric."""
    kind = kinds.known(result.score.get("kind"))
    known: dict[str, Any] = dict(kind.metrics) if kind is not None else {}
    mean = f"macro_{metric}" if class_name is not None and f"macro_{metric}" in known else metric
    return known.get(mean) or next((scale for name, scale in known.items() if mean.startswith(f"{name}_")), "plain")


def _mean_value(readings: Sequence[_Reading]) -> float:
    values = [value for value, _, _ in readings if value is not None]
    return math.fsum(values) / len(values)


def _over_replicates(units: list[list[_Reading]], scale: Any) -> dict[str, Any]:
    """Value and interval of the mean over replicates, each a mean over its seeds; over the seeds where there is one."""
    centre = math.fsum(_mean_value(unit) for unit in units) / len(units)
    runs = [run for unit in units for run in unit]
    values = [_mean_value(unit) for unit in (units if len(units) > 1 else [[run] for run in runs])]
    between = _variance(values) if len(values) > 1 else 0.0
    known = {"sd_replicates": math.sqrt(between)} if len(units) > 1 else {}
    widths = [high - low for _, low, high in runs if low is not None and high is not None]
    if len(widths) < len(runs):
        return {"value": centre, **known}
    patients = math.fsum((width / 2 / Z) ** 2 for width in widths) / len(widths)
    known["sd_patients"] = math.sqrt(patients)
    if len(runs) == 1:
        value, low, high = runs[0]
        return {"value": value, "low": low, "high": high, **known} if low != high else {"value": value}
    return {"value": centre, **_bounds(centre, patients, [(between, len(values))], scale), **known}


def _bounds(centre: float, patients: float, replicates: list[tuple[float, int]], scale: Any) -> dict[str, Any]:
    from bench.scoring.bootstrap import interval
    from bench.scoring.replication import combined

    low, high = interval(centre, combined(patients, math.inf, replicates), scale)
    return {"low": low, "high": high} if low < high else {}


def _deviation(readings: dict[Any, _Reading]) -> float | None:
    values = _by_fold(readings) if len({fold for _, fold in readings}) > 1 else [v for v, _, _ in readings.values()]
    known = [value for value in values if value is not None]
    return math.sqrt(_variance(known)) if len(known) > 1 else None


def _by_fold(readings: dict[Any, _Reading]) -> list[float]:
    """The mean over seeds, fold by fold."""
    by_fold: dict[int, list[float]] = defaultdict(list)
    for (_, fold), (value, _, _) in readings.items():
        if value is not None:
            by_fold[fold].append(value)
    return [math.fsum(v) / len(v) for v in by_fold.values()]


def _over_folds(results: Sequence[Result], by_fold: list[list[float]]) -> dict[str, Any]:
    """``by_fold`` is [replicate][fold]."""
    import numpy as np

    from bench.scoring.replication import mean_over_folds

    estimate = mean_over_folds(np.array(by_fold), ratio_of(results))
    low, high = estimate.interval("plain")
    return {
        "value": estimate.value,
        **({"low": low, "high": high} if low < high else {}),
        "sd_patients": math.sqrt(estimate.patients),
        **({"sd_replicates": math.sqrt(estimate.between)} if estimate.count > 1 else {}),
    }


def ratio_of(results: Sequence[Result]) -> float:
    """Test records over those that were trained on or validated with."""
    trained = math.fsum(r.counts["train"] + r.counts.get("validation", 0) for r in results)
    return math.fsum(r.counts["test"] for r in results) / trained


def _variance(values: Sequence[float]) -> float:
    centre = math.fsum(values) / len(values)
    return math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1)
