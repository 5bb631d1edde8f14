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

    Each record costs one addition per replicate, each positive one product more: AUROC is 1 less the share of pairs in
    which a negative lies above the positive. All sums are of integers, and exact.

    Args:
        weights: unsigned integers [record, replicate], how often each record was drawn. The smaller their type, the more
            replicates are added at once.
        order: the records from the highest score to the lowest.
        positive, ends: of each place in ``order``, whether its record is positive, and whether the next one's score is
            lower. Records of one score count together.
    """
    count = weights.shape[1]
    above, above_positive = np.zeros(count, np.int32), np.zeros(count, np.int32)
    tied, tied_positive = np.zeros(count, np.int32), np.zeros(count, np.int32)
    lost_twice = np.zeros(count, np.int64)  # pairs, times two: a tie is half of one
    gained = np.zeros(count)
    together = 0
    for k in range(len(order)):
        row = weights[order[k]]
        if together == 0 and ends[k]:  # a separate score: nearly all are
            if positive[k]:
                if with_auprc:
                    for r in range(count):
                        hits = above_positive[r] + row[r]
                        # Where nothing lies at or above this score the record was not drawn, and gains nothing.
                        gained[r] += row[r] * hits / max(above[r] + row[r], 1)
                for r in range(count):
                    lost_twice[r] += 2 * np.int64(row[r]) * (above[r] - above_positive[r])
                for r in range(count):
                    above_positive[r] += row[r]
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
                negatives_above = above[r] - above_positive[r]
                lost_twice[r] += np.int64(tied_positive[r]) * (2 * negatives_above + tied[r] - tied_positive[r])
                above_positive[r] += tied_positive[r]
                above[r] += tied[r]
                if with_auprc:
                    gained[r] += np.int64(tied_positive[r]) * above_positive[r] / max(above[r], 1)
                tied[r] = tied_positive[r] = 0
            together = 0
    for r in range(count):
        pairs_twice = 2 * np.int64(above_positive[r]) * (above[r] - above_positive[r])
        auroc[r] = (pairs_twice - lost_twice[r]) / pairs_twice if pairs_twice > 0 else np.nan
        if with_auprc:
            auprc[r] = gained[r] / above_positive[r] if pairs_twice > 0 else np.nan
