"""Metrics under many integer weightings at once: the arithmetic behind every bootstrap interval.

A bootstrap replicate draws records with replacement, so it is a weight for each record: how often it was drawn.
Every function here takes ``weights`` [record, replicate] and answers for all replicates. Scores are sorted once, not
once a replicate; counts are sums of integers in float64 and therefore exact. The plain formula each one must equal is
in :mod:`bench.scoring.classification`, :mod:`bench.scoring.survival` and :mod:`bench.scoring.regression`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped
from scipy import sparse

from bench.scoring.classification import one_hot

Weights = Float[np.ndarray, "record replicate"]


class Ranking:
    """Multilabel scores sorted once; :meth:`auroc` and :meth:`auprc` then cost one sparse product a class.

    For a class, only the scores of its positive records matter: between two of them, and exactly at one of them,
    all that counts is how much negative weight lies there. Those sums are a 0/1 matrix [segment, record] times the
    weights. Its last m rows are the positives, at their m distinct scores. The rows before are the negatives, in
    order of score: 2m + 1 of them, where even ones lie between positive scores and odd ones tie with one, or, for a
    class without such ties, only the m + 1 even ones.
    """

    def __init__(self, targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]):
        self._segments = [_segments(targets[:, c] != 0, scores[:, c]) for c in range(scores.shape[1])]

    def auroc(self, weights: Weights) -> Float[np.ndarray, "replicate class"]:
        """AUROC of each class; NaN where a replicate drew no positive, or no negative, of the class."""
        return self.measure(weights, ("auroc",))["auroc"]

    def auprc(self, weights: Weights) -> Float[np.ndarray, "replicate class"]:
        """Average precision of each class; NaN where a replicate drew no positive, or no negative, of the class."""
        return self.measure(weights, ("auprc",))["auprc"]

    def measure(self, weights: Weights, names: tuple[str, ...]) -> dict[str, Float[np.ndarray, "replicate class"]]:
        """Several of "auroc" and "auprc" from one pass over the weights."""
        result = {name: np.full((weights.shape[1], len(self._segments)), np.nan) for name in names}
        for c, (matrix, m) in enumerate(self._segments):
            if m == 0:
                continue
            sums = matrix @ weights
            positive, negative = sums[-m:], sums[:-m]
            upto = np.cumsum(negative, axis=0)
            total_positive, total_negative = positive.sum(axis=0), upto[-1]
            scored = (total_positive > 0) & (total_negative > 0)
            tied = len(negative) == 2 * m + 1
            below = upto[:-1:2] if tied else upto[:-1]
            if "auroc" in names:
                wins = below + 0.5 * negative[1::2] if tied else below
                area = np.einsum("sr,sr->r", positive, wins)
                np.divide(area, total_positive * total_negative, out=result["auroc"][:, c], where=scored)
            if "auprc" in names:
                at_least = total_positive - np.cumsum(positive, axis=0) + positive
                predicted = at_least + (total_negative - below)
                # A replicate may hold no record at or above a score: then it gains no recall there either.
                precision = np.divide(at_least, predicted, out=np.zeros_like(predicted), where=predicted > 0)
                area = np.einsum("sr,sr->r", positive, precision)
                np.divide(area, total_positive, out=result["auprc"][:, c], where=scored)
        return result


def _segments(positive: Bool[np.ndarray, "record"], score: Real[np.ndarray, "record"]) -> tuple[sparse.csr_array, int]:
    distinct = np.unique(score[positive])
    m = len(distinct)
    segment = np.searchsorted(distinct, score, "left") + np.searchsorted(distinct, score, "right")
    tied = bool(np.any(segment[~positive] % 2))
    negatives = 2 * m + 1 if tied else m + 1
    row = np.where(positive, negatives + (segment - 1) // 2, segment if tied else segment // 2)
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=negatives + m))])
    records = np.argsort(row, kind="stable")
    entries = (np.ones(len(score)), records.astype(np.int32), starts.astype(np.int32))
    return sparse.csr_array(entries, shape=(negatives + m, len(score))), m


def f1(
    targets: Shaped[np.ndarray, "record class"], predicted: Bool[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """F1 of fixed decisions; NaN where a replicate drew no positive, or no negative, of the class."""
    truth = (targets != 0).astype(float)
    positives = weights.T @ truth
    total = weights.sum(axis=0)[:, None]
    both = 2.0 * (weights.T @ (truth * predicted))
    either = positives + weights.T @ predicted.astype(float)
    scored = (positives > 0) & (positives < total)
    return np.divide(both, either, out=np.full(both.shape, np.nan), where=scored)


def decision_accuracy(
    targets: Shaped[np.ndarray, "record class"], predicted: Bool[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """The share of records on the right side of each class; NaN where a replicate drew no positive, or no negative."""
    truth = targets != 0
    positives = weights.T @ truth.astype(float)
    total = weights.sum(axis=0)[:, None]
    right = weights.T @ (truth == predicted).astype(float)
    scored = (positives > 0) & (positives < total)
    return np.divide(right, total, out=np.full(right.shape, np.nan), where=scored)


def accuracy(
    labels: Int[np.ndarray, "record"], scores: Real[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate"]:
    """The weighted share of records whose highest-scored class is their label."""
    right = (np.argmax(scores, axis=1) == labels).astype(float)
    return (right @ weights) / weights.sum(axis=0)


def argmax_f1(
    labels: Int[np.ndarray, "record"], scores: Real[np.ndarray, "record class"], weights: Weights
) -> Float[np.ndarray, "replicate class"]:
    """F1 of each class when a record is given its highest-scored class."""
    classes = scores.shape[1]
    return f1(one_hot(labels, classes), one_hot(np.argmax(scores, axis=1), classes), weights)
