"""Weighted sums over the records of one class, in one compiled pass: what its calibration and net benefit are made of."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sums(weights, rows, positive, bins, probability, values, in_bins, in_all):  # pragma: no cover - compiled
    """Add to ``in_bins``, float64 [3, bin, replicate], and ``in_all``, float64 [value, replicate].

    ``in_bins`` holds, of the records of each bin, the weight, that of positives, and the weighted sum of probabilities. A
    product with columns that are 1 in one bin and 0 in all others would do ten times the work. Sums run in the order of the
    records, so that they do not depend on how many replicates are computed at once.

    Args:
        weights: [record, replicate], integers or floats.
        rows: the records of known target; the arguments that follow have one entry per row.
        positive, bins, probability: bool, integers, float64 [row].
        values: float64 [row, value]; values of 0 cost nothing.
    """
    count = weights.shape[1]
    drawn = np.empty(count)
    for k in range(len(rows)):
        row = weights[rows[k]]
        weight, chance = in_bins[0, bins[k]], in_bins[2, bins[k]]
        for r in range(count):
            drawn[r] = row[r]
        for r in range(count):
            weight[r] += drawn[r]
        for r in range(count):
            chance[r] += drawn[r] * probability[k]
        if positive[k]:
            weight_of_positives = in_bins[1, bins[k]]
            for r in range(count):
                weight_of_positives[r] += drawn[r]
        for v in range(values.shape[1]):
            value = values[k, v]
            if value != 0.0:
                total = in_all[v]
                for r in range(count):
                    total[r] += drawn[r] * value
