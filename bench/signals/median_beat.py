"""The median beat of a recording: QRS complexes found on all leads at once, aligned, and their median.

A plain and robust recipe of our own, for datasets that publish no median beats: steepness summed over leads finds the
complexes, correlation with a first median aligns them, and beats of another shape (ectopic ones, noise) stay out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.lib.stride_tricks import sliding_window_view

SECONDS = 1.2
"""Length of a median beat: 600 samples at 500 Hz, as in PTB-XL+ and LLM-DAN."""

REFRACTORY = 0.25
"""Seconds between two complexes at least: 240 beats a minute."""


def find_beats(signal: Float[np.ndarray, "lead time"], fs: float) -> Int[np.ndarray, " beat"]:
    """Samples at the middle of each QRS complex, ascending.

    Each lead is averaged over 20 ms, which removes mains hum and most muscle noise; the steepness of all leads is
    summed and smoothed over 80 ms, about the width of a complex. Peaks that rise 40 % of the way from the usual level
    (the median) to the typical maximum (the median over windows of 1.5 s, each of which holds a beat at 40 a minute or
    more) are complexes.
    """
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    if signal.shape[-1] < 0.2 * fs:
        return np.empty(0, np.int64)
    smooth = uniform_filter1d(signal.astype(np.float64), max(1, round(0.02 * fs)), axis=-1)
    steepness = uniform_filter1d(np.abs(np.gradient(smooth, axis=-1)).sum(axis=0), max(1, round(0.08 * fs)))
    usual = np.median(steepness)
    window = min(round(1.5 * fs), len(steepness))
    typical = np.median(steepness[: len(steepness) // window * window].reshape(-1, window).max(axis=1))
    if not typical > usual:
        return np.empty(0, np.int64)
    height = usual + 0.4 * (typical - usual)
    return find_peaks(steepness, height=height, distance=max(1, round(REFRACTORY * fs)))[0].astype(np.int64)


def median_beat(
    signal: Float[np.ndarray, "lead time"], fs: float, seconds: float = SECONDS
) -> Float[np.ndarray, "lead beat"]:
    """The median beat, its QRS complex in the middle.

    Args:
        signal: mV, the available leads only.
        seconds: length of the result.

    Returns:
        ``round(fs * seconds)`` samples, mV; zeros if no complex was found.
    """
    length = round(fs * seconds)
    beats = find_beats(signal, fs)
    if not len(beats):
        return np.zeros((signal.shape[0], length), signal.dtype)
    slack = round(0.04 * fs)
    half = length // 2
    # one extension for windows over the ends and for the search for the best alignment
    margin = length + slack
    extended = np.pad(signal, ((0, 0), (margin, margin)), mode="edge")
    offsets = np.arange(length) - half + margin
    complete = (beats >= half) & (beats + length - half <= signal.shape[-1])
    if complete.any():
        beats = beats[complete]
    windows = extended[:, beats[:, None] + offsets]  # [lead, beat, time]
    template = np.median(windows, axis=1)
    beats, likeness = _align(extended, beats, template, offsets, slack, round(0.15 * fs))
    alike = likeness >= 0.8 * np.median(likeness)
    return np.median(extended[:, beats[alike][:, None] + offsets], axis=1).astype(signal.dtype)


def _align(
    extended: np.ndarray, beats: np.ndarray, template: np.ndarray, offsets: np.ndarray, slack: int, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shift each beat by up to ``slack`` samples to where it is most like the template; (beats, correlations).

    Only the middle ``reach`` samples either side take part: T waves move with the rate, complexes do not.
    """
    middle = slice(max(0, len(offsets) // 2 - reach), len(offsets) // 2 + reach)
    pattern = _centred(template[:, middle])
    width = pattern.shape[1]
    stretch = beats[:, None] + np.arange(offsets[middle][0] - slack, offsets[middle][0] + slack + width)
    around = np.ascontiguousarray(extended[:, stretch].swapaxes(0, 1), np.float64)  # [beat, lead, time]
    around -= around.mean(axis=-1, keepdims=True)
    # the pattern is centred, so that centring the candidates too would change nothing in their product
    product = sum(sliding_window_view(around[:, k], width, axis=-1) @ pattern[k] for k in range(len(pattern)))
    total, square = (_moving_sum(values, width) for values in (around, around**2))
    energy = np.maximum(square - total**2 / width, 0).sum(axis=1)  # of the candidates, each lead centred: [beat, shift]
    norm = np.sqrt(energy) * np.linalg.norm(pattern)
    likeness = np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0)
    best = likeness.argmax(axis=1)
    return beats + best - slack, likeness[np.arange(len(beats)), best]


def _moving_sum(x: np.ndarray, width: int) -> np.ndarray:
    """Sums over every ``width`` neighbours along the last axis."""
    sums = np.cumsum(x, axis=-1)
    sums[..., width:] = sums[..., width:] - sums[..., :-width]
    return sums[..., width - 1 :]


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=-1, keepdims=True)
