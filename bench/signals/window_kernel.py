"""Windows of a store in mV and scaled, in one compiled pass: :func:`bench.signals.windows.normalise` is the same in numpy.

In numpy every step of it (gather, divide, extremes, subtract, divide) reads and writes the whole batch, which is what an
epoch then takes its time with. Here a recording's samples are read twice while they lie in the processor's cache and written
once. ``tests/bench/signals/test_window_kernel.py`` holds it to numpy: to the bit, but for z-scores, whose sums are exact
integers here and float32 there.
"""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64

HOW = {"none": 0, "minmax": 1, "zscore": 2, "zscore-lead": 3}


def scaled_windows(
    samples: Int16[np.ndarray, " sample"],
    begin: Int64[np.ndarray, " record"],
    stride: Int64[np.ndarray, " record"],
    gains: Float32[np.ndarray, "record lead"],
    length: Int64[np.ndarray, " record"],
    size: int,
    available: Bool[np.ndarray, "record lead"],
    how: str,
    epsilon: float,
) -> Float32[np.ndarray, "record lead size"]:
    """Windows of ``size`` samples, scaled over the real samples of available leads; zero elsewhere.

    Args:
        samples: the store's, all recordings one after another.
        begin: where the window of each recording begins in its first lead. stride: samples from a lead to the next.
        gains: units per mV, above zero.
        length: samples of each window that are real.
        how: a ``Normalisation``. epsilon: added to what is divided by.
    """
    scaled = np.empty((len(begin), gains.shape[1], size), np.float32)
    _fill(samples, begin, stride, gains, length, available, HOW[how], np.float32(epsilon), scaled)
    return scaled


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill(samples, begin, stride, gains, length, available, how, epsilon, out):  # pragma: no cover - compiled
    records, leads, _ = out.shape
    centre, scale = np.zeros(leads, np.float32), np.ones(leads, np.float32)
    for i in range(records):
        n, gain = length[i], gains[i]
        if how == 1:
            _minmax(samples, begin[i], stride[i], n, gain, available[i], epsilon, centre, scale)
        elif how == 2:
            _zscore(samples, begin[i], stride[i], n, gain, available[i], epsilon, centre, scale)
        elif how == 3:
            _zscore_lead(samples, begin[i], stride[i], n, gain, available[i], epsilon, centre, scale)
        for lead in range(leads):
            row = out[i, lead]
            if not available[i, lead]:
                row[:] = 0
                continue
            part = samples[begin[i] + lead * stride[i] : begin[i] + lead * stride[i] + n]
            per_mv, middle, divisor = gain[lead], centre[lead], scale[lead]
            if how == 0:
                for t in range(n):
                    row[t] = np.float32(part[t]) / per_mv
            else:
                for t in range(n):
                    row[t] = (np.float32(part[t]) / per_mv - middle) / divisor
            row[n:] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _minmax(samples, begin, stride, n, gain, available, epsilon, centre, scale):  # pragma: no cover - compiled
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for lead in range(len(gain)):
        if available[lead]:
            least, most = _extremes(samples[begin + lead * stride : begin + lead * stride + n])
            low = min(low, np.float32(least) / gain[lead])
            high = max(high, np.float32(most) / gain[lead])
    centre[:] = low
    scale[:] = high - low + epsilon


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _zscore(samples, begin, stride, n, gain, available, epsilon, centre, scale):  # pragma: no cover - compiled
    total, squares, count = 0.0, 0.0, 0
    for lead in range(len(gain)):
        if available[lead]:
            plain, squared = _sums(samples[begin + lead * stride : begin + lead * stride + n])
            total += plain / gain[lead]
            squares += squared / gain[lead] / gain[lead]
            count += n
    mean = total / count
    centre[:] = np.float32(mean)
    scale[:] = np.float32(np.sqrt(max(squares / count - mean * mean, 0.0))) + epsilon


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _zscore_lead(samples, begin, stride, n, gain, available, epsilon, centre, scale):  # pragma: no cover - compiled
    for lead in range(len(gain)):
        if available[lead]:
            plain, squared = _sums(samples[begin + lead * stride : begin + lead * stride + n])
            mean = plain / gain[lead] / n
            deviation = np.sqrt(max(squared / gain[lead] / gain[lead] / n - mean * mean, 0.0))
            centre[lead], scale[lead] = np.float32(mean), np.float32(deviation) + epsilon


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _extremes(part):  # pragma: no cover - compiled
    least, most = np.int16(32767), np.int16(-32768)
    for i in range(len(part)):  # in this form it becomes vector instructions: thirty times as fast
        value = part[i]
        least = value if value < least else least
        most = value if value > most else most
    return least, most


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sums(part):  # pragma: no cover - compiled
    plain, squared = np.int64(0), np.int64(0)
    for i in range(len(part)):
        wide = np.int64(part[i])
        plain += wide
        squared += wide * wide
    return plain, squared
