"""Deliver the input of a method's InputSpec in batches: windows, rate, filters, scaling, available leads.

In order: resampling, filters and median beat (whole recordings, from the cache where they cost something); the window;
scaling over its real samples and available leads; zeros for absent leads and beyond the end of the recording.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from bench.errors import ConfigError, DataError
from bench.signals.derived import Transform, beats, derive, transformed
from bench.signals.input_spec import InputSpec, Normalisation
from bench.signals.leads import LEADS
from bench.signals.median_beat import SECONDS as BEAT_SECONDS
from bench.signals.resample import resampled_length
from bench.signals.store import SignalStore

EPSILON = 1e-8
"""Added to the range or standard deviation before dividing by it, so that a flat recording becomes zeros. MERL's
downstream loaders use this value in their min-max scaling."""


Real = np.ndarray | bool
"""Which samples are real, bool [record, lead, time]; True for all."""


def _minmax(ecg: np.ndarray, real: Real) -> tuple[np.ndarray, np.ndarray]:
    low = ecg.min(axis=(1, 2), keepdims=True, initial=np.inf, where=real)
    return low, ecg.max(axis=(1, 2), keepdims=True, initial=-np.inf, where=real) - low


def _zscore(ecg: np.ndarray, real: Real) -> tuple[np.ndarray, np.ndarray]:
    return ecg.mean(axis=(1, 2), keepdims=True, where=real), ecg.std(axis=(1, 2), keepdims=True, where=real)


def _zscore_lead(ecg: np.ndarray, real: Real) -> tuple[np.ndarray, np.ndarray]:
    return ecg.mean(axis=2, keepdims=True, where=real), ecg.std(axis=2, keepdims=True, where=real)


CENTRE_AND_SCALE: dict[Normalisation, Callable[[np.ndarray, Real], tuple[np.ndarray, np.ndarray]]] = {
    "minmax": _minmax,
    "zscore": _zscore,
    "zscore-lead": _zscore_lead,
}
"""Normalisation -> what is subtracted from a recording, and what it is then divided by."""


def normalise(
    ecg: Float[np.ndarray, "record lead time"],
    how: Normalisation,
    lengths: Int64[np.ndarray, " record"] | None = None,
) -> Float[np.ndarray, "record lead time"]:
    """Scale recordings as :class:`bench.signals.input_spec.InputSpec` says; standard deviations are population ones.

    Args:
        ecg: mV, available leads only.
        lengths: samples of each record that are real; the rest is padding, takes no part and is zero afterwards.
    """
    if how == "none":
        return ecg
    real: Real = True
    if lengths is not None and (lengths < ecg.shape[2]).any():
        real = np.broadcast_to(np.arange(ecg.shape[2]) < lengths[:, None, None], ecg.shape)
    centre, scale = CENTRE_AND_SCALE[how](ecg, real)
    scaled = ecg - centre
    scaled /= scale + np.asarray(EPSILON, ecg.dtype)
    if real is not True:
        scaled[~real] = 0
    return scaled


class SignalView:
    """Examples of a task or corpus, seen through an InputSpec.

    Args:
        store: prepared recordings.
        spec: what the method asks for.
        leads: the leads that are available, in ``LEADS`` order; the others are zero and take no part in anything.
        rows: int [example], into the store; every recording in order if None.
        start: float [example], seconds into the recording at which an example begins; its beginning if None.
        seconds: length of an example; up to the end of its recording if None. The window lies inside it.
        cache: folder for transformed recordings; without one they are computed batch by batch.
        progress: called with (done, all) while transformed recordings are computed.

    Raises:
        DataError: an example lies outside its recording, or has none of the leads. ConfigError: no lead, a filter that
            cannot be, or a spec in mV on signals in another unit.
    """

    def __init__(
        self,
        store: SignalStore,
        spec: InputSpec,
        leads: Sequence[str] = LEADS,
        rows: np.ndarray | None = None,
        start: np.ndarray | None = None,
        seconds: float | None = None,
        cache: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ):
        if not leads:
            raise ConfigError("no lead is available; name at least one with --leads.")
        if store.unit != "mV" and spec.needs_mv:
            raise ConfigError(
                f"the recordings of {store.manifest.get('dataset', store.path)} are in {store.unit}, and this method reads "
                "millivolts (its input is not normalised). Use a method whose input is scaled (bench explain METHOD "
                "--input), or another dataset."
            )
        self.spec = spec
        self.rows = np.arange(len(store)) if rows is None else np.asarray(rows, np.int64)
        self._available = np.array([lead in leads for lead in LEADS])
        if store.absent is not None and (none := store.absent[self.rows][:, self._available].all(axis=1)).any():
            raise DataError(
                f"{int(none.sum()):,} recordings have none of the leads {', '.join(leads)} (the first is row "
                f"{self.rows[int(none.argmax())]} of {store.path}). Choose other leads, or leave them out of the task."
            )
        named = tuple(lead for lead in LEADS if lead in leads)
        part = start is not None or seconds is not None
        # A median beat of part of a recording is made when it is asked for; of whole recordings, once and for all.
        self._beat_leads = named if spec.median_beat and part else None
        transform = Transform(
            float(spec.fs),
            tuple(spec.filters),
            named if spec.median_beat and not part else None,
            named,
            spec.resampling,
            spec.filters_at == "recorded",
        )
        self._transform = None
        self.store = self._store = store
        if transform.changes(store.fs):
            if cache is None:
                self._transform = transform
            else:
                self._store = derive(store, transform, cache, progress)
        self._compiles = self._store.samples[0].dtype == np.int16 and bool((self._store.samples[2] > 0).all())
        self._first, self._length = self._spans(store, start, seconds)

    def __len__(self) -> int:
        return len(self.rows)

    def random_crops(self, seconds: float) -> SignalView:
        """The same examples through a window of ``seconds``, drawn anywhere in the example when an ``rng`` is given."""
        view = copy.copy(self)
        view.spec = replace(self.spec, seconds=seconds, crop="random")
        return view

    def sliding(
        self, positions: np.ndarray, seconds: float, stride: float
    ) -> tuple[SignalView, Int64[np.ndarray, " window"]]:
        """Every whole window of ``seconds`` that begins at a multiple of ``stride`` seconds, as a separate example.

        What is left at the end of an example, shorter than a stride, is not looked at; an example shorter than a window
        has one, padded.

        Returns:
            The view of all windows, and for each the place in ``positions`` of the example it is from.
        """
        view = self.random_crops(seconds)
        size, step = view.spec.length, max(1, round(stride * self.spec.fs))
        windows = np.maximum(self._length[positions] - size, 0) // step + 1
        owner = np.repeat(np.arange(len(positions)), windows)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(windows) - windows, windows)
        view.rows = self.rows[positions][owner]
        view._first = self._first[positions][owner] + nth * step
        view._length = np.minimum(self._length[positions][owner], size)
        return view, owner

    def _spans(
        self, store: SignalStore, start: np.ndarray | None, seconds: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """First sample and number of samples of each example, at the rate of the spec."""
        fs = self.spec.fs
        first = np.zeros(len(self.rows), np.int64)
        if start is not None:
            first = np.rint(np.asarray(start, np.float64) * fs).astype(np.int64)
        if self._transform is None:
            lengths = self._store.lengths[self.rows]
        elif self._transform.beat_leads is not None:
            lengths = np.full(len(self.rows), round(BEAT_SECONDS * fs))
        else:
            lengths = np.array([resampled_length(int(n), store.fs, fs) for n in store.lengths[self.rows]], np.int64)
        length = lengths - first
        if seconds is not None:
            length = np.minimum(length, round(seconds * fs))
        outside = (first < 0) | (length <= 0)
        if outside.any():
            example = int(outside.argmax())
            raise DataError(
                f"example {example} begins {first[example] / fs:g} s into row {self.rows[example]} of {store.path}, "
                f"which lasts {store.lengths[self.rows[example]] / store.fs:g} s; the task does not fit the recordings."
            )
        return first, length

    def batch(
        self, positions: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Float32[np.ndarray, "record 12 time"], Bool[np.ndarray, "record 12"]]:
        """Windows of some examples.

        Args:
            positions: int [record], which examples of this view.
            rng: in training only; draws where the window lies if the spec's crop is ``random``.

        Returns:
            ``ecg``, float32 [record, 12, spec.length]; ``leads``, which of its leads are real.
        """
        positions = np.asarray(positions, np.int64)
        rows, first, length = self.rows[positions], self._first[positions], self._length[positions]
        leads = np.repeat(self._available[None], len(positions), axis=0)
        if self.store.absent is not None:
            leads &= ~self.store.absent[rows]
        if self._transform is None and self._beat_leads is None:
            first, length = self._crop(first, length, rng)
            if self._compiles and (self.spec.padding == "after" or (length == self.spec.length).all()):
                return self._scaled(rows, first, length, leads), leads
            ecg, real = self._stored(rows, first, length), length
        else:
            ecg, real = self._computed(rows, first, length, rng)
        lengths = real if self.spec.padding == "after" else None
        if leads.all():
            return normalise(ecg, self.spec.normalise, lengths), leads
        scaled = np.zeros_like(ecg)
        for available in np.unique(leads, axis=0):
            alike = np.flatnonzero((leads == available).all(axis=1))
            part = normalise(
                ecg[np.ix_(alike, available)], self.spec.normalise, None if lengths is None else lengths[alike]
            )
            scaled[np.ix_(alike, available)] = part
        return scaled, leads

    def _scaled(self, rows: np.ndarray, first: np.ndarray, length: np.ndarray, leads: np.ndarray) -> np.ndarray:
        """Windows of a store of integers, read and scaled in one compiled pass."""
        from bench.signals.window_kernel import scaled_windows

        self._store.check(rows)
        samples, begin, gains = self._store.samples
        spec, stride = self.spec, self._store.lengths[rows]
        begin = begin[rows] + first
        return scaled_windows(samples, begin, stride, gains[rows], length, spec.length, leads, spec.normalise, EPSILON)

    def _stored(self, rows: np.ndarray, first: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Windows in mV, zero beyond their real lengths."""
        ecg = self._store.read(rows, first, self.spec.length)
        for short in np.flatnonzero(length < self.spec.length):
            ecg[short, :, length[short] :] = 0
        return ecg

    def _computed(
        self, rows: np.ndarray, first: np.ndarray, length: np.ndarray, rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Windows in mV of what is computed as it is asked for, zero beyond their real lengths, and those lengths."""
        ecg = np.zeros((len(rows), len(LEADS), self.spec.length), np.float32)
        real = np.zeros(len(rows), np.int64)
        for i, signal in enumerate(self._examples(rows, first, length)):
            begin, real_length = self._crop(np.zeros(1, np.int64), np.array([signal.shape[1]]), rng)
            real[i] = real_length[0]
            ecg[i, :, : real_length[0]] = signal[:, begin[0] : begin[0] + real_length[0]]
        return ecg, real

    def _examples(self, rows: np.ndarray, first: np.ndarray, length: np.ndarray) -> list[np.ndarray]:
        """Examples that are computed as they are asked for, whole: [lead, time] each."""
        if self._transform is not None:
            signals = transformed(self._store, rows, self._transform)
        else:
            signals = [self._store.read(row[None])[0] for row in rows]
        signals = [s[:, f : f + n] for s, f, n in zip(signals, first, length, strict=True)]
        if self._beat_leads is not None:
            signals = [beats(signal, self.spec.fs, self._beat_leads) for signal in signals]
        return signals

    def _crop(
        self, first: np.ndarray, length: np.ndarray, rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where windows begin, and how many of their samples are real."""
        room = np.maximum(length - self.spec.length, 0)
        if rng is not None and self.spec.crop == "random" and room.any():
            first = first + rng.integers(0, room + 1)
        return first, np.minimum(length, self.spec.length)
