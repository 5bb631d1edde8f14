"""From scores and targets to a :class:`Score`: the one entry the runner calls, for every kind of task.

| kind | targets | scores | metrics |
|---|---|---|---|
| multilabel | {0, 1} [record, class] | any real [record, class] | macro_auroc, macro_auprc, macro_f1 |
| multiclass | class index [record] | probabilities [record, class] | macro_auroc, accuracy, macro_f1 |
| identification | class index [record] | [record, class] | accuracy, macro_auroc |
| survival | time (years), event [record, 2] | log-risk [record] | c_index |
| regression | [record, target] | [record, target] | pearson_r, r2, rmse, mae |

A class without a positive (or without a negative) among the records is left out of macro means and named in
``left_out``. Every value carries a 95 % interval from a bootstrap over clusters (patients). A replicate that drew no
positive (or no negative) of a class leaves that class out of that replicate's macro mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.errors import DataError, UnknownName
from bench.scoring import classification, regression, survival, weighted
from bench.scoring.bootstrap import bootstrap as replicate
from bench.scoring.bootstrap import cluster_numbers, percentile_interval

#: What each kind reports, its main metric first.
METRICS: dict[str, tuple[str, ...]] = {
    "multilabel": ("macro_auroc", "macro_auprc", "macro_f1"),
    "multiclass": ("macro_auroc", "accuracy", "macro_f1"),
    "identification": ("accuracy", "macro_auroc"),
    "survival": ("c_index",),
    "regression": ("pearson_r", "r2", "rmse", "mae"),
}


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Score:
    """What one set of predictions is worth on one set of records."""

    kind: str
    metrics: dict[str, Estimate]
    per_class: dict[str, dict[str, float | None]]
    left_out: list[str]
    thresholds: dict[str, float | None] | None
    n_records: int
    n_clusters: int
    support: dict[str, int]
    bootstrap: int = 0
    seed: int = 0
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; NaN becomes None."""
        plain = asdict(self)
        plain["metrics"] = {
            name: {part: _or_none(number) for part, number in estimate.items()}
            for name, estimate in plain["metrics"].items()
        }
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Score:
        """The inverse of :meth:`to_dict`.

        Raises DataError naming the field when one is missing, unknown or malformed.
        """
        known = set(cls.__dataclass_fields__)
        if set(plain) != known:
            missing, unknown = sorted(known - set(plain)), sorted(set(plain) - known)
            raise DataError(
                f"a stored score must have the fields {sorted(known)}; missing: {missing or 'none'}, unknown: "
                f"{unknown or 'none'}. It was written by another version or by hand: score the predictions again."
            )
        metrics = {}
        for name, parts in plain["metrics"].items():
            try:
                metrics[name] = Estimate(*(math.nan if parts[p] is None else float(parts[p]) for p in _PARTS))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"a stored score's metric {name!r} is {parts!r}; expected numbers or null for {list(_PARTS)}. "
                    "Score the predictions again."
                ) from error
        return cls(**{**plain, "metrics": metrics})


_PARTS = ("value", "low", "high")


@dataclass
class _Measured:
    """One kind's answer: point values, per-class columns, and the same metrics for many replicates at once."""

    values: dict[str, float]
    per_class: dict[str, np.ndarray]
    replicates: Callable[[np.ndarray], dict[str, np.ndarray]]
    support: np.ndarray
    left_out: np.ndarray
    thresholds: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def score(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    clusters: np.ndarray | None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> Score:
    """Score predictions; see the module's table for shapes.

    ``classes`` names the columns (the event for survival, the targets for regression); ``clusters`` is the patient of
    each record, or None where each record is a patient. ``validation`` is (targets, scores) of validation records:
    multilabel ``macro_f1`` takes its thresholds there and is not reported without them. ``bootstrap`` 0 gives no
    intervals. The thresholds are held fixed in the bootstrap.

    Raises DataError for shapes that do not fit, targets outside their range, and non-finite scores; UnknownName for
    an unknown kind or metric.
    """
    measured, names, cluster = _measure(kind, targets, scores, classes, clusters, validation, metrics)
    intervals = dict.fromkeys(names, (math.nan, math.nan))
    if bootstrap:
        drawn = _replicates(measured, names, cluster, bootstrap, seed)
        intervals = {name: percentile_interval(values) for name, values in drawn.items()}
    return Score(
        kind=kind,
        metrics={name: Estimate(float(measured.values[name]), *intervals[name]) for name in names},
        per_class={
            label: {name: _or_none(values[c]) for name, values in measured.per_class.items()}
            for c, label in enumerate(classes)
        },
        left_out=[str(label) for label, out in zip(classes, measured.left_out, strict=True) if out],
        thresholds=None
        if measured.thresholds is None
        else {label: _or_none(t) for label, t in zip(classes, measured.thresholds, strict=True)},
        n_records=len(targets),
        n_clusters=int(cluster.max()) + 1,
        support={label: int(n) for label, n in zip(classes, measured.support, strict=True)},
        bootstrap=bootstrap,
        seed=seed,
        notes=measured.notes,
    )


def score_replicates(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    clusters: np.ndarray | None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """The metrics of :func:`score` in every replicate, each [replicate].

    Two methods scored on the same records, clusters and seed see the same replicates: their difference is paired.
    """
    measured, names, cluster = _measure(kind, targets, scores, classes, clusters, validation, metrics)
    return _replicates(measured, names, cluster, bootstrap, seed)


def _replicates(
    measured: _Measured, names: list[str], clusters: np.ndarray, bootstrap: int, seed: int
) -> dict[str, np.ndarray]:
    def statistic(weights: np.ndarray) -> np.ndarray:
        values = measured.replicates(weights)
        return np.stack([values[name] for name in names], axis=1)

    drawn = replicate(statistic, clusters, bootstrap, seed)
    return {name: drawn[:, k] for k, name in enumerate(names)}


def _measure(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    clusters: np.ndarray | None,
    validation: tuple[np.ndarray, np.ndarray] | None,
    metrics: Sequence[str] | None,
) -> tuple[_Measured, list[str], np.ndarray]:
    if kind not in METRICS:
        raise UnknownName("task kind", kind, METRICS)
    for name in metrics or ():
        if name not in METRICS[kind]:
            raise UnknownName(f"{kind} metric", name, METRICS[kind])
    targets, scores = _checked(kind, targets, scores, classes, "test")
    if clusters is not None and np.shape(clusters) != (len(targets),):
        raise DataError(
            f"clusters have shape {np.shape(clusters)}; expected one patient id a record, ({len(targets)},)."
        )
    names = list(metrics or METRICS[kind])
    if kind == "multilabel":
        thresholds = None
        if validation is not None:
            thresholds = classification.best_f1_thresholds(*_checked(kind, *validation, classes, "validation"))
        measured = _multilabel(targets, scores, classes, thresholds)
    else:
        measured = _KINDS[kind](targets, scores)
    names = [name for name in names if name in measured.values]
    return measured, names, cluster_numbers(clusters, len(targets))


def _multilabel(
    targets: np.ndarray, scores: np.ndarray, classes: Sequence[str], thresholds: np.ndarray | None
) -> _Measured:
    ranking = weighted.Ranking(targets, scores)
    per_class = {
        "auroc": classification.auroc(targets, scores),
        "auprc": classification.average_precision(targets, scores),
    }
    left_out = ~classification.scorable(targets)
    notes = []
    if thresholds is None:
        notes.append("macro_f1 is not reported: thresholds are chosen on validation data, and there are none.")
    else:
        per_class["f1"] = classification.f1(targets, scores, thresholds)
        for c in np.flatnonzero(np.isnan(thresholds) & ~left_out).tolist():
            notes.append(
                f"class {classes[c]!r} is left out of macro_f1: no validation record has it, so it has no threshold."
            )

    def replicates(weights: np.ndarray) -> dict[str, np.ndarray]:
        values = ranking.measure(weights, ("auroc", "auprc"))
        if thresholds is not None:
            f1 = weighted.f1(targets, scores >= thresholds, weights)
            values["f1"] = np.where(np.isnan(thresholds), np.nan, f1)
        return {f"macro_{name}": classification.macro(columns) for name, columns in values.items()}

    return _Measured(
        values={f"macro_{name}": float(classification.macro(column)) for name, column in per_class.items()},
        per_class=per_class,
        replicates=replicates,
        support=np.count_nonzero(targets, axis=0),
        left_out=left_out,
        thresholds=thresholds,
        notes=notes,
    )


def _multiclass(labels: np.ndarray, scores: np.ndarray) -> _Measured:
    truth = classification.one_hot(labels, scores.shape[1])
    ranking = weighted.Ranking(truth, scores)
    per_class = {"auroc": classification.ovr_auroc(labels, scores), "f1": classification.argmax_f1(labels, scores)}

    def replicates(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "macro_auroc": classification.macro(ranking.auroc(weights)),
            "accuracy": weighted.accuracy(labels, scores, weights),
            "macro_f1": classification.macro(weighted.argmax_f1(labels, scores, weights)),
        }

    return _Measured(
        values={
            "macro_auroc": float(classification.macro(per_class["auroc"])),
            "accuracy": classification.accuracy(labels, scores),
            "macro_f1": float(classification.macro(per_class["f1"])),
        },
        per_class=per_class,
        replicates=replicates,
        support=truth.sum(axis=0),
        left_out=~classification.scorable(truth),
    )


def _identification(labels: np.ndarray, scores: np.ndarray) -> _Measured:
    truth = classification.one_hot(labels, scores.shape[1])
    ranking = weighted.Ranking(truth, scores)
    per_class = {"auroc": classification.auroc(truth, scores)}

    def replicates(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "accuracy": weighted.accuracy(labels, scores, weights),
            "macro_auroc": classification.macro(ranking.auroc(weights)),
        }

    return _Measured(
        values={
            "accuracy": classification.accuracy(labels, scores),
            "macro_auroc": float(classification.macro(per_class["auroc"])),
        },
        per_class=per_class,
        replicates=replicates,
        support=truth.sum(axis=0),
        left_out=~classification.scorable(truth),
    )


def _survival(targets: np.ndarray, log_risk: np.ndarray) -> _Measured:
    times, events = targets[:, 0], targets[:, 1]
    value = survival.harrell_c(times, events, log_risk)
    undefined = math.isnan(value)
    return _Measured(
        values={"c_index": value},
        per_class={"c_index": np.array([value])},
        replicates=lambda weights: {"c_index": survival.weighted_harrell_c(times, events, log_risk, weights)},
        support=np.array([np.count_nonzero(events)]),
        left_out=np.array([undefined]),
        notes=["c_index is undefined: no two records have a known order of events."] if undefined else [],
    )


def _regression(targets: np.ndarray, predictions: np.ndarray) -> _Measured:
    once = {name: v[0] for name, v in regression.weighted(targets, predictions, np.ones((len(targets), 1))).items()}
    return _Measured(
        values={name: float(classification.macro(values)) for name, values in once.items()},
        per_class=once,
        replicates=lambda weights: {
            name: classification.macro(values)
            for name, values in regression.weighted(targets, predictions, weights).items()
        },
        support=np.full(targets.shape[1], len(targets)),
        left_out=np.isnan(once["r2"]),
    )


_KINDS: dict[str, Callable[[np.ndarray, np.ndarray], _Measured]] = {
    "multiclass": _multiclass,
    "identification": _identification,
    "survival": _survival,
    "regression": _regression,
}


def _checked(
    kind: str, targets: np.ndarray, scores: np.ndarray, classes: Sequence[str], part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and float64 scores that fit the kind, or a DataError that names what does not."""
    targets, scores = np.asarray(targets), np.asarray(scores)
    records, columns = len(targets), len(classes)
    if records == 0:
        raise DataError(f"there is no {part} record to score; check the split and what the data set holds.")
    if len(set(classes)) != columns:
        twice = sorted({c for c in classes if list(classes).count(c) > 1})
        raise DataError(f"class names must differ, but {twice} occur more than once.")
    target_shape = {"multiclass": (records,), "identification": (records,), "survival": (records, 2)}
    score_shape = {"survival": (records,)}
    for what, array, expected in (
        ("targets", targets, target_shape.get(kind, (records, columns))),
        ("scores", scores, score_shape.get(kind, (records, columns))),
    ):
        if array.shape != expected:
            raise DataError(
                f"{part} {what} of a {kind} task have shape {array.shape}; expected {expected} for {records} records "
                f"and {columns} classes."
            )
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise DataError(f"{part} {what} are of type {array.dtype}; expected numbers.")
    names = ["time", "event"] if kind == "survival" else list(classes)
    _refuse(~np.isfinite(scores), scores, f"{part} score", list(classes), "a finite number; look for NaN in the model")
    _refuse(~np.isfinite(targets), targets, f"{part} target", names, "a finite number; drop records without a target")
    if kind == "multilabel":
        _refuse((targets != 0) & (targets != 1), targets, f"{part} target", names, "0 or 1")
    elif kind in ("multiclass", "identification"):
        outside = (targets != np.floor(targets)) | (targets < 0) | (targets >= columns)
        _refuse(outside, targets, f"{part} target", names, f"a class index from 0 to {columns - 1}")
        targets = targets.astype(np.int64)
    elif kind == "survival":
        outside = np.stack([targets[:, 0] < 0, (targets[:, 1] != 0) & (targets[:, 1] != 1)], axis=1)
        _refuse(outside, targets, f"{part} target", names, "a time of 0 or more, and an event of 0 or 1")
    if kind in ("survival", "regression"):
        targets = targets.astype(np.float64)
    return targets, scores.astype(np.float64)


def _refuse(bad: np.ndarray, values: np.ndarray, what: str, columns: Sequence[str], expected: str) -> None:
    if not bad.any():
        return
    place = tuple(int(k) for k in np.argwhere(bad)[0])
    column = f", class {columns[place[1]]!r}" if len(place) > 1 else ""
    raise DataError(
        f"the {what} of record index {place[0]}{column} is {values[place]}; expected {expected}. "
        f"{int(bad.sum())} such value(s) in all."
    )


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
