"""Metrics under many integer weightings at once: the arithmetic behind every bootstrap interval.

A bootstrap replicate draws records with replacement, so it is a weight for each record: how often it was drawn.
Every function here takes ``weights`` [record, replicate] and answers for all replicates. Scores are sorted once, not
once a replicate; counts are sums of integers in float64 and therefore exact. The plain formula each one must equal is
in :mod:`bench.scoring.classification`, :mod:`bench.scoring.survival` and :mod:`bench.scoring.regression`. A multilabel
target of NaN is unknown, and its record does not count for that class.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped

from bench.scoring.classification import known, one_hot, positives

Weights = Float[np.ndarray, "record replicate"]

_NUMBERS = 2**22
"""float64 of one step of a product (32 MiB)."""


Ranked = tuple[Int[np.ndarray, " known"], Bool[np.ndarray, " known"], Bool[np.ndarray, " known"]]
"""Records by falling score, which are positive, which are the last of their score."""


class Ranking:
    """Multilabel scores sorted once; :meth:`measure` then passes once over the ranked records of each class."""

    def __init__(self, targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]):
        self._ranked = [ranked_records(targets[:, c], scores[:, c]) for c in range(scores.shape[1])]

    def of_class(self, c: int) -> Ranked:
        """What :func:`ranked_records` returns of a class."""
        return self._ranked[c]

    def auroc(self, weights: Weights) -> Float[np.ndarray, "replicate class"]:
        """AUROC of each class; NaN where a replicate drew no positive, or no negative, of the class."""
        return self.measure(weights, ("auroc",))["auroc"]

    def measure(self, weights: Weights, names: tuple[str, ...]) -> dict[str, Float[np.ndarray, "replicate class"]]:
        """AUROC ("auroc") and average precision ("auprc") from one pass over the weights, NaN as in :meth:`auroc`."""
        from bench.scoring.ranking_kernel import areas  # numba takes half a second to import

        weights = np.ascontiguousarray(weights, np.uint8 if weights.max(initial=0) < 256 else np.uint32)
        shape = (len(self._ranked), weights.shape[1])
        measures = {"auroc": np.full(shape, np.nan), "auprc": np.full(shape, np.nan)}
        for c, (order, positive, ends) in enumerate(self._ranked):
            if positive.any():
                areas(weights, order, positive, ends, measures["auroc"][c], measures["auprc"][c], "auprc" in names)
        return {name: measures[name].T for name in names}


def ranked_records(target: Shaped[np.ndarray, " record"], score: Real[np.ndarray, " record"]) -> Ranked:
    """Records of known target by falling score, which of them are positive, and which are the last of their score."""
    rows = np.flatnonzero(known(target))
    order = rows[np.argsort(score[rows], kind="stable")[::-1]]
    ranked = score[order]
    ends = np.append(ranked[1:] != ranked[:-1], True) if len(order) else np.zeros(0, bool)
    return order.astype(np.int32 if len(target) < 2**31 else np.int64), target[order] != 0, ends


def _drawn(targets: Shaped[np.ndarray, "record class"], weights: Weights) -> Float[np.ndarray, "replicate _"]:
    """How many records of known target a replicate drew, of each class; [replicate, 1] where all are known."""
    counted = known(targets)
    return weights.sum(axis=0)[:, None] if counted.all() else _sums(weights, counted)


def _sums(weights: Weights, chosen: Bool[np.ndarray, "record class"]) -> Float[np.ndarray, "replicate class"]:
    """How many of the chosen records of each class a replicate drew. Only some classes are in memory as numbers at once."""
    step = max(1, _NUMBERS // len(chosen))
    sums = np.empty((weights.shape[1], chosen.shape[1]))
    for first in range(0, chosen.shape[1], step):
        columns = slice(first, first + step)
        sums[:, columns] = weights.T @ chosen[:, columns].astype(float)
    return sums


def f1(
    targets: Shaped[np.ndarray, "record class"], predicted: Bool[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """F1 of fixed decisions; NaN where a replicate drew no positive, or no negative, of the class."""
    truth = positives(targets)
    drawn_positives = _sums(weights, truth)
    both = 2.0 * _sums(weights, truth & predicted)
    either = drawn_positives + _sums(weights, predicted & known(targets))
    scored = (drawn_positives > 0) & (drawn_positives < _drawn(targets, weights))
    return np.divide(both, either, out=np.full(both.shape, np.nan), where=scored)


def decision_accuracy(
    targets: Shaped[np.ndarray, "record class"], predicted: Bool[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """The share of records on the right side of each class; NaN where a replicate drew no positive, or no negative."""
    truth = positives(targets)
    drawn_positives = _sums(weights, truth)
    total = _drawn(targets, weights)
    right = _sums(weights, (truth == predicted) & known(targets))
    scored = (drawn_positives > 0) & (drawn_positives < total)
    return np.divide(right, total, out=np.full(right.shape, np.nan), where=scored)


def accuracy(
    labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, " replicate"]:
    """The weighted share of records whose highest-scored class is their label."""
    right = (np.argmax(scores, axis=1) == labels).astype(float)
    return (right @ weights) / weights.sum(axis=0)


def argmax_f1(
    labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """F1 of each class when a record is given its highest-scored class."""
    classes = scores.shape[1]
    return f1(one_hot(labels, classes), one_hot(np.argmax(scores, axis=1), classes), weights)
