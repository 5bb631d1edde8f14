"""Linear interpolation of whole batches, compiled: what ``torch.gather`` needs two index tensors of the signal's size for."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def interpolate(signals, position, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, lead, out] with ``signals`` float32 [record, lead, time] at fractional samples.

    ``position`` float32 [record, out] is the same for all leads of a record and lies within 0 and time - 1.
    """
    records, leads, time = signals.shape
    count = position.shape[1]
    left, weight = np.empty(count, np.int32), np.empty(count, np.float32)
    for i in range(records):
        for t in range(count):
            left[t] = max(min(np.int32(position[i, t]), time - 2), 0)
            weight[t] = position[i, t] - np.float32(left[t])
        step = 1 if time > 1 else 0
        for lead in range(leads):
            row, out = signals[i, lead], found[i, lead]
            for t in range(count):
                w = weight[t]
                out[t] = row[left[t]] * (np.float32(1) - w) + row[left[t] + step] * w
