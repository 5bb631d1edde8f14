"""Operating points of one class under many weightings, in one compiled pass down its ranked records."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def operating_points(
    weights, order, positive, ends, levels, sensitivity, specificity, auprc
):  # pragma: no cover - compiled
    """Fill ``sensitivity`` and ``specificity``, float64 [level, replicate], and ``auprc``, float64 [replicate].

    No value changes where records of one score are all negative: fewer negatives are spared there, at the same
    sensitivity. So most records of a rare class cost two additions per replicate.

    Args:
        weights: [record, replicate], integers or floats: how much each record counts.
        order, positive, ends: as in :func:`bench.scoring.ranking_kernel.areas`.
        levels: per cent, of a type that holds a hundred times the sum of a replicate's weights.
    """
    count = weights.shape[1]
    positives, negatives = np.zeros(count, levels.dtype), np.zeros(count, levels.dtype)
    for k in range(len(order)):
        total = positives if positive[k] else negatives
        row = weights[order[k]]
        for r in range(count):
            total[r] += row[r]
    above_positive, above_negative = np.zeros(count, levels.dtype), np.zeros(count, levels.dtype)
    before = np.zeros(count, levels.dtype)
    passed = np.empty((len(levels), count))
    for level in range(len(levels)):
        for r in range(count):
            sensitivity[level, r] = 0.0
            passed[level, r] = negatives[r]
    for r in range(count):
        auprc[r] = 0.0
    moved = False
    for k in range(len(order)):
        row = weights[order[k]]
        above = above_positive if positive[k] else above_negative
        for r in range(count):
            above[r] += row[r]
        moved = moved or positive[k]
        if not (ends[k] and moved):
            continue
        moved = False
        for r in range(count):
            gained = above_positive[r] - before[r]
            if gained > 0:
                auprc[r] += gained * above_positive[r] / (above_positive[r] + above_negative[r])
            before[r] = above_positive[r]
        for level in range(len(levels)):
            wanted, spared = levels[level], 100 - levels[level]
            best, lost = sensitivity[level], passed[level]
            for r in range(count):
                few = 100 * above_negative[r] <= spared * negatives[r]
                best[r] = above_positive[r] if few else best[r]
                enough = 100 * above_positive[r] >= wanted * positives[r]
                lost[r] = min(lost[r], above_negative[r]) if enough else lost[r]
    for r in range(count):
        scored = positives[r] > 0 and negatives[r] > 0
        auprc[r] = auprc[r] / positives[r] if scored else np.nan
        for level in range(len(levels)):
            sensitivity[level, r] = sensitivity[level, r] / positives[r] if scored else np.nan
            specificity[level, r] = 1 - passed[level, r] / negatives[r] if scored else np.nan
