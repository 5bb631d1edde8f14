"""Measure a median beat: positions of QRS, P and T, amplitudes in every lead, and axes.

A plain recipe of our own, for recordings whose recorder reported no measurements: waves are found on all leads together
(steepness for QRS, distance from the isoelectric level for P and T), so that every lead has the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bench.signals.leads import LEADS


@dataclass(frozen=True)
class BeatMeasurements:
    """Of one beat; times in ms, amplitudes in mV, axes in degrees. NaN where a wave was not found.

    Attributes:
        p_duration, pr_interval, qrs_duration, qt_interval: ms.
        p_axis, r_axis, t_axis: frontal, from the areas in I and aVF, -180 to 180.
        q, r, s: of every lead within QRS, against the level before it; q and s are negative or 0, r positive or 0.
        r_peak: ms from the beginning of QRS to the peak of R in every lead (intrinsicoid deflection).
        late: the mean of every lead over the last 40 ms of QRS.
        st: of every lead 60 ms after the end of QRS.
        t: extreme of every lead within T.
    """

    p_duration: float
    pr_interval: float
    qrs_duration: float
    qt_interval: float
    p_axis: float
    r_axis: float
    t_axis: float
    q: Float[np.ndarray, " lead"]
    r: Float[np.ndarray, " lead"]
    s: Float[np.ndarray, " lead"]
    r_peak: Float[np.ndarray, " lead"]
    late: Float[np.ndarray, " lead"]
    st: Float[np.ndarray, " lead"]
    t: Float[np.ndarray, " lead"]


def measure_beat(beat: Float[np.ndarray, "lead time"], fs: float) -> BeatMeasurements:
    """Measure a median beat, whose QRS complex is in the middle.

    Args:
        beat: mV, twelve leads in ``LEADS`` order.
        fs: Hz.
    """
    from scipy.ndimage import uniform_filter1d

    def samples(seconds: float) -> int:
        return max(1, round(seconds * fs))

    smooth = uniform_filter1d(beat.astype(np.float64), samples(0.008), axis=-1)
    start, end = _qrs(smooth, fs)
    if start is None:
        nothing = np.full(len(beat), np.nan)
        return BeatMeasurements(*[np.nan] * 7, *[nothing] * 7)  # type: ignore[arg-type]
    smooth = smooth - smooth[:, max(0, start - samples(0.02)) : start + 1].mean(axis=1, keepdims=True)
    size = np.linalg.norm(smooth, axis=0)
    qrs = smooth[:, start : end + 1]
    peak = qrs.argmax(axis=1)
    before = np.array([row[: i + 1].min() for row, i in zip(qrs, peak, strict=True)])
    after = np.array([row[i:].min() for row, i in zip(qrs, peak, strict=True)])

    p_span = _wave(size, max(0, start - samples(0.28)), start - samples(0.012), least=0.08)
    t_span = _wave(size, end + samples(0.08), min(size.size - 1, end + samples(0.42)), least=0.1)
    j60 = min(end + samples(0.06), smooth.shape[1] - 1)
    t_wave = smooth[:, t_span[0] : t_span[1] + 1] if t_span else np.full((len(beat), 1), np.nan)
    extreme = np.abs(t_wave).argmax(axis=1) if t_span else np.zeros(len(beat), int)
    ms = 1000 / fs
    return BeatMeasurements(
        p_duration=(p_span[1] - p_span[0]) * ms if p_span else np.nan,
        pr_interval=(start - p_span[0]) * ms if p_span else np.nan,
        qrs_duration=(end - start) * ms,
        qt_interval=(t_span[1] - start) * ms if t_span else np.nan,
        p_axis=_axis(smooth, p_span),
        r_axis=_axis(smooth, (start, end)),
        t_axis=_axis(smooth, t_span),
        q=np.minimum(before, 0),
        r=np.maximum(qrs.max(axis=1), 0),
        s=np.minimum(after, 0),
        r_peak=peak * ms,
        late=qrs[:, -samples(0.04) :].mean(axis=1),
        st=smooth[:, j60],
        t=np.take_along_axis(t_wave, extreme[:, None], axis=1)[:, 0],
    )


def _qrs(smooth: np.ndarray, fs: float) -> tuple[int | None, int]:
    """First and last sample of QRS: around the steepest point, as long as steepness stays above 6 % of its peak."""
    steep = np.linalg.norm(np.gradient(smooth, axis=-1), axis=0)
    middle, reach = len(steep) // 2, round(0.1 * fs)
    window = slice(max(0, middle - reach), middle + reach)
    peak = window.start + int(steep[window].argmax())
    if not steep[peak] > 0:
        return None, 0
    quiet = steep < max(0.06 * steep[peak], 3 * float(np.median(steep)))
    run = max(1, round(0.012 * fs))  # so long must it be quiet

    def edge(step: int) -> int:
        i = peak
        while 0 < i < len(steep) - 1 and abs(i - peak) < round(0.13 * fs):
            ahead = quiet[i : i + run] if step > 0 else quiet[max(0, i - run + 1) : i + 1]
            if ahead.all():
                break
            i += step
        return i

    return edge(-1), edge(1)


def _wave(size: np.ndarray, first: int, last: int, least: float) -> tuple[int, int] | None:
    """Where a wave lies between two samples: around the largest value, down to a quarter of its height; None below
    ``least`` mV over all leads."""
    if last - first < 3:
        return None
    part = size[first : last + 1] - size[first : last + 1].min()
    peak = int(part.argmax())
    if part[peak] < least:
        return None
    below = np.flatnonzero(part < 0.25 * part[peak])
    left, right = below[below < peak], below[below > peak]
    return first + (int(left[-1]) if len(left) else 0), first + (int(right[0]) if len(right) else len(part) - 1)


def _axis(signal: np.ndarray, span: tuple[int, int] | None) -> float:
    """Frontal axis from net areas; aVF is scaled up as its lead is shorter."""
    if span is None:
        return np.nan
    area = signal[:, span[0] : span[1] + 1].sum(axis=1)
    return float(np.degrees(np.arctan2(area[LEADS.index("aVF")] * 2 / np.sqrt(3), area[LEADS.index("I")])))
