"""Sensitivity at a specificity, specificity at a sensitivity, and net benefit at a threshold of risk.

The operating points are read off the ROC curve of the scored records, as AUROC is: they describe the ranking and carry no
threshold to other records. The sensitivity at 90 % specificity is the highest among the thresholds that spare at least 90 %
of the negatives; without interpolation. Net benefit (Vickers and Elkin, Med Decis Making 2006) is of probabilities that
were calibrated on validation records: true positives minus false positives times t / (1 - t), per record.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from bench.kinds.clinical_metrics import LEVELS, THRESHOLDS
from bench.scoring.weighted import Ranked


def operating_points(
    ranked: Ranked, weights: Shaped[np.ndarray, "record replicate"]
) -> dict[str, Float[np.ndarray, " replicate"]]:
    """The points of one class in every draw, and its average precision; NaN without a positive or a negative.

    Args:
        ranked: records by falling score, which are positive, which are the last of their score.
        weights: how much each record counts.
    """
    from bench.scoring.operating_kernel import operating_points as fill

    count = weights.shape[1]
    sensitivity, specificity = np.empty((len(LEVELS), count)), np.empty((len(LEVELS), count))
    auprc = np.empty(count)
    fill(weights, *ranked, np.array(LEVELS, _type_of_sums(weights)), sensitivity, specificity, auprc)
    return {
        **{f"sensitivity_at_specificity_{percent}": sensitivity[i] for i, percent in enumerate(LEVELS)},
        **{f"specificity_at_sensitivity_{percent}": specificity[i] for i, percent in enumerate(LEVELS)},
        "auprc": auprc,
    }


def _type_of_sums(weights: Shaped[np.ndarray, "record replicate"]) -> type:
    """The smallest type that holds a hundred times the sum: the smaller, the more replicates are added at once."""
    if not np.issubdtype(weights.dtype, np.integer):
        return np.float64
    return np.int32 if 100 * 255 * len(weights) < 2**31 and weights.dtype == np.uint8 else np.int64


def benefits(
    target: Float[np.ndarray, " record"],
    probability: Float[np.ndarray, " record"],
    thresholds: Shaped[np.ndarray, " threshold"],
) -> Float[np.ndarray, "record threshold"]:
    """What each record adds to net benefit at each threshold of risk (a share): 1, -t / (1 - t), or 0 where one does not act.

    The mean over records is the net benefit.
    """
    odds = thresholds / (1 - thresholds)
    acts = probability[:, None] >= thresholds
    return np.where(acts, np.where(target[:, None] != 0, 1.0, -odds), 0.0)


RISKS = np.array(THRESHOLDS) / 100
