"""Resample recordings: with an anti-aliasing polyphase filter, or as released models had it done."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from bench.errors import UnknownName

Resampling = Literal["polyphase", "fft", "interpolate"]


def resampled_length(length: int, from_fs: float, to_fs: float) -> int:
    """Samples that ``length`` samples at ``from_fs`` become at ``to_fs``: the duration is kept to half a sample."""
    return round(length * to_fs / from_fs)


def resample(
    signal: Float[np.ndarray, "*batch time"], from_fs: float, to_fs: float, kind: Resampling = "polyphase"
) -> Float[np.ndarray, "*batch resampled"]:
    """Resample along the last axis, all the others at once.

    ``fft`` is ``scipy.signal.resample``, which takes the recording for one period; ``interpolate`` draws straight lines
    between first and last sample, both included, without a filter. The polyphase filter is
    ``scipy.signal.resample_poly``'s: zero-phase FIR (Kaiser window, beta 5) with its cut-off at the lower of the two Nyquist
    frequencies. A line through the first and last sample is taken off and put back, so that an offset or a slow drift rings
    at neither end. The first samples of both signals coincide in time.

    Args:
        signal: any floating type, which is kept.
        from_fs, to_fs: Hz; their ratio is taken as the nearest fraction with a denominator up to 1000.

    Returns:
        exactly ``round(time * to_fs / from_fs)`` samples.
    """
    from scipy.signal import resample as resample_by_fft
    from scipy.signal import resample_poly

    length = resampled_length(signal.shape[-1], from_fs, to_fs)
    ratio = Fraction(to_fs / from_fs).limit_denominator(1000)
    if ratio == 1:
        return signal[..., :length]
    if kind not in get_args(Resampling):
        raise UnknownName("kind of resampling", kind, get_args(Resampling))
    if kind == "fft":
        return np.ascontiguousarray(resample_by_fft(signal, length, axis=-1), dtype=signal.dtype)
    if kind == "interpolate":
        return interpolated(signal, length).astype(signal.dtype)
    result = resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1, padtype="line")
    if result.shape[-1] < length:
        result = np.concatenate([result, np.repeat(result[..., -1:], length - result.shape[-1], axis=-1)], axis=-1)
    return np.ascontiguousarray(result[..., :length], dtype=signal.dtype)


def interpolated(signal: Float[np.ndarray, "*batch time"], length: int) -> Float[np.ndarray, "*batch resampled"]:
    """``length`` samples on straight lines between the given ones; first and last are those of the signal."""
    position = np.linspace(0, signal.shape[-1] - 1, length)
    before = np.minimum(position.astype(np.int64), signal.shape[-1] - 2)
    share = position - before
    return signal[..., before] * (1 - share) + signal[..., before + 1] * share
