"""AUROC and average precision of one class under many weightings, in one compiled pass down its ranked records.

A board of 40 methods and 24 columns asks for five million of these. ``tests/bench/scoring/test_bootstrap_replicates.py``
holds them to scikit-learn's ``sample_weight`` and to the plain formulas of :mod:`bench.scoring.classification`.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def areas(weights, order, positive, ends, auroc, auprc, with_auprc):  # pragma: no cover - compiled
    """Fill ``auroc`` and, if asked for, ``auprc``, both float64 [replicate].

    Args:
        weights: float64 [record, replicate], how often each record was drawn.
        order: the records from the highest score to the lowest.
        positive, ends: of each place in ``order``, whether its record is positive, and whether the next one's score is
            lower. Records of one score count together.
    """
    count = weights.shape[1]
    won, above_positive, above = np.zeros(count), np.zeros(count), np.zeros(count)
    tied_positive, tied, gained = np.zeros(count), np.zeros(count), np.zeros(count)
    together = 0
    for k in range(len(order)):
        row = weights[order[k]]
        if together == 0 and ends[k]:  # a separate score: nearly all are
            if positive[k]:
                if with_auprc:
                    for r in range(count):
                        hits = above_positive[r] + row[r]
                        # Where nothing lies at or above this score the record was not drawn, and gains nothing.
                        gained[r] += row[r] * hits / max(above[r] + row[r], 1.0)
                for r in range(count):
                    above_positive[r] += row[r]
            else:
                for r in range(count):
                    won[r] += row[r] * above_positive[r]
            for r in range(count):
                above[r] += row[r]
            continue
        together += 1
        for r in range(count):
            tied[r] += row[r]
        if positive[k]:
            for r in range(count):
                tied_positive[r] += row[r]
        if ends[k]:
            for r in range(count):
                won[r] += (tied[r] - tied_positive[r]) * (above_positive[r] + 0.5 * tied_positive[r])
                above_positive[r] += tied_positive[r]
                above[r] += tied[r]
                if with_auprc:
                    gained[r] += tied_positive[r] * above_positive[r] / max(above[r], 1.0)
                tied[r] = tied_positive[r] = 0.0
            together = 0
    for r in range(count):
        negatives = above[r] - above_positive[r]
        scored = above_positive[r] > 0 and negatives > 0
        auroc[r] = won[r] / (above_positive[r] * negatives) if scored else np.nan
        if with_auprc:
            auprc[r] = gained[r] / above_positive[r] if scored else np.nan
