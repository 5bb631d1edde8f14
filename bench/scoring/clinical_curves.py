"""Reliability diagrams and decision curves: what :mod:`bench.scoring.clinical` sums up in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from bench import kinds
from bench.kinds.clinical_metrics import HORIZON
from bench.scoring.bootstrap import Spread, interval
from bench.scoring.calibration import bins_of, probabilities
from bench.scoring.classification import known, one_hot, scorable
from bench.scoring.horizon import at_horizon
from bench.scoring.operating_points import benefits

THRESHOLDS = np.arange(1, 100) / 100
"""Risks at which decision curves are drawn."""


@dataclass(frozen=True)
class Calibrated:
    """Classes with probabilities: targets [record, class], NaN where unknown; probabilities [record, class]; and how much
    each record counts [record]. Classes without both a positive and a negative, or without probabilities, are left out."""

    names: list[str]
    targets: Float[np.ndarray, "record class"]
    probabilities: Float[np.ndarray, "record class"]
    weights: Float[np.ndarray, " record"]


@dataclass(frozen=True)
class Reliability:
    """Mean probability and observed share in each bin, with the share's 95 % interval (records taken as independent)."""

    mean: Float[np.ndarray, " bin"]
    observed: Float[np.ndarray, " bin"]
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]


def calibrated(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    names: list[str],
    validation: tuple[np.ndarray, np.ndarray],
) -> Calibrated | None:
    """Probabilities of test records, made as the metrics make them; None for kinds without classes or events, and where the
    validation records allow none.

    Args:
        targets, scores: as :func:`bench.scoring.score.score` takes them; ``validation`` likewise.
    """
    definition = kinds.load(kind)
    if not len(validation[0]):
        return None
    weights = np.ones(len(targets))
    if definition.follow_up:
        within = at_horizon(targets[:, 0], targets[:, 1], scores, validation, HORIZON)
        if within is None or within.risks is None:
            return None
        targets, given, weights, names = within.targets, within.risks, within.weights, [f"event within {HORIZON} years"]
    elif definition.has_classes:
        seen, of_seen = validation
        if definition.one_class_each:
            targets, seen = (one_hot(part.astype(int), scores.shape[1]).astype(float) for part in (targets, seen))
        given = probabilities(scores, (seen, of_seen))
    else:
        return None
    targets = targets.astype(float)
    shown = np.flatnonzero(scorable(targets) & np.isfinite(given).all(axis=0))
    if not len(shown):
        return None
    return Calibrated([names[c] for c in shown], targets[:, shown], given[:, shown], weights)


def reliability(
    target: Shaped[np.ndarray, " pair"], probability: Float[np.ndarray, " pair"], weights: Float[np.ndarray, " pair"]
) -> Reliability:
    """In ten bins with as many records each; unknown targets do not count."""
    rows = known(target)
    target, probability, weights = target[rows], probability[rows], weights[rows]
    bins = bins_of(probability)
    points = []
    for number in np.unique(bins):
        inside = bins == number
        total = weights[inside].sum()
        if not total > 0:
            continue
        share = float(weights[inside] @ target[inside] / total)
        low, high = interval(share, Spread(0.0, np.inf), "logit", trials=float(total**2 / (weights[inside] ** 2).sum()))
        points.append((float(weights[inside] @ probability[inside] / total), share, low, high))
    return Reliability(*np.array(points).T)


def decision_curve(classes: Calibrated) -> tuple[Float[np.ndarray, " threshold"], Float[np.ndarray, " threshold"]]:
    """Net benefit at each of :data:`THRESHOLDS`, mean over classes: of acting on the probabilities, and of acting always."""
    curves = []
    for target, probability in zip(classes.targets.T, classes.probabilities.T, strict=True):
        rows = known(target)
        share = classes.weights[rows] / classes.weights[rows].sum()
        always = np.ones(int(rows.sum()))
        curves.append([share @ benefits(target[rows], p, THRESHOLDS) for p in (probability[rows], always)])
    own, everyone = np.mean(curves, axis=0)
    return own, everyone


def pooled(classes: Calibrated) -> Reliability:
    """One diagram of all pairs of record and class."""
    weights = np.repeat(classes.weights[:, None], len(classes.names), axis=1)
    return reliability(classes.targets.ravel(), classes.probabilities.ravel(), weights.ravel())
