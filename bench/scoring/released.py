"""Metrics as published code computes them, where that departs from this benchmark's protocol.

Nothing else in the project calls these: they exist so that a published number can be checked like for like. Each says
what it does that :mod:`bench.scoring.score` does not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped

from bench.errors import DataError
from bench.scoring import classification
from bench.scoring.bootstrap import Interval

# --- MERL (Liu et al., ICML 2024), zero-shot and linear probing -----------------------------------------------------


def merl_zero_shot(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]
) -> dict[str, Float[np.ndarray, "class"]]:
    """``auroc``, ``f1`` and ``accuracy`` per class, as fractions (the paper prints the means times 100).

    Departs: F1 is the best over thresholds on the *same* records, so it is optimistic. Accuracy takes that threshold
    with a strict ``>``, although the F1 counted ``>=``: the record at the threshold changes sides. A class with one
    label only gives NaN, which is not left out.
    """
    thresholds = classification.best_f1_thresholds(targets, scores)
    return {
        "auroc": classification.auroc(targets, scores),
        "f1": classification.f1(targets, scores, thresholds),
        "accuracy": np.mean((scores > thresholds) == (targets != 0), axis=0),
    }


# --- The PTB-XL benchmark (Strodthoff et al., IEEE JBHI 2021), github.com/helme/ecg_ptbxl_benchmarking ---------------


def challenge_scores(
    targets: Shaped[np.ndarray, "record class"], predicted: Shaped[np.ndarray, "record class"], beta: float = 2.0
) -> tuple[float, float]:
    """Macro F-beta and G-beta of decisions, as in the PhysioNet/CinC Challenge 2020.

    F weighs a missed record beta squared times as much as a false alarm, G = TP / (TP + FP + beta FN). Departs: each
    record weighs 1 / (its number of true labels).
    """
    weight = 1.0 / np.maximum(np.count_nonzero(targets, axis=1), 1)
    f_beta, g_beta = _challenge_scores(targets != 0, predicted != 0, weight, beta)
    return float(f_beta.mean()), float(g_beta.mean())


def youden_thresholds(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"]
) -> Float[np.ndarray, "class"]:
    """Per class the score that maximises sensitivity + specificity - 1 under ``>=``; of equal ones the highest.

    Departs: the released code applies it with a strict ``>`` (:func:`decide`), so the record at the threshold changes
    sides.
    """
    result = np.empty(scores.shape[1])
    for c in range(scores.shape[1]):
        positive = targets[:, c] != 0
        distinct, inverse = np.unique(scores[:, c], return_inverse=True)
        sensitivity = np.cumsum(np.bincount(inverse, positive)[::-1]) / positive.sum()
        false_alarms = np.cumsum(np.bincount(inverse, ~positive)[::-1]) / (~positive).sum()
        result[c] = distinct[::-1][np.argmax(sensitivity - false_alarms)]
    return result


def g_beta_thresholds(
    targets: Shaped[np.ndarray, "record class"], scores: Real[np.ndarray, "record class"], beta: float = 2.0
) -> Float[np.ndarray, "class"]:
    """Per class the point of a grid of 100 over [0, 1] with the highest G-beta; of equal ones the lowest.

    Departs: it is chosen on the *training* predictions there, and without the record weights of
    :func:`challenge_scores`.
    """
    grid = np.linspace(0.0, 1.0, 100)
    ones = np.ones(len(targets))
    g_beta = [_challenge_scores(targets != 0, scores > threshold, ones, beta)[1] for threshold in grid]
    return grid[np.argmax(g_beta, axis=0)]


def decide(
    scores: Real[np.ndarray, "record class"], thresholds: Float[np.ndarray, "class"]
) -> Bool[np.ndarray, "record class"]:
    """``score > threshold``, strictly; a record that no class passes is given its highest-scored class."""
    passed = scores > thresholds
    nothing = ~passed.any(axis=1)
    passed[nothing, np.argmax(scores[nothing], axis=1)] = True
    return passed


def _challenge_scores(
    truth: Bool[np.ndarray, "record class"],
    predicted: Bool[np.ndarray, "record class"],
    weight: Float[np.ndarray, "record"],
    beta: float,
) -> tuple[Float[np.ndarray, "class"], Float[np.ndarray, "class"]]:
    hit = weight @ (truth & predicted)
    false_alarm = weight @ (~truth & predicted)
    missed = weight @ (truth & ~predicted)
    f_denominator = (1 + beta**2) * hit + beta**2 * missed + false_alarm
    g_denominator = hit + false_alarm + beta * missed
    f_beta = np.divide((1 + beta**2) * hit, f_denominator, out=np.zeros_like(hit), where=f_denominator > 0)
    return f_beta, np.divide(hit, g_denominator, out=np.zeros_like(hit), where=g_denominator > 0)


def sliding_windows(samples: int, window: int = 250, stride: int = 125) -> Int[np.ndarray, "window 2"]:
    """Start and end of each window that fits whole into a recording (2.5 s every 1.25 s at 100 Hz, by default).

    Departs: what is left over at the end is never looked at. Raises DataError for a recording shorter than a window.
    """
    if samples < window:
        raise DataError(
            f"a recording of {samples} samples holds no window of {window}; pad it or take a shorter window."
        )
    starts = np.arange(0, samples - window + 1, stride)
    return np.stack([starts, starts + window], axis=1)


def aggregate_windows(
    scores: Float[np.ndarray, "window class"],
    record: Int[np.ndarray, "window"],
    how: Literal["max", "mean"] = "max",
) -> Float[np.ndarray, "record class"]:
    """One row a record, from its windows: the element-wise maximum of their probabilities, or the mean.

    ``record`` numbers the record of each window 0, 1, ...; every record has at least one. Departs: no single window,
    and so no moment of the recording, need have scored as the record does.
    """
    records = int(record.max()) + 1
    counts = np.bincount(record, minlength=records)
    if (counts == 0).any():
        raise DataError(f"record {int(np.argmin(counts))} has no window; number the records 0 to {records - 1}.")
    result = np.full((records, scores.shape[1]), -np.inf if how == "max" else 0.0)
    if how == "max":
        np.maximum.at(result, record, scores)
        return result
    np.add.at(result, record, scores)
    return result / counts[:, None]


def rejection_bootstrap(
    targets: Shaped[np.ndarray, "record class"], replicates: int = 100, seed: int = 0
) -> Int[np.ndarray, "replicate record"]:
    """Record indices drawn with replacement, keeping only draws in which every class has a positive.

    Departs: records, not patients, are drawn, and only favourable draws are kept (about one in ten for the 71
    statements). Drawn from NumPy's legacy generator, as there. Raises DataError for a class without a positive, which
    no draw could mend.
    """
    if not np.any(targets, axis=0).all():
        raise DataError("a class has no positive record, so that every draw would be rejected; leave the class out.")
    legacy = np.random.RandomState(seed)
    kept: list[np.ndarray] = []
    while len(kept) < replicates:
        drawn = legacy.randint(0, len(targets), len(targets))
        if np.any(targets[drawn], axis=0).all():
            kept.append(drawn)
    return np.array(kept)


def macro_auroc_interval_90(
    targets: Shaped[np.ndarray, "record class"],
    scores: Real[np.ndarray, "record class"],
    draws: Int[np.ndarray, "replicate record"],
) -> Interval:
    """The 5 % and 95 % quantiles of macro AUROC over the draws of :func:`rejection_bootstrap`.

    Departs: it is printed as a 95 % interval there, and is one of 90 %.
    """
    values = [float(classification.macro(classification.auroc(targets[d], scores[d]))) for d in draws]
    low, high = np.quantile(values, [0.05, 0.95])
    return Interval(float(low), float(high))
