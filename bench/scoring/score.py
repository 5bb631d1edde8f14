"""From scores and targets to a :class:`Score`: the one function that the runner calls, for every kind of task.

| kind | targets | scores | metrics |
|---|---|---|---|
| multilabel | {0, 1, NaN} [record, class] | any real [record, class] | macro_auroc, macro_auprc, macro_f1, macro_accuracy |
| multiclass | class index [record] | probabilities [record, class] | macro_auroc, accuracy, macro_f1 |
| identification | class index [record] | [record, class] | accuracy, macro_auroc |
| survival | time (years), event [record, 2] | log-risk [record] | c_index |
| regression | [record, target], NaN | [record, target] | pearson_r, r2, rmse, mae |

``rmse`` and ``mae`` of several targets are in ``per_class`` alone: a mean over units means nothing.

A class without a positive (or without a negative) among the records is left out of macro means and named in
``left_out``. A multilabel or regression target of NaN is unknown: the record does not count for that class or value, in
thresholds either, and ``per_class`` has the number of ``known`` ones. Every value carries a 95 % interval from a
bootstrap over clusters (patients); how it is made of the replicates, and why not of their percentiles: see
:mod:`bench.scoring.bootstrap`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench import kinds
from bench.errors import DataError, UnknownName
from bench.kinds import Kind
from bench.scoring.bootstrap import Replicates, Scale, cluster_numbers, draws
from bench.scoring.kinds import Measured


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

BOOTSTRAP = 1000
"""Draws of patients behind the intervals of every result."""


def score(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    clusters: np.ndarray | None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    bootstrap: int = BOOTSTRAP,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Score:
    """Score predictions; see the module's table for shapes.

    ``classes`` names the columns (the event for survival, the targets for regression); ``clusters`` is the patient of
    each record, or None where each record is a patient. ``validation`` is (targets, scores) of validation records:
    multilabel ``macro_f1`` and ``macro_accuracy`` take their thresholds there and are not reported without them.
    ``bootstrap`` 0 gives no intervals. The thresholds are held fixed in the bootstrap. ``groups`` names subsets of the
    classes, whose metrics of :attr:`bench.kinds.Kind.grouped_metrics` are reported too, as ``macro_auroc_GROUP``; a
    group without a scorable class is not.

    Raises DataError for shapes that do not fit, targets outside their range, and non-finite scores; UnknownName for
    an unknown kind or metric.
    """
    definition = kinds.load(kind)
    measured, cluster = _measure(definition, targets, scores, classes, clusters, validation)
    drawn = _replicates(definition, measured, _chosen(definition, metrics, measured), cluster, bootstrap, seed)
    estimates = {name: _estimate(replicates, definition.metrics[name]) for name, replicates in drawn.items()}
    for group, members in (groups or {}).items():
        for name in definition.grouped_metrics:
            if name not in drawn:
                continue
            part = drawn[name].of_parts([list(classes).index(label) for label in members])
            if part.present.any():
                estimates[f"{name}_{group}"] = _estimate(part, definition.metrics[name])
    return Score(
        kind=kind,
        metrics=estimates,
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
    bootstrap: int = BOOTSTRAP,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> dict[str, Replicates]:
    """The metrics of :func:`score` in every replicate, for paired comparisons and for pooling over seeds.

    Two methods scored on the same records, clusters and seed see the same replicates: their difference is paired.
    """
    definition = kinds.load(kind)
    measured, cluster = _measure(definition, targets, scores, classes, clusters, validation, metrics)
    return _replicates(definition, measured, _chosen(definition, metrics, measured), cluster, bootstrap, seed)


def _measure(
    kind: Kind,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    clusters: np.ndarray | None,
    validation: tuple[np.ndarray, np.ndarray] | None,
    wanted: Sequence[str] | None = None,
) -> tuple[Measured, np.ndarray]:
    targets, scores = _checked(kind, targets, scores, classes, "test")
    if clusters is not None and np.shape(clusters) != (len(targets),):
        raise DataError(
            f"clusters have shape {np.shape(clusters)}; expected one patient id per record, ({len(targets)},)."
        )
    cluster = cluster_numbers(clusters, len(targets))
    known = None if validation is None else _checked(kind, *validation, classes, "validation")
    return kind.load_measure()(targets, scores, cluster, classes, known, wanted), cluster


def _chosen(kind: Kind, metrics: Sequence[str] | None, measured: Measured) -> list[str]:
    for name in metrics or ():
        if name not in kind.metrics:
            raise UnknownName(f"{kind.name} metric", name, kind.metrics)
    return [name for name in metrics or kind.metrics if name in measured.parts]


def _replicates(
    kind: Kind, measured: Measured, names: Sequence[str], clusters: np.ndarray, replicates: int, seed: int
) -> dict[str, Replicates]:
    blocks = [measured.again(weights, names) for weights in draws(clusters, replicates, seed)]
    drawn = {}
    origin = hashlib.sha256(f"{seed} {replicates}".encode() + clusters.tobytes() + measured.truth.tobytes()).hexdigest()
    for name in names:
        parts = measured.parts[name]
        values = np.concatenate([block[name] for block in blocks]) if blocks else np.empty((0, len(parts)))
        bounded = kind.metrics[name] == "logit"
        trials = measured.trials.get(name, measured.carriers[name]).astype(float) if bounded else None
        drawn[name] = Replicates(parts, values, measured.carriers[name], origin, trials)
    return drawn


def _estimate(replicates: Replicates, scale: Scale) -> Estimate:
    if not len(replicates.values):
        return Estimate(replicates.value)
    return Estimate(replicates.value, *replicates.interval(scale))


def _checked(
    kind: Kind, targets: np.ndarray, scores: np.ndarray, classes: Sequence[str], part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and float64 scores that fit the kind, or a DataError that names what does not."""
    targets, scores = np.asarray(targets), np.asarray(scores)
    records, columns = len(targets), len(classes)
    if records == 0:
        raise DataError(f"there is no {part} record to score; check the split and the data set.")
    if len(set(classes)) != columns:
        twice = sorted({c for c in classes if list(classes).count(c) > 1})
        raise DataError(f"class names must differ, but {twice} occur more than once.")
    for what, array, expected in (
        ("targets", targets, kind.target_shape(records, columns)),
        ("scores", scores, kind.score_shape(records, columns)),
    ):
        if array.shape != expected:
            raise DataError(
                f"{part} {what} of a {kind.name} task have shape {array.shape}; expected {expected} for {records} records "
                f"and {columns} classes."
            )
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise DataError(f"{part} {what} are of type {array.dtype}; expected numbers.")
    names = kind.target_columns(classes)
    _refuse(~np.isfinite(scores), scores, f"{part} score", list(classes), "a finite number; look for NaN in the model")
    unknown = np.isnan(targets) if kind.unknown_targets else np.zeros(targets.shape, bool)
    _refuse(
        ~np.isfinite(targets) & ~unknown,
        targets,
        f"{part} target",
        names,
        "a finite number; drop records without a target",
    )
    if (wrong := kind.wrong_targets(targets, columns)) is not None:
        _refuse(wrong[0], targets, f"{part} target", names, wrong[1])
    if kind.scored_as:
        targets = targets.astype(kind.scored_as)
    return targets, scores.astype(np.float64)


def _refuse(bad: np.ndarray, values: np.ndarray, what: str, columns: Sequence[str], expected: str) -> None:
    if not bad.any():
        return
    index = tuple(int(k) for k in np.argwhere(bad)[0])
    column = f", class {columns[index[1]]!r}" if len(index) > 1 else ""
    raise DataError(
        f"the {what} of record index {index[0]}{column} is {values[index]}; expected {expected}. "
        f"{int(bad.sum())} such value(s) in all."
    )


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
