"""Processing steps of whole recordings, by name and in order: ``InputSpec.filters``.

Filters are those of :mod:`bench.signals.filters` (``highpass:0.5``). Next to them:

``clip:4``
    every sample to at most 4 times the root mean square of the recording;
``als:1e7:0.3:5``
    a baseline by asymmetric least squares, subtracted lead by lead: smoothness, asymmetry, iterations;
``median:0.4``
    the running median over 0.4 s, zeros beyond both ends, subtracted lead by lead (ECGFounder's baseline);
``fir:0.05:47``
    a band-pass of ``0.3 fs`` taps (Hamming window), forwards and backwards with scipy's short ends (HuBERT-ECG);
``zscore-groups``
    mean 0 and variance 1 within each of I-III, aVR-aVF and V1-V6.

The three together, in this order, are MMCL's cleaning (Turgut et al., Medical Image Analysis 2025, IV-A, and its code).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from bench.errors import ConfigError
from bench.signals.filters import FILTERS, apply_filters, design
from bench.signals.leads import LEADS

MMCL = ("clip:4", "als:1e7:0.3:5", "zscore-groups")
"""MMCL's cleaning: clipping at 4 SD, ALS with lambda 1e7, p 0.3 and 5 iterations, z-score by group of leads."""

GROUPS = (slice(0, 3), slice(3, 6), slice(6, 12))
"""Of ``LEADS``: Einthoven's, Goldberger's and Wilson's leads, which MMCL scales apart (IV-A)."""

_VALUES = {
    "clip": (1, "4"),
    "als": (3, "1e7:0.3:5"),
    "median": (1, "0.4"),
    "fir": (2, "0.05:47"),
    "zscore-groups": (0, ""),
}
"""Name -> how many numbers follow it, and an example."""


def check(name: str, fs: float) -> None:
    """Refuse a step that cannot be taken at ``fs`` Hz.

    Raises:
        UnknownName: there is no such step. ConfigError: its numbers are wrong.
    """
    kind = name.partition(":")[0]
    if kind in _VALUES:
        _numbers(name)
    else:
        design(name, fs)


def looks_across_leads(names: Sequence[str]) -> bool:
    """Whether a step reads several leads at once, so that its outcome depends on which leads are available."""
    return any(name.partition(":")[0] in ("clip", "zscore-groups") for name in names)


def prepare_signal(
    signal: Float[np.ndarray, "*batch lead time"],
    fs: float,
    names: Sequence[str],
    available: Bool[np.ndarray, " lead"] | None = None,
) -> Float[np.ndarray, "*batch lead time"]:
    """Take the named steps, one after another.

    Args:
        signal: mV, twelve leads in ``LEADS`` order; a sample that is NaN counts as zero, as in MMCL's code.
        fs: Hz.
        names: as in the module's description.
        available: leads that take part in what is computed over several; all by default. The others come out as zero.
    """
    result = np.nan_to_num(signal.astype(np.float64), nan=0.0)
    part = np.ones(signal.shape[-2], bool) if available is None else available
    result[..., ~part, :] = 0
    for name in names:
        kind = name.partition(":")[0]
        if kind == "clip":
            result = clip_deviations(result, _numbers(name)[0], part)
        elif kind == "als":
            smoothness, asymmetry, iterations = _numbers(name)
            result = result - als_baseline(result, smoothness, asymmetry, int(iterations))
        elif kind == "median":
            result = result - running_median(result, _numbers(name)[0] * fs)
        elif kind == "fir":
            result = fir_bandpass(result, fs, *_numbers(name))
        elif kind == "zscore-groups":
            result = zscore_groups(result, part)
        else:
            result = apply_filters(result, fs, (name,))
    return result.astype(signal.dtype)


def clip_deviations(
    signal: Float[np.ndarray, "*batch lead time"], deviations: float, available: Bool[np.ndarray, " lead"]
) -> Float[np.ndarray, "*batch lead time"]:
    """Limit samples to ``deviations`` population SDs of the whole recording, around zero and not around its mean.

    Source: MMCL's code, 4 SD, before the baseline is removed.
    """
    limit = deviations * signal[..., available, :].std(axis=(-2, -1), keepdims=True)
    return np.clip(signal, -limit, limit)


def running_median(signal: Float[np.ndarray, "*batch time"], samples: float) -> Float[np.ndarray, "*batch time"]:
    """The median over a window of an odd number of samples around each; beyond both ends the signal is zero."""
    from scipy.signal import medfilt

    width = int(samples) + (int(samples) + 1) % 2
    flat = np.ascontiguousarray(signal, np.float64).reshape(-1, signal.shape[-1])
    return np.stack([medfilt(row, width) for row in flat]).reshape(signal.shape)


def fir_bandpass(
    signal: Float[np.ndarray, "*batch time"], fs: float, low: float, high: float
) -> Float[np.ndarray, "*batch time"]:
    """A band-pass by an odd number of about ``0.3 fs`` coefficients, run both ways."""
    from scipy.signal import filtfilt, firwin

    if not low < high < fs / 2:
        raise ConfigError(
            f"signal step fir:{low:g}:{high:g} at {fs:g} Hz: expected two rising numbers below {fs / 2:g}."
        )
    taps = int(0.3 * fs) + (int(0.3 * fs) + 1) % 2
    ends = min(3 * taps, signal.shape[-1] - 1)
    return filtfilt(firwin(taps, [low, high], pass_zero=False, fs=fs), [1.0], signal, axis=-1, padlen=ends)


def als_baseline(
    signal: Float[np.ndarray, "*batch time"], smoothness: float = 1e7, asymmetry: float = 0.3, iterations: int = 5
) -> Float[np.ndarray, "*batch time"]:
    """The slow course of a signal, by asymmetric least squares.

    The curve that minimises the weighted squared distance to the signal plus ``smoothness`` times its squared second
    differences; samples above it weigh ``asymmetry``, samples below it the rest, and it is found again from the new weights.

    Source: Eilers and Boelens, "Baseline correction with asymmetric least squares smoothing", 2005, which MMCL's code
    implements with these values (its paper cites airPLS).
    """
    from scipy.linalg import solveh_banded

    time = signal.shape[-1]
    if time < 3:
        return signal.copy()
    penalty = np.zeros((3, time))  # of D'D, D the second differences, as solveh_banded wants it: the diagonal last
    second_difference = (1.0, -2.0, 1.0)
    for i in range(3):
        for j in range(i, 3):
            penalty[2 - (j - i), j : time - 2 + j] += smoothness * second_difference[i] * second_difference[j]
    flat = np.ascontiguousarray(signal, np.float64).reshape(-1, time)
    baselines = np.empty_like(flat)
    for row, values in enumerate(flat):
        weights = np.ones(time)
        for _ in range(iterations):
            system = penalty.copy()
            system[2] += weights
            baseline = solveh_banded(system, weights * values, check_finite=False)
            weights = np.where(values > baseline, asymmetry, 1 - asymmetry)
        baselines[row] = baseline
    return baselines.reshape(signal.shape)


def zscore_groups(
    signal: Float[np.ndarray, "*batch lead time"], available: Bool[np.ndarray, " lead"]
) -> Float[np.ndarray, "*batch lead time"]:
    """Mean 0 and population variance 1 over the available leads of each group; absent leads and flat groups are zero."""
    scaled = np.zeros_like(signal)
    for group in GROUPS:
        rows = np.arange(len(LEADS))[group]
        rows = rows[available[rows]]
        if len(rows):
            chosen = signal[..., rows, :]
            mean = chosen.mean(axis=(-2, -1), keepdims=True)
            scaled[..., rows, :] = (chosen - mean) / np.sqrt(chosen.var(axis=(-2, -1), keepdims=True) + 1e-12)
    return scaled


def _numbers(name: str) -> list[float]:
    kind, *texts = name.split(":")
    count, example = _VALUES[kind]
    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = []
    good = len(texts) == len(values) == count and all(0 < value < np.inf for value in values)
    if kind == "als" and good:
        good = values[1] < 1 and values[2] == int(values[2])
    if not good:
        raise ConfigError(
            f"signal step {name!r}: expected {kind + ':' + example if example else kind}"
            f"{', numbers above 0 (als: smoothness, asymmetry below 1, whole number of iterations)' if count else ''}. "
            f"Filters such as {next(iter(FILTERS))}:0.5 are also possible."
        )
    return values
