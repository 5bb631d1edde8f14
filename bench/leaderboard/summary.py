"""One number of a board from the cells behind it: a mean over seeds and folds, and an interval for all that varies."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard.contamination import differing
from bench.leaderboard.cost_metrics import cost, is_cost

Z = 1.959964  # normal quantile of a 95 % interval


@dataclass(frozen=True)
class Summary:
    """What a board shows in one place. ``value`` is None where there is nothing to show, and ``missing`` says why.

    ``sd`` is the standard deviation of the values that were averaged: over folds (each a mean over seeds), or seeds.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    n_records: int = 0
    seeds: int = 0
    folds: int = 0
    left_out: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    contamination: tuple[str, ...] = ()
    missing: str = ""


def summarise(results: Sequence[Result], metric: str, class_name: str | None = None, folds: int = 1) -> Summary:
    """The mean over the cells of one method, task, mode, fraction and lead subset.

    The interval covers the records tested on and the seeds: a normal approximation with the cells' bootstrap variance
    (the same records in every seed, hence not divided by their number) plus the variance of the mean over seeds, each
    side by itself, widened by Student's t with Satterthwaite's degrees of freedom. Over folds it is the corrected
    resampled t interval (Nadeau & Bengio 2003), which allows for training sets that overlap. One cell keeps its own
    bootstrap interval.

    Args:
        results: of distinct (seed, fold), all scored on the same split.
        metric: a name in ``score["metrics"]``, or in ``per_class`` with ``class_name``.
        folds: how many folds the mean must have; with fewer it is refused (``missing``).
    """
    if not results:
        return Summary(missing="not run")
    readings = {(r.cell.seed, r.cell.fold): reading(r, metric, class_name) for r in results}
    if len(readings) != len(results):
        raise DataError(f"{len(results)} results share {len(readings)} places (seed, fold); a mean takes one of each.")
    seeds = sorted({seed for seed, _ in readings})
    found = sorted({fold for _, fold in readings})
    base = Summary(
        n_records=max(int(r.score.get("n_records") or 0) for r in results),
        seeds=len(seeds),
        folds=len(found),
        left_out=tuple(sorted({name for r in results for name in r.score.get("left_out") or ()})),
        keys=tuple(sorted(r.key for r in results)),
        contamination=tuple(sorted({r.contamination for r in results})),
    )
    if any(value is None for value, _, _ in readings.values()):
        which = f"{metric} of {class_name}" if class_name else metric
        return replace(base, missing="not recorded" if is_cost(metric) else f"{which} is undefined or was not measured")
    if difference := differing(results):
        return replace(base, missing=difference)
    if len(found) < folds:
        return replace(base, missing=f"{len(found)} of {folds} folds")
    absent = [(seed, fold) for seed in seeds for fold in found if (seed, fold) not in readings]
    if absent:
        return replace(base, missing="seed {} lacks fold {}".format(*absent[0]))
    if len(found) > 1:
        value, low, high = _over_folds(results, readings)
    else:
        value, low, high = _over_seeds(list(readings.values()))
    if is_cost(metric):
        return replace(base, value=value)  # of a machine, not of a sample
    return replace(base, value=value, low=low, high=high, sd=_deviation(readings))


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
        folds=min(s.folds for s in summaries),
        left_out=tuple(sorted({name for s in summaries for name in s.left_out})),
        keys=tuple(sorted({key for s in summaries for key in s.keys})),
        contamination=tuple(sorted({status for s in summaries for status in s.contamination})),
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


def _over_seeds(readings: list[_Reading]) -> _Reading:
    values = [value for value, _, _ in readings if value is not None]
    centre = math.fsum(values) / len(values)
    bounded = all(low is not None and high is not None for _, low, high in readings)
    if len(readings) == 1:
        return readings[0]
    of_mean = _variance(values) / len(values)

    def half_width(distances: list[float]) -> float:
        of_records = math.fsum((d / Z) ** 2 for d in distances) / len(values)
        total = of_records + of_mean
        freedom = total**2 * (len(values) - 1) / of_mean**2 if of_mean else math.inf
        return _t_quantile(freedom) * math.sqrt(total)

    if not bounded:
        reach = half_width([0.0] * len(values))
        return centre, centre - reach, centre + reach
    below = half_width([value - low for value, low, _ in readings])  # type: ignore[operator]
    above = half_width([high - value for value, _, high in readings])  # type: ignore[operator]
    return centre, centre - below, centre + above


def _deviation(readings: dict[tuple[int, int], _Reading]) -> float | None:
    values = _by_fold(readings) if len({fold for _, fold in readings}) > 1 else [v for v, _, _ in readings.values()]
    known = [value for value in values if value is not None]
    return math.sqrt(_variance(known)) if len(known) > 1 else None


def _by_fold(readings: dict[tuple[int, int], _Reading]) -> list[float]:
    """The mean over seeds, fold by fold."""
    by_fold: dict[int, list[float]] = defaultdict(list)
    for (_, fold), (value, _, _) in readings.items():
        if value is not None:
            by_fold[fold].append(value)
    return [math.fsum(v) / len(v) for v in by_fold.values()]


def _over_folds(results: Sequence[Result], readings: dict[tuple[int, int], _Reading]) -> _Reading:
    values = _by_fold(readings)
    centre = math.fsum(values) / len(values)
    trained = math.fsum(r.counts["train"] + r.counts.get("validation", 0) for r in results)
    ratio = math.fsum(r.counts["test"] for r in results) / trained
    reach = _t_quantile(len(values) - 1) * math.sqrt((1 / len(values) + ratio) * _variance(values))
    return centre, centre - reach, centre + reach


def _variance(values: Sequence[float]) -> float:
    centre = math.fsum(values) / len(values)
    return math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1)


def _t_quantile(freedom: float) -> float:
    if math.isinf(freedom):
        return Z
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
