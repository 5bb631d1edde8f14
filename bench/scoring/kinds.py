"""Scores of each kind of task, once on the records and once per bootstrap weighting.

A kind (:attr:`bench.kinds.Kind.measure`) names a function that turns checked targets and scores into :class:`Measured`. It
is called with (targets, scores, clusters, classes, validation, wanted): the patient of each record as a number, the names of
the columns, the checked (targets, scores) of validation records or None, and the metrics asked for, or None for all.
:mod:`bench.scoring.score` does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from bench.kinds.clinical_metrics import AT_HORIZON, CALIBRATED, HORIZON, MACRO, plain_name
from bench.scoring import classification, regression, survival, survival_curves, weighted
from bench.scoring.calibration import probabilities
from bench.scoring.clinical import Clinical
from bench.scoring.horizon import at_horizon

ByMetric = dict[str, np.ndarray]
Checked = tuple[np.ndarray, np.ndarray]
"""Targets and scores of some records."""
CALIBRATED_NOTE = (
    "Brier score, calibration and net benefit are not reported: scores become probabilities by validation data, and there "
    "are none that allow it."
)


@dataclass
class Measured:
    """A metric is the mean of its parts: classes, targets, or one part for what has no mean.

    ``parts``: metric -> [part]. ``again(weights, names)``: the same for every replicate, [replicate, part].
    ``carriers``: metric -> the clusters that carry each part. ``trials``: the same as a number of independent trials
    (:class:`bench.scoring.bootstrap.Replicates`), where it is another. ``per_class``: column -> [class].
    """

    truth: np.ndarray
    parts: ByMetric
    again: Callable[[np.ndarray, Sequence[str]], ByMetric]
    carriers: ByMetric
    per_class: ByMetric
    support: Int[np.ndarray, "class"]
    left_out: Bool[np.ndarray, "class"]
    thresholds: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    trials: ByMetric = field(default_factory=dict)


def multilabel(
    targets: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    classes: Sequence[str],
    validation: Checked | None,
    wanted: Sequence[str] | None = None,
) -> Measured:
    """Thresholds are chosen on validation data and stay fixed in every replicate; without such data, no decisions.

    Where targets are unknown (NaN), ``per_class`` also has the number of ``known`` ones.
    Of ``wanted`` metrics, average precision is left out where it is not among them: it takes as long as all others.
    """
    thresholds = None if validation is None else classification.best_f1_thresholds(*validation)
    ranking = weighted.Ranking(targets, scores)
    carriers = sides(targets, clusters)
    left_out = ~classification.scorable(targets)
    per_class = {"auroc": classification.auroc(targets, scores)}
    if wanted is None or "macro_auprc" in wanted:
        per_class["auprc"] = classification.average_precision(targets, scores)
    notes = []
    if thresholds is None:
        notes.append(
            "macro_f1 and macro_accuracy are not reported: thresholds are chosen on validation data, and there are none."
        )
    else:
        per_class["f1"] = classification.f1(targets, scores, thresholds)
        per_class["accuracy"] = classification.decision_accuracy(targets, scores, thresholds)
        notes += [
            f"class {classes[c]!r} is left out of macro_f1 and macro_accuracy: no validation record has it, so it has no "
            f"threshold."
            for c in np.flatnonzero(np.isnan(thresholds) & ~left_out).tolist()
        ]

    parts = {f"macro_{name}": column for name, column in per_class.items()}
    counted = classification.known(targets)
    if not counted.all():
        per_class["known"] = np.count_nonzero(counted, axis=0).astype(float)
        notes += unknown_note(counted, "labels", "class")

    def again(weights: np.ndarray, names: Sequence[str]) -> ByMetric:
        values = ranking.measure(weights, tuple(n for n in ("auroc", "auprc") if f"macro_{n}" in names))
        if thresholds is not None and "macro_f1" in names:
            values["f1"] = weighted.f1(targets, scores >= thresholds, weights)
        if thresholds is not None and "macro_accuracy" in names:
            values["accuracy"] = weighted.decision_accuracy(targets, scores >= thresholds, weights)
        return {f"macro_{name}": columns for name, columns in values.items()}

    measured = Measured(
        truth=targets,
        parts=parts,
        again=again,
        carriers={name: carriers.min(axis=0) for name in parts},
        per_class=per_class,
        support=np.count_nonzero(classification.positives(targets), axis=0),
        left_out=left_out,
        thresholds=thresholds,
        notes=notes,
        trials={"macro_auroc": pairing_trials(carriers)},
    )
    calibrated = None if validation is None else probabilities(scores, validation)
    return with_clinical(measured, Clinical(targets, scores, calibrated, ranking=ranking), carriers, wanted)


def multiclass(
    labels: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    classes: Sequence[str] = (),
    validation: Checked | None = None,
    wanted: Sequence[str] | None = None,
) -> Measured:
    """Each class against the rest for AUROC and the clinical metrics; one decision a record for accuracy and F1."""
    truth = classification.one_hot(labels, scores.shape[1])
    ranking = weighted.Ranking(truth, scores)
    per_class = {
        "auroc": classification.ovr_auroc(labels, scores),
        "f1": classification.argmax_f1(labels, scores),
        "accuracy": classification.argmax_accuracy(labels, scores),
    }
    carriers = sides(truth, clusters)

    def again(weights: np.ndarray, names: Sequence[str]) -> ByMetric:
        values = {}
        if "macro_auroc" in names:
            values["macro_auroc"] = ranking.auroc(weights)
        if "macro_f1" in names:
            values["macro_f1"] = weighted.argmax_f1(labels, scores, weights)
        if "accuracy" in names:
            values["accuracy"] = weighted.accuracy(labels, scores, weights)[:, None]
        return values

    measured = Measured(
        truth=labels,
        parts={
            "macro_auroc": per_class["auroc"],
            "accuracy": np.array([classification.accuracy(labels, scores)]),
            "macro_f1": per_class["f1"],
        },
        again=again,
        carriers={
            "macro_auroc": carriers.min(axis=0),
            "accuracy": all_clusters(clusters),
            "macro_f1": carriers.min(axis=0),
        },
        per_class=per_class,
        support=truth.sum(axis=0),
        left_out=~classification.scorable(truth),
        trials={"macro_auroc": pairing_trials(carriers)},
    )
    calibrated = None
    if validation is not None and len(validation[0]):
        calibrated = probabilities(scores, (classification.one_hot(validation[0], scores.shape[1]), validation[1]))
    return with_clinical(measured, Clinical(truth, scores, calibrated, ranking=ranking), carriers, wanted)


def identification(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray, *rest: object) -> Measured:
    """Classes are people here, so people, not records within a class, are what a replicate draws.

    The macro AUROC of a replicate is over the people it drew, each as often as drawn.
    """
    truth = classification.one_hot(labels, scores.shape[1])
    ranking = weighted.Ranking(truth, scores)
    per_class = {"auroc": classification.auroc(truth, scores)}
    share = truth / np.maximum(truth.sum(axis=0), 1)

    def over_drawn_people(weights: np.ndarray) -> np.ndarray:
        auroc = ranking.auroc(weights)
        drawn = np.where(np.isnan(auroc), 0.0, weights.T @ share)
        total = drawn.sum(axis=1)
        mean = np.divide(
            np.sum(drawn * np.nan_to_num(auroc), axis=1), total, out=np.full(len(total), np.nan), where=total > 0
        )
        return mean[:, None]

    def again(weights: np.ndarray, names: Sequence[str]) -> ByMetric:
        values = {}
        if "accuracy" in names:
            values["accuracy"] = weighted.accuracy(labels, scores, weights)[:, None]
        if "macro_auroc" in names:
            values["macro_auroc"] = over_drawn_people(weights)
        return values

    return Measured(
        truth=labels,
        parts={
            "accuracy": np.array([classification.accuracy(labels, scores)]),
            "macro_auroc": classification.macro(per_class["auroc"])[None],
        },
        again=again,
        carriers={"accuracy": all_clusters(clusters), "macro_auroc": all_clusters(clusters)},
        per_class=per_class,
        support=truth.sum(axis=0),
        left_out=~classification.scorable(truth),
    )


def survival_times(
    targets: np.ndarray,
    log_risk: np.ndarray,
    clusters: np.ndarray,
    classes: Sequence[str] = (),
    validation: Checked | None = None,
    wanted: Sequence[str] | None = None,
) -> Measured:
    """Harrell's C; the clusters that carry it are those with an event. Further measures of the event, without intervals; and
    clinical metrics of an event within five years.

    The baseline hazard comes from ``validation`` (targets, log-risks).
    """
    times, events = targets[:, 0], targets[:, 1]
    baseline = None if validation is None else (validation[0][:, 0], validation[0][:, 1], validation[1])
    secondary = survival_curves.secondary(times, events, log_risk, baseline)
    value = np.array([survival.harrell_c(times, events, log_risk)])
    undefined = math.isnan(value[0])
    measured = Measured(
        truth=targets,
        parts={"c_index": value},
        again=lambda weights, names: {
            "c_index": survival.weighted_harrell_c(times, events, log_risk, weights)[:, None]
        },
        carriers={"c_index": np.array([len(np.unique(clusters[events != 0]))])},
        per_class={"c_index": value, **{name: np.array([number]) for name, number in secondary.items()}},
        support=np.array([np.count_nonzero(events)]),
        left_out=np.array([undefined]),
        notes=["c_index is undefined: no two records have a known order of events."] if undefined else [],
    )
    within = at_horizon(times, events, log_risk, validation, HORIZON)
    if within is None:
        measured.notes.append(
            f"metrics within {HORIZON} years are not reported: no test record was followed as long, or none had the event "
            "before."
        )
        return measured
    clinical = Clinical(within.targets, log_risk[:, None], within.risks, within.weights)
    return with_clinical(measured, clinical, sides(within.targets, clusters), wanted, "{}" + AT_HORIZON)


def with_clinical(
    measured: Measured,
    clinical: Clinical,
    carriers: Int[np.ndarray, "side class"],
    wanted: Sequence[str] | None,
    named: str = MACRO + "{}",
) -> Measured:
    """The same with the clinical metrics of its classes, those of ``wanted``, or all for None.

    Args:
        carriers: clusters with a positive and with a negative record of each class.
        named: a metric's full name, of its name in :data:`bench.kinds.clinical_metrics.CLINICAL`.
    """
    full = {
        name: named.format(name)
        for name in clinical.available
        if named.format(name) not in measured.parts and (wanted is None or named.format(name) in wanted)
    }
    before = measured.again

    def again(weights: np.ndarray, names: Sequence[str]) -> ByMetric:
        asked = [name for name in full if full[name] in names]
        further = {full[name]: values for name, values in clinical.again(weights, asked).items()}
        return before(weights, [name for name in names if name not in further]) | further

    once = {full[name]: values for name, values in clinical.once(list(full)).items()}
    trials = {
        full[name]: carriers[0 if name.startswith("sensitivity") else 1]
        for name in full
        if name.startswith(("sensitivity", "specificity"))
    }
    notes = []
    if not clinical.calibrated and (wanted is None or any(plain_name(name) in CALIBRATED for name in wanted)):
        notes.append(CALIBRATED_NOTE)
    return replace(
        measured,
        parts=measured.parts | once,
        again=again,
        carriers=measured.carriers | {name: carriers.min(axis=0) for name in once},
        trials=measured.trials | trials,
        notes=measured.notes + notes,
    )


def measured_values(targets: np.ndarray, predictions: np.ndarray, clusters: np.ndarray, *rest: object) -> Measured:
    """Regression: each metric per target, over the records whose value is known, then its mean over the targets. Errors of
    several targets have no mean, because each is in the unit of its target."""
    once = {name: v[0] for name, v in regression.weighted(targets, predictions, np.ones((len(targets), 1))).items()}
    counted = classification.known(targets)
    support = np.count_nonzero(counted, axis=0)
    carriers = np.array([len(np.unique(clusters[rows])) for rows in counted.T])
    unknown: ByMetric = {} if counted.all() else {"known": support.astype(float)}
    return Measured(
        truth=targets,
        parts=once if targets.shape[1] == 1 else {name: once[name] for name in once if name not in regression.IN_UNITS},
        again=lambda weights, names: regression.weighted(targets, predictions, weights),
        carriers=dict.fromkeys(once, carriers),
        per_class=once | unknown,
        support=support,
        left_out=np.isnan(once["r2"]),
        notes=unknown_note(counted, "values", "target") if unknown else [],
    )


def unknown_note(counted: Bool[np.ndarray, "record class"], what: str, column: str) -> list[str]:
    """How many targets are unknown, for readers of the score."""
    unknown = f"{np.count_nonzero(~counted):,} of {counted.size:,} {what} are unknown"
    return [f"{unknown} and count for no metric; known ones of each {column}: known in per_class."]


def sides(
    targets: Shaped[np.ndarray, "record class"], clusters: Int[np.ndarray, " record"]
) -> Int[np.ndarray, "side class"]:
    """How many clusters have a positive record of each class, and how many have a negative one."""
    counts = [
        [np.count_nonzero(np.bincount(clusters[rows])) for rows in (classification.positives(column), column == 0)]
        for column in targets.T
    ]
    return np.array(counts, dtype=np.int64).reshape(-1, 2).T


def pairing_trials(of_sides: Int[np.ndarray, "side class"]) -> Float[np.ndarray, "class"]:
    """4 m n / (m + n) for m clusters with a positive record of a class and n with a negative one."""
    m, n = of_sides
    return 4 * m * n / np.maximum(m + n, 1)


def all_clusters(clusters: Int[np.ndarray, " record"]) -> Int[np.ndarray, "1"]:
    """[1], the number of clusters: what carries a metric that has no classes."""
    return np.array([int(clusters.max()) + 1])
