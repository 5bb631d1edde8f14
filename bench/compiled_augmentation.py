"""Augmentations of batches of signals and images, compiled: what takes torch a pass over memory for every step, in one.

Each kernel works on the records ``begin`` to ``end`` of its arguments, so that :func:`over_records` can share a batch among
threads; what a record becomes does not depend on how many there are. :mod:`methods.augment` and
:mod:`methods.image_augment` hold the formulas in torch and call these for float32 on a processor without gradients; their
tests hold the two to one another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numba
import numpy as np
from scipy import fft


def over_records(kernel: Callable[..., None], records: int, threads: int, *arguments: object) -> None:
    """``kernel(begin, end, *arguments)`` over all records, a share in each thread."""
    edges = [records * k // threads for k in range(threads + 1)]
    # Threads are made anew: a pool would be dead in a process that was forked from this one.
    others = [
        threading.Thread(target=kernel, args=(first, last, *arguments))
        for first, last in zip(edges[1:-1], edges[2:], strict=True)
    ]
    for thread in others:
        thread.start()
    kernel(0, edges[1], *arguments)
    for thread in others:
        thread.join()


@numba.njit(cache=True, nogil=True, error_model="numpy")
def arrange(begin, end, signals, pieces, gains, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, lead, out] with pieces of ``signals``, one after another, times a gain.

    Args:
        signals: float32 [record, lead, time].
        pieces: int64 [record, piece, 2], where each begins and how long it is; negative where it begins means zeros, a
            negative length that it is read backwards (from where it ends).
        gains: float32 [record, lead].
    """
    for i in range(begin, end):
        for lead in range(signals.shape[1]):
            row, out, gain = signals[i, lead], found[i, lead], gains[i, lead]
            at = 0
            for p in range(pieces.shape[1]):
                start, length = pieces[i, p, 0], pieces[i, p, 1]
                if start < 0:
                    out[at : at + length] = np.float32(0)
                elif length >= 0:
                    part, to = row[start : start + length], out[at : at + length]
                    for t in range(length):
                        to[t] = part[t] * gain
                else:
                    length = -length
                    part, to = row[start : start + length], out[at : at + length]
                    for t in range(length):
                        to[t] = part[length - 1 - t] * gain
                at += length


@numba.njit(cache=True, nogil=True, error_model="numpy")
def interpolate(begin, end, signals, position, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, lead, out] with ``signals`` float32 [record, lead, time] at fractional samples.

    ``position`` float32 [record, out] is the same for all leads of a record and lies within 0 and time - 1.
    """
    _, leads, time = signals.shape
    count = position.shape[1]
    left, weight = np.empty(count, np.uint32), np.empty(count, np.float32)
    last = np.int32(max(time - 2, 0))
    for i in range(begin, end):
        for t in range(count):
            whole = min(np.int32(position[i, t]), last)
            left[t] = whole
            weight[t] = position[i, t] - np.float32(whole)
        for lead in range(leads):
            row, out = signals[i, lead], found[i, lead]
            if time == 1:
                out[:] = row[0]
                continue
            following = row[1:]
            for t in range(count):
                out[t] = row[left[t]] * (np.float32(1) - weight[t]) + following[left[t]] * weight[t]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def bend(begin, end, signals, factor, wave, gains, found):  # pragma: no cover - compiled
    """Fill ``found`` with ``signals * factor + gains * wave``: curves [record, time], gains [record, lead]."""
    for i in range(begin, end):
        times, plus = factor[i if len(factor) > 1 else 0], wave[i if len(wave) > 1 else 0]
        for lead in range(signals.shape[1]):
            row, out, gain = signals[i, lead], found[i, lead], gains[i, lead]
            for t in range(len(row)):
                out[t] = row[t] * times[t] + gain * plus[t]


LANES = 64
"""Generators that run side by side; as vector instructions they take the time of a few."""

_LOG = tuple(
    np.float32(c)
    for c in (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
              2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
)  # fmt: skip
_SINE = tuple(np.float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
_COSINE = tuple(np.float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
_LN2, _ROOT2, _ONE, _HALF, _TWO = (np.float32(c) for c in (np.log(2), np.sqrt(2), 1, 0.5, 2))
_TO_ANGLE = np.float32(np.pi / 4 / 2**23)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def noise(begin, end, signals, seed, relative, strength, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, sample] with ``signals`` and normal numbers: x + strength n, or x (1 + strength n).

    Each record has generators of its own, seeded by ``seed`` and its place: xoroshiro128+ (Blackman and Vigna, ACM TOMS
    2021) for 24 bits of radius and 26 of angle, made normal after Box and Muller. Logarithm, sine and cosine are the
    polynomials of Cephes in float32 (error below 2e-7), which become vector instructions where a library call does not.
    """
    samples, scale = signals.shape[1], np.float32(strength)
    first, second = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    whole, angle = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    sign, swapped = np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    bits, exponent, mantissa_bits = whole.view(np.int32), np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    mantissa = mantissa_bits.view(np.float32)
    drawn = np.empty(2 * LANES, np.float32)
    for i in range(begin, end):
        for lane in range(LANES):
            place = np.uint64(seed) + np.uint64(i * LANES + lane) * np.uint64(0xD1342543DE82EF95)
            first[lane], second[lane] = _mixed(place), _mixed(place ^ np.uint64(0x9E3779B97F4A7C15))
        row, out = signals[i], found[i]
        for start in range(0, samples, 2 * LANES):
            for lane in range(LANES):
                a, b = first[lane], second[lane]
                number = a + b
                b ^= a
                first[lane] = ((a << np.uint64(24)) | (a >> np.uint64(40))) ^ b ^ (b << np.uint64(16))
                second[lane] = (b << np.uint64(37)) | (b >> np.uint64(27))
                whole[lane] = np.float32(np.int32(number >> np.uint64(40)) + np.int32(1))
                angle[lane] = (
                    np.float32(np.int32((number >> np.uint64(16)) & np.uint64(0xFFFFFF)) - np.int32(2**23)) * _TO_ANGLE
                )
                sign[lane] = np.float32(np.int32((number >> np.uint64(14)) & np.uint64(2)) - np.int32(1))
                swapped[lane] = np.int32((number >> np.uint64(14)) & np.uint64(1))
            for lane in range(LANES):
                exponent[lane] = np.float32((bits[lane] >> 23) - 151)  # 127, and 24 for the range of the whole number
                mantissa_bits[lane] = (bits[lane] & 0x7FFFFF) | 0x3F800000
            for lane in range(LANES):
                m, e = mantissa[lane], exponent[lane]
                upper = m > _ROOT2
                x = (m * _HALF if upper else m) - _ONE
                e = e + _ONE if upper else e
                square = x * x
                y = _LOG[0] * x + _LOG[1]
                y = y * x + _LOG[2]
                y = y * x + _LOG[3]
                y = y * x + _LOG[4]
                y = y * x + _LOG[5]
                y = y * x + _LOG[6]
                y = y * x + _LOG[7]
                y = y * x + _LOG[8]
                logarithm = x + (y * x * square - _HALF * square) + e * _LN2
                radius = np.sqrt(max(-_TWO * logarithm, np.float32(0))) * scale
                theta = angle[lane]
                square = theta * theta
                sine = ((_SINE[0] * square + _SINE[1]) * square + _SINE[2]) * square * theta + theta
                cosine = ((_COSINE[0] * square + _COSINE[1]) * square + _COSINE[2]) * square * square
                cosine = (cosine - _HALF * square + _ONE) * sign[lane]
                drawn[lane] = radius * (sine if swapped[lane] else cosine)
                drawn[LANES + lane] = radius * (cosine if swapped[lane] else sine)
            count = min(2 * LANES, samples - start)
            part, to = row[start : start + count], out[start : start + count]
            if relative:
                for t in range(count):
                    to[t] = part[t] + part[t] * drawn[t]
            else:
                for t in range(count):
                    to[t] = part[t] + drawn[t]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mixed(x):  # pragma: no cover - compiled
    """SplitMix64's finaliser (Steele et al., OOPSLA 2014): neighbouring seeds become unrelated numbers."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def filter_spectrum(begin: int, end: int, signals: np.ndarray, response: np.ndarray, found: np.ndarray) -> None:
    """Fill ``found`` float32 [record, lead, time] with what has ``response`` complex64 [record, 1, frequency] times the
    spectrum of ``signals``: a few records at a time, whose spectra then stay in the processor's cache."""
    for i in range(begin, end, 4):
        part = slice(i, min(i + 4, end))
        spectrum = fft.rfft(signals[part])
        spectrum *= response[part]
        found[part] = fft.irfft(spectrum, n=signals.shape[-1], overwrite_x=True)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def move_images(begin, end, images, matrices, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, channel, row, column] with ``images`` at other places, by bilinear interpolation.

    ``matrices`` float64 [record, 2, 3] take (column, row, 1) of a pixel of ``found`` to where it is read, in pixels of
    ``images``. Outside of them it is black.
    """
    _, channels, height, width = images.shape
    rows, columns = found.shape[2:]
    framed = np.zeros((channels, (height + 2) * (width + 2)), np.float32)  # a black frame, so that no pixel is outside
    corner, weights = np.empty(columns, np.uint32), np.empty((4, columns), np.float32)
    one = np.float32(1)
    for i in range(begin, end):
        for channel in range(channels):
            for row in range(height):
                inside = (row + 1) * (width + 2) + 1
                framed[channel, inside : inside + width] = images[i, channel, row]
        across, down = matrices[i, 0], matrices[i, 1]
        for row in range(rows):
            for column in range(columns):
                x = across[0] * column + across[1] * row + across[2]
                y = down[0] * column + down[1] * row + down[2]
                x, y = min(max(x, -1.0), float(width)) + 1, min(max(y, -1.0), float(height)) + 1
                left, top = min(np.int32(x), np.int32(width)), min(np.int32(y), np.int32(height))
                right, below = np.float32(x - left), np.float32(y - top)
                corner[column] = top * np.int32(width + 2) + left
                weights[0, column] = (one - right) * (one - below)
                weights[1, column] = right * (one - below)
                weights[2, column] = (one - right) * below
                weights[3, column] = right * below
            for channel in range(channels):
                out, upper = found[i, channel, row], framed[channel]
                beside, lower, opposite = upper[1:], upper[width + 2 :], upper[width + 3 :]
                for column in range(columns):
                    k = corner[column]
                    out[column] = (
                        upper[k] * weights[0, column]
                        + beside[k] * weights[1, column]
                        + lower[k] * weights[2, column]
                        + opposite[k] * weights[3, column]
                    )


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def jitter_colours(begin, end, images, factors, grey, found):  # pragma: no cover - compiled
    """Fill ``found`` float32 [record, 3, pixel] with ``images`` of other brightness, contrast and saturation.

    ``factors`` float32 [record, 3], in that order; ``grey`` float32 [3] weighs the channels.
    """
    zero, one = np.float32(0), np.float32(1)
    pixels = images.shape[2]
    for i in range(begin, end):
        brightness, contrast, saturation = factors[i]
        total = 0.0
        for channel in range(3):
            row, out, part = images[i, channel], found[i, channel], zero
            for p in range(pixels):
                value = min(max(row[p] * brightness, zero), one)
                out[p] = value
                part += value
            total += np.float64(part) * np.float64(grey[channel])
        middle = np.float32(total / pixels)
        a, b, c = found[i, 0], found[i, 1], found[i, 2]
        for p in range(pixels):
            x = min(max(middle + contrast * (a[p] - middle), zero), one)
            y = min(max(middle + contrast * (b[p] - middle), zero), one)
            z = min(max(middle + contrast * (c[p] - middle), zero), one)
            plain = grey[0] * x + grey[1] * y + grey[2] * z
            a[p] = min(max(plain + saturation * (x - plain), zero), one)
            b[p] = min(max(plain + saturation * (y - plain), zero), one)
            c[p] = min(max(plain + saturation * (z - plain), zero), one)
