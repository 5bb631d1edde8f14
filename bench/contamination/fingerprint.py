"""Fingerprints of recordings: the rate of change of the electrical activity over time, independent of lead names and scale.

A recording's fingerprint is one curve of 50 samples per second, one byte each (500 bytes for ten seconds). Every lead is
band-passed around the QRS complex, scaled to unit strength and squared; the mean over leads, compressed by a fourth root and
smoothed, is the curve. By its making it does not depend on the order, names, signs or gains of the leads, nor on the
sampling rate, offset, baseline, or anything above 25 Hz; a trimmed recording has the curve of what remains of it, at
another place. :mod:`bench.contamination.match` finds one such curve within another.

It tells when each beat came and what noise lay between, to a few milliseconds, which no other recording of the same
patient repeats. It cannot be turned back into an ECG, so that fingerprints of records that must not be shared can be.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from bench.errors import DataError
from bench.progress import track
from bench.signals.store import SignalStore
from bench.storage.artifacts import digest, once
from bench.storage.code_digest import module_digest

RATE = 50
"""Samples of a fingerprint a second. The curve is smooth on that scale, so that values between samples are known."""

CENTRE = 7.0
"""Hz: the spread of the Gaussian whose second derivative is the filter, which passes most at 1.4 times that. QRS complexes
stand out, P and T waves are there; baseline and mains are not, and the ends reach 0.1 s into the recording."""

ENERGY_RATE = 100
"""Hz at which the filtered leads (nothing above 25 Hz is left) are squared without folding over."""

EDGE = 0.1
"""Seconds at either end that the ends themselves shape, and which no fingerprint holds."""

SMOOTHING = 0.015
"""Seconds: spread of the Gaussian that smooths the curve."""

FAINT = 0.01
"""A lead of less than this share of the median lead's power weighs less: it may hold rounding noise alone."""

CHUNK = 16
"""Recordings filtered at a time: what the processor's cache holds."""


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of some recordings, one after the other.

    Attributes:
        values: all curves in a row.
        offsets: where each begins, and where the last ends. One without any lead that varies is empty.
    """

    values: UInt8[np.ndarray, " sample"]
    offsets: Int64[np.ndarray, " recordings_and_one"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64[np.ndarray, " record"]:
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> UInt8[np.ndarray, " time"]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: np.ndarray) -> Fingerprints:
        """Those of some rows, in that order."""
        return Fingerprints.joined([self[int(row)] for row in rows])

    @classmethod
    def joined(cls, curves: list[np.ndarray]) -> Fingerprints:
        offsets = np.cumsum([0, *(len(curve) for curve in curves)], dtype=np.int64)
        return cls(np.concatenate(curves) if curves else np.empty(0, np.uint8), offsets)


def fingerprint(signal: Float[np.ndarray, "record lead time"], fs: float) -> list[UInt8[np.ndarray, " curve"]]:
    """The fingerprints of recordings of one length.

    Args:
        signal: in any unit; a lead that is constant counts as absent.
        fs: Hz.
    """
    energy = _energy(np.asarray(signal, np.float32), fs)
    edge = round(EDGE * ENERGY_RATE)
    step = ENERGY_RATE // RATE
    if energy.shape[1] <= 2 * edge + step:
        return [np.empty(0, np.uint8)] * len(energy)
    from scipy.ndimage import gaussian_filter1d

    curve = gaussian_filter1d(np.sqrt(np.sqrt(energy)), SMOOTHING * ENERGY_RATE, axis=1, mode="nearest")
    curve = curve[:, edge:-edge:step]
    low, high = curve.min(axis=1, keepdims=True), curve.max(axis=1, keepdims=True)
    varies = (high - low > 1e-6)[:, 0]
    scaled = np.rint(255 * (curve - low) / np.maximum(high - low, 1e-6)).astype(np.uint8)
    return [values if varying else values[:0] for values, varying in zip(scaled, varies, strict=True)]


def _energy(signal: Float32[np.ndarray, "record lead time"], fs: float) -> Float32[np.ndarray, "record out"]:
    """Mean over leads of the squared, band-passed signal at ``ENERGY_RATE``, each lead scaled to unit strength."""
    from scipy import fft

    ratio = Fraction(ENERGY_RATE / fs).limit_denominator(1000)
    n_in = signal.shape[2]
    block = 2 * ratio.denominator  # a whole, even number of samples at either rate
    padded = -(-n_in // block) * block
    n_out = padded // ratio.denominator * ratio.numerator
    spectrum = fft.rfft(signal - signal.mean(axis=2, keepdims=True), padded, axis=2)
    frequency = fft.rfftfreq(padded, 1 / fs)
    n_bins = min(n_out // 2, spectrum.shape[2])
    relative = (frequency[:n_bins] / CENTRE) ** 2
    response = relative * np.exp(-relative / 2) * (n_out / padded)
    filtered = fft.irfft(spectrum[:, :, :n_bins] * response.astype(np.float32), n_out, axis=2)
    filtered = filtered[:, :, : n_in * ratio.numerator // ratio.denominator]
    squared = filtered * filtered
    power = np.abs(filtered).mean(axis=2) ** 2  # of the mean square, one artefact that is trimmed off would be much
    alive = power > 0
    typical = np.array([np.median(p[a]) if a.any() else 1.0 for p, a in zip(power, alive, strict=True)], np.float32)
    weight = np.where(alive, 1 / (power + FAINT * typical[:, None]), 0) / np.maximum(alive.sum(axis=1), 1)[:, None]
    return np.einsum("rlt,rl->rt", squared, weight.astype(np.float32), optimize=True)


def of_store(store: SignalStore, workers: int = 1) -> Fingerprints:
    """The fingerprints of a prepared store, computed once and kept in a folder next to it.

    Raises:
        DataError: the folder holds something else.
    """
    folder = place(store)
    inputs = {"store": store.signals_digest}
    once(folder, lambda partial: _write(partial, _compute(store, workers)), "fingerprints", inputs)
    try:
        fingerprints = Fingerprints(
            np.load(folder / "values.npy", mmap_mode="r"), np.load(folder / "offsets.npy", allow_pickle=False)
        )
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder}: not readable as fingerprints ({error}). Delete it; it is made again.") from error
    if len(fingerprints) != len(store):
        raise DataError(f"{folder}: {len(fingerprints):,} fingerprints of {len(store):,} recordings. Delete it.")
    return fingerprints


def place(store: SignalStore) -> Path:
    """Where the fingerprints of a store lie once they are made: other signals or another algorithm, another place."""
    key = digest([store.signals_digest, module_digest(__name__)], 12)
    return store.path.with_name(f"{store.path.name}.fingerprints-{key}")


def _write(folder: Path, fingerprints: Fingerprints) -> None:
    np.save(folder / "values.npy", fingerprints.values)
    np.save(folder / "offsets.npy", fingerprints.offsets)


def _compute(store: SignalStore, workers: int) -> Fingerprints:
    starts = range(0, len(store), CHUNK)
    curves: list[np.ndarray] = []
    with track(f"fingerprints of {store.manifest.get('dataset', store.path.name)}") as progress:
        for chunk in _chunks(store, starts, workers):
            curves += chunk
            progress(len(curves), len(store))
    return Fingerprints.joined(curves)


def _chunks(store: SignalStore, starts: range, workers: int) -> Iterator[list[np.ndarray]]:
    if workers <= 1 or len(starts) < 64 * workers:  # starting a process takes as long as a thousand fingerprints
        return (_chunk(store, first) for first in starts)
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator", batch_size=16)
    return parallel(delayed(_chunk_of)(store.path, first) for first in starts)


def _chunk_of(path: Path, first: int) -> list[np.ndarray]:
    return _chunk(_opened(path), first)


@functools.lru_cache(1)
def _opened(path: Path) -> SignalStore:
    return SignalStore.open(path)


def _chunk(store: SignalStore, first: int) -> list[np.ndarray]:
    rows = np.arange(first, min(first + CHUNK, len(store)))
    if store.uniform_length is not None:
        return fingerprint(store.read(rows), store.fs)
    return [fingerprint(store.read(rows[i : i + 1]), store.fs)[0] for i in range(len(rows))]
