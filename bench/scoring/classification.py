"""Metrics of classification: AUROC, average precision, F1 and accuracy, per class and as macro means.

Arrays are [record, class]. A class without a positive, or without a negative, has no value here: it is NaN, and
:func:`macro` leaves it out. A target of NaN is unknown, and its record does not count for that class. Inputs are trusted
(scores finite, targets 0, 1 or NaN); :func:`bench.scoring.score.score` checks them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped


def midranks(values: Real[np.ndarray, " record"]) -> Float[np.ndarray, " record"]:
    """Ranks from 1; equal values share the mean of the ranks they span."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    begins = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    ends = np.append(begins[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((begins + 1 + ends) / 2.0, ends - begins)
    return ranks


def known(targets: Shaped[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Which targets are known: those that are not NaN."""
    return ~np.isnan(targets)


def positives(targets: Shaped[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Which targets are known to be positive."""
    return (targets != 0) & known(targets)


def scorable(targets: Shaped[np.ndarray, "record class"]) -> Bool[np.ndarray, "class"]:
    """The classes that have both a positive and a negative record, the only ones a metric can be computed for."""
    return positives(targets).any(axis=0) & (targets == 0).any(axis=0)


def macro(per_class: Float[np.ndarray, "*stack class"]) -> Float[np.ndarray, "*stack"]:
    """The mean over the classes that have a value (the last axis); NaN where none has."""
    present = ~np.isnan(per_class)
    count = present.sum(axis=-1)
    total = np.where(present, per_class, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)


def auroc(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """The chance that a positive record outscores a negative one; ties count one half.

    The Mann-Whitney statistic on midranks (Hanley and McNeil, Radiology 1982). Sums of midranks are exact in
    float64, so the value depends on neither record order nor summation order.
    """
    result = np.full(scores.shape[1], np.nan)
    for c in np.flatnonzero(scorable(targets)):
        rows = known(targets[:, c])
        positive = targets[rows, c] != 0
        m = np.count_nonzero(positive)
        rank_sum = midranks(scores[rows, c])[positive].sum()
        result[c] = (rank_sum - m * (m + 1) / 2.0) / (m * float(len(positive) - m))
    return result


def average_precision(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """The area under the precision-recall steps: precision summed over the increments of recall, no interpolation.

    Records with one score enter together, so ties are handled without regard to record order.
    """
    result = np.full(scores.shape[1], np.nan)
    for c in np.flatnonzero(scorable(targets)):
        rows = known(targets[:, c])
        _, true_positives, predicted = cumulative_counts(targets[rows, c], scores[rows, c])
        gained = np.diff(true_positives, prepend=0)
        result[c] = np.sum(gained * (true_positives / predicted)) / true_positives[-1]
    return result


def f1(
    targets: Shaped[np.ndarray, "record class"],
    scores: Real[np.ndarray, "record class"],
    thresholds: Float[np.ndarray, "class"],
) -> Float[np.ndarray, "class"]:
    """F1 of the decisions ``score >= threshold``; NaN also for a class whose threshold is NaN."""
    positive = positives(targets)
    predicted = (scores >= thresholds) & known(targets)
    true_positives = np.count_nonzero(positive & predicted, axis=0)
    result = 2.0 * true_positives / np.maximum(np.count_nonzero(positive, axis=0) + predicted.sum(axis=0), 1)
    return np.where(scorable(targets) & ~np.isnan(thresholds), result, np.nan)


def decision_accuracy(
    targets: Shaped[np.ndarray, "record class"],
    scores: Real[np.ndarray, "record class"],
    thresholds: Float[np.ndarray, "class"],
) -> Float[np.ndarray, "class"]:
    """The share of records that ``score >= threshold`` puts on the right side of each class; NaN as in :func:`f1`."""
    counted = known(targets)
    right = np.count_nonzero(((targets != 0) == (scores >= thresholds)) & counted, axis=0)
    right = right / np.maximum(np.count_nonzero(counted, axis=0), 1)
    return np.where(scorable(targets) & ~np.isnan(thresholds), right, np.nan)


def best_f1_thresholds(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """For each class the score at which ``score >= threshold`` has the highest F1. Choose it on validation data.

    The candidates are the scores that occur. Where several reach the same F1, the lowest one is taken: it calls the
    most records positive, and it is the one that an arg-max over scikit-learn's precision-recall curve finds. NaN
    for a class without a positive, where no threshold is better than another.
    """
    result = np.full(scores.shape[1], np.nan)
    for c in np.flatnonzero(positives(targets).any(axis=0)):
        rows = known(targets[:, c])
        candidates, true_positives, predicted = cumulative_counts(targets[rows, c], scores[rows, c])
        quality = 2.0 * true_positives / (predicted + true_positives[-1])
        # Candidates descend, so the lowest of the best is the last; equal F1 are equal floats, being one division.
        result[c] = candidates[len(quality) - 1 - np.argmax(quality[::-1])]
    return result


def one_hot(labels: Int[np.ndarray, " record"], classes: int) -> Bool[np.ndarray, "record class"]:
    """[record, class], true where the record has that label."""
    return labels[:, None] == np.arange(classes)


def decisions(scores: Real[np.ndarray, "record class"]) -> Bool[np.ndarray, "record class"]:
    """One class a record: the highest score; of equal ones the first class."""
    return one_hot(np.argmax(scores, axis=1), scores.shape[1])


def accuracy(labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"]) -> float:
    """The share of records whose highest-scored class is their label; of equal scores the first class counts."""
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def argmax_f1(
    labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """F1 of each class under the decisions of :func:`decisions`; NaN for a class that no record (or every one) has."""
    truth, predicted = one_hot(labels, scores.shape[1]), decisions(scores)
    result = 2.0 * (truth & predicted).sum(axis=0) / np.maximum(truth.sum(axis=0) + predicted.sum(axis=0), 1)
    return np.where(scorable(truth), result, np.nan)


def argmax_accuracy(
    labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """The share of records that :func:`decisions` puts on the right side of each class; NaN as in :func:`argmax_f1`.

    Also of a class that is never chosen it is high where the class is rare; :func:`accuracy` is of all classes at once.
    """
    truth = one_hot(labels, scores.shape[1])
    return np.where(scorable(truth), np.mean(truth == decisions(scores), axis=0), np.nan)


def ovr_auroc(
    labels: Int[np.ndarray, " record"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """One-versus-rest AUROC of each class.

    It compares a class's scores across records, so logits and softmax probabilities give different values: pass
    probabilities where the published numbers used them.
    """
    return auroc(one_hot(labels, scores.shape[1]), scores)


def cumulative_counts(
    target: Shaped[np.ndarray, " record"], score: Real[np.ndarray, " record"]
) -> tuple[Real[np.ndarray, " distinct"], Int[np.ndarray, " distinct"], Int[np.ndarray, " distinct"]]:
    """The distinct scores, descending, and how many positives and how many records score at least that."""
    distinct, inverse = np.unique(score, return_inverse=True)
    at_score = np.bincount(inverse)
    positives = np.bincount(inverse, weights=target != 0).astype(np.int64)
    return distinct[::-1], np.cumsum(positives[::-1]), np.cumsum(at_score[::-1])
