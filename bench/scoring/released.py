"""Metrics as published code computes them, where they differ from this benchmark's protocol.

The modes that repeat a published protocol call them. Each says what it does that :mod:`bench.scoring.score` does not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Real, Shaped

from bench.errors import DataError
from bench.scoring import classification

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


def aggregate_windows(
    scores: Float[np.ndarray, "window class"],
    record: Int[np.ndarray, " window"],
    how: Literal["max", "mean"] = "max",
) -> Float[np.ndarray, "record class"]:
    """One row per record, from its windows: the element-wise maximum of their probabilities, or the mean.

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
