"""Bounds that a recording of a dataset must keep, checked once, before it is stored.

A wrong unit, gain or header gives numbers that no recorder gives. What is checked, and why no genuine recording fails it:

* the sampling rate is one that the publisher offers (:attr:`bench.dataset.Dataset.rates`, or ``facts["rate"]`` of the file);
* gains lie in :data:`GAINS`, and no sample is infinite (a missing sample is NaN);
* some lead varies, and no sample exceeds the range of the publisher's format (``largest_mv``);
* the typical deflection, the median of \\|signal\\| about each lead's own median, over the leads that vary, lies in
  ``typical_mv``. Of 2,190 real recordings of seven publications it was 0.02 to 0.79 mV.

The last two leave a doubt: a few publications do hold recordings without a signal. ``--on-bad-record keep`` keeps them,
listed; all else is refused.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from bench.errors import DataError
from bench.signals.leads import LEADS

if TYPE_CHECKING:
    from bench.dataset import Dataset, RecordFile, Recording

HINT = "Fetch the record again from the publisher, or leave it out with --on-bad-record skip."

CHOICE = (
    "Fetch the record again from the publisher, leave it out with --on-bad-record skip, or keep it as it is with "
    "--on-bad-record keep, where a published split counts it."
)
"""What can be done with a recording in doubt."""

GAINS = (10.0, 1e9)
"""Units per mV. Recorders resolve 1 to 5 microvolts, so that a tenth of a millivolt is far too coarse for an ECG."""

_SAMPLED = 200
"""Samples per lead from which the typical deflection is computed: 20 a second of 10 s."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of one dataset."""

    rates: tuple[float, ...]
    typical_mv: tuple[float, float]
    largest_mv: float

    @classmethod
    def of(cls, dataset: Dataset) -> Bounds:
        """Those that a dataset declares."""
        return cls(tuple(dataset.rates), dataset.typical_mv, dataset.largest_mv)

    def to_dict(self) -> dict[str, Any]:
        """As a store remembers them: a store made under other bounds is made again."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def check(self, recording: Recording, file: RecordFile) -> None:
        """Check all but the amplitude.

        Raises:
            DataError: a wrong shape or type, another rate, an impossible gain, an infinite sample.
        """
        signal = np.asarray(recording.signal)
        if signal.ndim != 2 or len(signal) != len(LEADS) or not signal.shape[1] or signal.dtype.kind not in "iuf":
            raise DataError(
                f"{file.path}: the reader gave a signal of shape {signal.shape} and type {signal.dtype}; expected "
                f"numbers of shape [12, time] with samples."
            )
        if signal.shape[1] <= len(LEADS):
            raise DataError(
                f"{file.path}: the reader gave {signal.shape[1]} samples per lead; expected shape [12, time]. If the file "
                "holds [time, lead], the reader must transpose it."
            )
        rates = (file.facts["rate"],) if "rate" in file.facts else self.rates
        if not any(math.isclose(recording.fs, rate, rel_tol=1e-6) for rate in rates):
            known = " or ".join(f"{rate:g}" for rate in rates)
            raise DataError(
                f"{file.path}: the sampling rate is {recording.fs:g} Hz; the dataset is published at {known} Hz. {HINT}"
            )
        if recording.gain is not None:
            gain = np.asarray(recording.gain, np.float64)
            if gain.shape != (len(LEADS),):
                raise DataError(f"{file.path}: the reader gave gains of shape {gain.shape}; expected one per lead.")
            wrong = ~((gain >= GAINS[0]) & (gain <= GAINS[1]))
            if wrong.any():
                lead = int(wrong.argmax())
                raise DataError(
                    f"{file.path}: the gain of lead {LEADS[lead]} is {gain[lead]:g} units per mV; expected {GAINS[0]:g} to "
                    f"{GAINS[1]:g}. The gain or its unit is wrong. {HINT}"
                )
        infinite = np.isinf(signal).any(axis=1) if signal.dtype.kind == "f" else np.zeros(len(LEADS), bool)
        if infinite.any():
            raise DataError(
                f"{file.path}: lead {LEADS[int(infinite.argmax())]} holds infinite samples; expected numbers in mV, NaN "
                f"where a sample is missing. {HINT}"
            )

    def doubt(self, signal: Shaped[np.ndarray, "lead time"], gain: np.ndarray | None, file: RecordFile) -> str:
        """Why a repaired signal cannot be an ECG in mV, though it can be read: it never varies, or is too large or too small.
        "" for any other."""
        if not (signal != signal[:, :1]).any():
            return f"{file.path}: no lead holds a signal that varies; expected an ECG."
        typical, largest = amplitude(signal, gain)
        wrong_unit = "The unit or the gain is wrong, or the samples are damaged."
        if not largest <= self.largest_mv:
            return (
                f"{file.path}: the signal reaches {largest:,.4g} mV; expected at most {self.largest_mv:g} mV, the range of "
                f"the published format. {wrong_unit}"
            )
        low, high = self.typical_mv
        if not low <= typical <= high:
            return (
                f"{file.path}: the median deflection is {typical:,.4g} mV; expected {low:g} to {high:g} mV, as in an ECG. "
                f"{wrong_unit}"
            )
        return ""


def amplitude(signal: Shaped[np.ndarray, "lead time"], gain: np.ndarray | None) -> tuple[float, float]:
    """(typical deflection, largest sample), in mV, of a signal in which some lead varies.

    The typical one is the median of \\|signal\\| about each varying lead's median, or the largest where that is 0: more than
    half of a coarse, quiet recording may have one value.
    """
    scale = np.ones(len(signal)) if gain is None else np.asarray(gain, np.float64)
    high, low = signal.max(axis=1) / scale, signal.min(axis=1) / scale
    varies = high > low
    some = signal[varies, :: max(1, signal.shape[1] // _SAMPLED)] / scale[varies, None]
    deflection = float(_median(np.abs(some - _median(some)[:, None]).ravel()))
    return deflection or float((high - low).max()), float(np.maximum(np.abs(high), np.abs(low)).max())


def _median(values: np.ndarray) -> Any:
    """Along the last axis, as ``np.median``, which takes several times as long for so few numbers."""
    high = values.shape[-1] // 2
    low = (values.shape[-1] - 1) // 2
    ranked = np.partition(values, (low, high))
    return (ranked[..., low] + ranked[..., high]) / 2
