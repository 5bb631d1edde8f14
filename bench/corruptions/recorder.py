"""Faults of the recorder and of what follows it: clipping, gain, rate, missing leads, short recordings."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bench.signals.resample import resample

Signal = Float[np.ndarray, "lead time"]


def clipped(signal: Signal, limit: float) -> Signal:
    """An amplifier that saturates at plus and minus ``limit`` mV."""
    return np.clip(signal, -limit, limit)


def wrong_gains(signal: Signal, factor: float, rng: np.random.Generator) -> Signal:
    """Each lead multiplied by a number between 1 / ``factor`` and ``factor``, uniform in its logarithm.

    One factor for all leads would be undone by a method that scales recordings.
    """
    exponents = rng.uniform(-1, 1, (len(signal), 1))
    return (signal * factor**exponents).astype(signal.dtype)


def wrong_rate(signal: Signal, fs: float, speed: float) -> Signal:
    """A recording that is said to have another rate: it seems ``speed`` times as fast, and lasts as much shorter."""
    return resample(signal, fs * speed, fs)


def without_leads(signal: Signal, missing: int, rng: np.random.Generator) -> Signal:
    """A number of leads, drawn at random among those that are not flat, become zero; one stays in any case."""
    active = np.flatnonzero(signal.std(axis=1) > 0)
    lost = rng.permutation(active)[: min(missing, max(0, len(active) - 1))]
    remaining = signal.copy()
    remaining[lost] = 0
    return remaining


def cut_short(signal: Signal, share: float) -> Signal:
    """The first part of a recording, at least one sample."""
    return signal[:, : max(1, round(share * signal.shape[1]))]
