"""Noise on electrodes, added at an exact signal-to-noise ratio.

Each electrode gets independent noise, and the leads follow from their definitions, so that Einthoven's and Goldberger's
relations hold in the noise as they do in a recorder. Spectra are models (the MIT-BIH Noise Stress Test Database, PhysioNet,
has recorded noise; :class:`RecordedNoise` reads it): baseline wander below 0.5 Hz falls with the square of the frequency
(breathing); muscle noise is flat from 20 to 150 Hz in bursts; electrode motion is steps that decay within a second and
wander from 0.5 to 10 Hz.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from bench.corruptions.electrodes import ELECTRODES, leads
from bench.errors import DataError

MAINS = (50.0, 60.0)
"""Hz; a recording gets one of them."""

Noise = Callable[[np.random.Generator, int, float], Float[np.ndarray, "electrode time"]]
"""(generator, samples, Hz) -> noise of any size."""


def add_noise(
    signal: Float[np.ndarray, "lead time"], noise: Float[np.ndarray, "electrode time"], decibels: float
) -> Float[np.ndarray, "lead time"]:
    """The recording with noise at a signal-to-noise ratio.

    The ratio is of powers over all leads that are not flat and all samples, each lead's mean taken off. Flat leads stay flat,
    and a recording in which all leads are flat stays as it is.
    """
    active = signal.std(axis=1) > 0
    added = leads(noise)
    added[~active] = 0
    power, of_noise = (float(np.var(part[active].astype(np.float64), axis=1).sum()) for part in (signal, added))
    if not power or not of_noise:
        return signal.copy()
    scale = np.sqrt(power / of_noise / 10 ** (decibels / 10))
    return (signal + scale * added).astype(signal.dtype)


def _shaped(
    rng: np.random.Generator, n: int, fs: float, gain: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, "electrode time"]:
    """Gaussian noise whose amplitude spectrum is ``gain`` of the frequency; twice as long before it is cut, so that its end
    does not continue at its beginning."""
    white = np.fft.rfft(rng.standard_normal((len(ELECTRODES), 2 * n)))
    return np.fft.irfft(white * gain(np.fft.rfftfreq(2 * n, 1 / fs)), 2 * n)[:, :n]


def baseline_wander(rng: np.random.Generator, n: int, fs: float) -> Float[np.ndarray, "electrode time"]:
    return _shaped(rng, n, fs, lambda f: np.where(f <= 0.5, 1 / np.maximum(f, 0.05), 0) * (f > 0))


def muscle(rng: np.random.Generator, n: int, fs: float) -> Float[np.ndarray, "electrode time"]:
    top = min(150.0, fs / 2)
    hum = _shaped(rng, n, fs, lambda f: ((f >= min(20.0, top / 2)) & (f <= top)).astype(float))
    bursts = _shaped(rng, n, fs, lambda f: (f < 1.0).astype(float))
    return hum * np.exp(bursts / np.maximum(bursts.std(axis=1, keepdims=True), 1e-12))


def electrode_motion(rng: np.random.Generator, n: int, fs: float) -> Float[np.ndarray, "electrode time"]:
    wander = _shaped(rng, n, fs, lambda f: np.where((f >= 0.5) & (f <= 10), 1 / np.maximum(f, 0.5), 0))
    wander /= np.maximum(wander.std(axis=1, keepdims=True), 1e-12)
    kicks = rng.standard_normal(wander.shape) * (rng.random(wander.shape) < 0.5 / fs)  # one in two seconds
    decay = np.exp(-np.arange(min(n, round(2 * fs))) / (0.3 * fs))
    steps = np.stack([np.convolve(row, decay)[:n] for row in kicks])
    return wander + 4 * steps


def mains(rng: np.random.Generator, n: int, fs: float) -> Float[np.ndarray, "electrode time"]:
    """50 or 60 Hz; where the rate is too low to hold it, its alias, as a recorder without a filter shows it."""
    phase = rng.uniform(0, 2 * np.pi, (len(ELECTRODES), 1))
    size = rng.uniform(0.5, 1.5, (len(ELECTRODES), 1))
    return size * np.sin(2 * np.pi * rng.choice(MAINS) * np.arange(n) / fs + phase)


def gaussian(rng: np.random.Generator, n: int, fs: float) -> Float[np.ndarray, "electrode time"]:
    return rng.standard_normal((len(ELECTRODES), n))


class RecordedNoise:
    """The noise recordings ``bw``, ``ma`` and ``em`` of the MIT-BIH Noise Stress Test Database, from a folder.

    Each electrode gets a stretch of one of the two channels that begins anywhere.

    Raises:
        DataError: a recording is missing or cannot be read.
    """

    FILES: ClassVar[dict[str, str]] = {"baseline-wander": "bw", "muscle": "ma", "electrode-motion": "em"}

    def __init__(self, folder: Path):
        self._channels = {name: _recorded(folder / stem) for name, stem in self.FILES.items()}

    def of(self, name: str) -> Noise:
        """The noise of a corruption's name."""
        channels, recorded_at = self._channels[name]

        def noise(rng: np.random.Generator, n: int, fs: float) -> np.ndarray:
            needed = int(np.ceil(n * recorded_at / fs)) + 1
            if needed > channels.shape[1]:
                lasts = channels.shape[1] / recorded_at
                raise DataError(
                    f"{self.FILES[name]} of nstdb lasts {lasts:.0f} s, less than a recording of {n / fs:.0f} s."
                )
            at = np.arange(n) * recorded_at / fs
            rows = rng.integers(len(channels), size=len(ELECTRODES))
            starts = rng.integers(channels.shape[1] - needed + 1, size=len(ELECTRODES))
            parts = [channels[row, start : start + needed] for row, start in zip(rows, starts, strict=True)]
            return np.stack([np.interp(at, np.arange(needed), part) for part in parts])

        return noise


def _recorded(record: Path) -> tuple[Float[np.ndarray, "channel time"], float]:
    """A WFDB recording of noise, in mV without its mean, and its rate in Hz."""
    import wfdb

    if not record.with_suffix(".hea").is_file():
        raise DataError(
            f"{record}.hea is missing; expected the recordings bw, ma and em of PhysioNet's nstdb. Name the folder that "
            f"holds them with --noise FOLDER."
        )
    try:
        recorded = wfdb.rdrecord(str(record))
    except Exception as error:  # wfdb raises many kinds of error on damaged files
        raise DataError(f"{record}.hea or its signals cannot be read: {error}. Download them again.") from error
    channels = np.nan_to_num(recorded.p_signal.T)
    return channels - channels.mean(axis=1, keepdims=True), float(recorded.fs)
