"""Noise of electrodes and recorder: wander, muscle, mains, bursts, loose contacts.

Noise belongs to an electrode, not to a lead: a bad right-arm electrode disturbs every lead, a bad V3 only V3, and limb
leads keep Einthoven's relation whatever happens.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.errors import ConfigError
from bench.simulate.heart import Acquisition
from bench.simulate.leadfield import ELECTRODES, ELECTRODES_TO_LEADS

KNOTS_PER_SECOND = 1.3
"""Control points of baseline wander; a cubic through them has its power below about 0.5 Hz."""
MUSCLE_HZ = 100
"""Rate of the independent muscle-noise values; straight lines between them fall off above about 45 Hz, as the noise of
PTB-XL's recordings does after their recorders' filters."""
MAINS_HZ = 50.0


@lru_cache(maxsize=8)
def _spline_basis(knots: int, samples: int) -> np.ndarray:
    """Uniform cubic B-spline basis, [knot, sample]."""
    u = np.linspace(0, knots - 3, samples, endpoint=False)
    cell = u.astype(int)
    t = u - cell
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    basis = np.zeros((knots, samples), np.float32)
    for k in range(4):
        basis[cell + k, np.arange(samples)] = weights[k]
    return basis


def noise(acquisition: Acquisition, fs: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of one recording in the eight independent leads, float32 [independent lead, time], mV.

    Raises:
        ConfigError: when the acquisition names an electrode that does not exist.
    """
    n = len(ELECTRODES)
    seconds = samples / fs
    knots = int(seconds * KNOTS_PER_SECOND) + 4
    drift = _factors(acquisition.drifting_electrodes) * rng.uniform(0.5, 1.5, n) * acquisition.wander_mv
    # Breathing moves all electrodes together; the spline's averaging is undone by the factor 1.45.
    control = rng.standard_normal((n, knots)) + 0.6 * rng.standard_normal(knots)
    wander = (1.45 * drift[:, None] * control).astype(np.float32)

    restless = _factors(acquisition.noisy_electrodes) * rng.uniform(0.6, 1.4, n)
    muscle = _interpolated(rng, n, samples, max(1, round(fs / MUSCLE_HZ)))
    envelope = np.exp(0.25 * rng.standard_normal((n, knots))).astype(np.float32)
    level = (restless * acquisition.muscle_mv)[:, None].astype(np.float32) * envelope

    basis = _spline_basis(knots, samples)
    if acquisition.burst_electrodes:
        level, wander = level.copy(), wander.copy()
        at = int(rng.integers(1, max(2, knots - 3)))
        for e in _indices(acquisition.burst_electrodes):
            level[e, at : at + 2] += np.float32(acquisition.burst_mv)
            wander[e, at : at + 2] += np.float32(acquisition.burst_mv * rng.standard_normal())
    out = muscle
    out *= level @ basis
    out += wander @ basis
    if acquisition.mains_mv > 0:
        cycles = MAINS_HZ * (1 + 0.002 * rng.standard_normal()) / fs * np.arange(samples)
        tone = np.sin(2 * np.pi * (cycles + rng.random()))
        out += (restless * acquisition.mains_mv)[:, None].astype(np.float32) * tone.astype(np.float32)
    if acquisition.loose_electrode:
        (e,) = _indices((acquisition.loose_electrode,))
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, samples))
            decay = np.exp(-np.arange(samples - at) / (fs * rng.uniform(0.05, 0.4)))
            out[e, at:] += (rng.normal(0, 0.8) * decay).astype(np.float32)
    return ELECTRODES_TO_LEADS @ out


def _interpolated(rng: np.random.Generator, channels: int, samples: int, step: int) -> np.ndarray:
    """Straight lines between unit normal values ``step`` samples apart, [channel, time]."""
    values = rng.standard_normal((channels, -(-samples // step) + 1), dtype=np.float32)[:, :, None]
    share = (np.arange(step, dtype=np.float32) / np.float32(step))[None, None]
    lines = values[:, :-1] * (1 - share) + values[:, 1:] * share
    return np.ascontiguousarray(lines.reshape(channels, -1)[:, :samples])


def _indices(names: tuple[str, ...]) -> list[int]:
    for name in names:
        if name not in ELECTRODES:
            raise ConfigError(f"electrode {name!r} does not exist; expected one of {', '.join(ELECTRODES)}.")
    return [ELECTRODES.index(name) for name in names]


def _factors(by_name: dict[str, float]) -> np.ndarray:
    out = np.ones(len(ELECTRODES))
    for i, factor in zip(_indices(tuple(by_name)), by_name.values(), strict=True):
        out[i] = factor
    return out
