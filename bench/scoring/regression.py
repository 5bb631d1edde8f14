"""Metrics of regression, per target: Pearson r, R2, RMSE and MAE.

Arrays are [record, target], in the target's own unit. A target that does not vary over the records has neither r nor
R2 (NaN); nor has r one whose predictions do not vary. A target value of NaN is unknown, and its record does not count for
that target.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "record target"]

IN_UNITS = ("rmse", "mae")
"""Metrics in the target's unit: of several targets they have no mean."""

#: A sum of squares this small next to the squared magnitudes is rounding error of a constant column.
_CONSTANT = 1e-24


def pearson_r(targets: Values, predictions: Values) -> Float[np.ndarray, " target"]:
    """The linear correlation of measured and predicted values."""
    return _every_record_once(targets, predictions)["pearson_r"]


def r2(targets: Values, predictions: Values) -> Float[np.ndarray, " target"]:
    """The share of the targets' variance that the predictions explain; negative when the targets' mean does better."""
    return _every_record_once(targets, predictions)["r2"]


def rmse(targets: Values, predictions: Values) -> Float[np.ndarray, " target"]:
    """Root mean squared error, in the target's unit."""
    return _every_record_once(targets, predictions)["rmse"]


def mae(targets: Values, predictions: Values) -> Float[np.ndarray, " target"]:
    """Mean absolute error, in the target's unit."""
    return _every_record_once(targets, predictions)["mae"]


def weighted(
    targets: Values, predictions: Values, weights: Float[np.ndarray, "record replicate"]
) -> dict[str, Float[np.ndarray, "replicate target"]]:
    """All four metrics for every replicate, from weighted moments; NaN where a replicate drew no known value."""
    unknown = np.isnan(targets)
    if unknown.any():
        columns = [~unknown[:, k] for k in range(targets.shape[1])]
        parts = [
            weighted(targets[rows, k : k + 1], predictions[rows, k : k + 1], weights[rows])
            if rows.any()
            else dict.fromkeys(("pearson_r", "r2", "rmse", "mae"), np.full((weights.shape[1], 1), np.nan))
            for k, rows in enumerate(columns)
        ]
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
    total = weights.sum(axis=0)[:, None]
    total = np.where(total > 0, total, np.nan)

    def mean(values: Values) -> Float[np.ndarray, "replicate target"]:
        return (weights.T @ values) / total

    # Moments about the overall mean keep their digits where a target is far from zero (heart volumes, say).
    y, p = targets - targets.mean(axis=0), predictions - predictions.mean(axis=0)
    variance_y = mean(y * y) - mean(y) ** 2
    variance_p = mean(p * p) - mean(p) ** 2
    covariance = mean(y * p) - mean(y) * mean(p)
    varies_y = variance_y > _CONSTANT * (targets**2).max(axis=0)
    varies_p = variance_p > _CONSTANT * (predictions**2).max(axis=0)
    squared_error = mean((targets - predictions) ** 2)
    undefined = np.full(variance_y.shape, np.nan)
    with np.errstate(invalid="ignore"):
        deviations = np.sqrt(variance_y * variance_p)
    return {
        "pearson_r": np.divide(covariance, deviations, out=undefined.copy(), where=varies_y & varies_p),
        "r2": 1.0 - np.divide(squared_error, variance_y, out=undefined, where=varies_y),
        "rmse": np.sqrt(squared_error),
        "mae": mean(np.abs(targets - predictions)),
    }


def _every_record_once(targets: Values, predictions: Values) -> dict[str, Float[np.ndarray, " target"]]:
    return {name: values[0] for name, values in weighted(targets, predictions, np.ones((len(targets), 1))).items()}
