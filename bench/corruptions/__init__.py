"""ECG-C: eleven corruptions of recordings, each at five levels, from the mildest to the worst.

They act on recordings in mV at the rate at which they are stored, before anything that a method does to its input. Draws
depend on the record's id and the corruption alone: every method sees the same corrupted recordings, and the levels of a
corruption share their noise.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bench.corruptions import noise, recorder
from bench.corruptions.electrodes import reversed_electrodes
from bench.errors import ConfigError, UnknownName

LEVELS = (1, 2, 3, 4, 5)

Signal = Float[np.ndarray, "lead time"]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        summary: one sentence for listings.
        unit: of the five settings.
        settings: one per level.
        apply: (recording in mV, Hz, some of the settings, seed) -> one recording in mV per setting. What is drawn is drawn
            alike for each of them.
    """

    name: str
    summary: str
    unit: str
    settings: tuple[Any, ...]
    apply: Callable[[Signal, float, Sequence[Any], int], list[Signal]]

    def at(self, level: int) -> str:
        """The setting of a level in words, such as ``12 dB``."""
        setting = self.settings[level - 1]
        if isinstance(setting, tuple):
            return " and ".join("-".join(pair) for pair in setting)
        return f"{setting:g} {self.unit}".strip()


@dataclass(frozen=True)
class Condition:
    """A corruption at a level; without a corruption the recording as it is."""

    corruption: str | None = None
    level: int = 0

    def __str__(self) -> str:
        return "clean" if self.corruption is None else f"{self.corruption}:{self.level}"


def _noise(name: str, summary: str, make: noise.Noise, recorded: noise.RecordedNoise | None) -> Corruption:
    make = recorded.of(name) if recorded is not None and name in recorded.FILES else make

    def apply(signal: Signal, fs: float, settings: Sequence[float], seed: int) -> list[Signal]:
        drawn = make(np.random.default_rng(seed), signal.shape[1], fs)
        return [noise.add_noise(signal, drawn, decibels) for decibels in settings]

    return Corruption(name, summary, "dB", (24.0, 18.0, 12.0, 6.0, 0.0), apply)


def _each(
    change: Callable[[Signal, float, Any, np.random.Generator], Signal],
) -> Callable[[Signal, float, Sequence[Any], int], list[Signal]]:
    """A change that is made for each setting by itself, from a generator that begins alike."""

    def apply(signal: Signal, fs: float, settings: Sequence[Any], seed: int) -> list[Signal]:
        return [change(signal, fs, setting, np.random.default_rng(seed)) for setting in settings]

    return apply


def corruptions(recorded: noise.RecordedNoise | None = None) -> dict[str, Corruption]:
    """All corruptions by name.

    Args:
        recorded: noise of the MIT-BIH Noise Stress Test Database in place of the models of its three kinds.
    """
    pairs = (
        (("C1", "C2"),),
        (("LA", "LL"),),
        (("RA", "LA"),),
        (("RA", "LA"), ("C1", "C2")),
        (("RA", "RL"),),
    )
    every = [
        _noise("baseline-wander", "The baseline drifts with breathing.", noise.baseline_wander, recorded),
        _noise("muscle", "Muscles are tense.", noise.muscle, recorded),
        _noise("electrode-motion", "Electrodes move on the skin.", noise.electrode_motion, recorded),
        _noise("mains", "The power line is picked up, at 50 or 60 Hz.", noise.mains, recorded),
        _noise("gaussian", "The amplifier is noisy.", noise.gaussian, recorded),
        Corruption(
            "clipping",
            "The amplifier saturates.",
            "mV",
            (2.0, 1.5, 1.0, 0.7, 0.4),
            _each(lambda signal, fs, limit, rng: recorder.clipped(signal, limit)),
        ),
        Corruption(
            "gain",
            "The gain of each lead is wrong by up to this factor.",
            "",
            (1.1, 1.25, 1.5, 2.0, 4.0),
            _each(lambda signal, fs, factor, rng: recorder.wrong_gains(signal, factor, rng)),
        ),
        Corruption(
            "rate",
            "The stated sampling rate is too low by this factor, so that the heart seems faster.",
            "",
            (1.02, 1.05, 1.1, 1.25, 2.0),
            _each(lambda signal, fs, speed, rng: recorder.wrong_rate(signal, fs, speed)),
        ),
        Corruption(
            "reversal",
            "Electrodes are exchanged.",
            "",
            pairs,
            _each(lambda signal, fs, exchanged, rng: reversed_electrodes(signal, exchanged)),
        ),
        Corruption(
            "missing-leads",
            "Leads are flat.",
            "of 12",
            (1, 2, 4, 6, 9),
            _each(lambda signal, fs, missing, rng: recorder.without_leads(signal, missing, rng)),
        ),
        Corruption(
            "short",
            "The recording ends early; this share remains.",
            "",
            (0.8, 0.6, 0.4, 0.2, 0.1),
            _each(lambda signal, fs, share, rng: recorder.cut_short(signal, share)),
        ),
    ]
    return {corruption.name: corruption for corruption in every}


def parse_conditions(names: Sequence[str]) -> list[Condition]:
    """``all``, ``muscle`` (all its levels) and ``mains:3`` as conditions, each once, in the order of the levels.

    Raises:
        UnknownName: no such corruption. ConfigError: no such level.
    """
    known = corruptions()
    chosen: list[Condition] = []
    for name in names:
        head, separator, level = name.strip().partition(":")
        if head == "all" and not separator:
            chosen += [Condition(corruption, number) for corruption in known for number in LEVELS]
            continue
        if head not in known:
            raise UnknownName("corruption", head, [*known, "all"])
        if separator and (not level.isdecimal() or int(level) not in LEVELS):
            raise ConfigError(
                f"--corrupt {name}: level {level or 'missing'}; expected 1 (mildest) to 5, as in {head}:3."
            )
        chosen += [Condition(head, int(level))] if separator else [Condition(head, number) for number in LEVELS]
    order = list(known)
    return sorted(set(chosen), key=lambda condition: (order.index(condition.corruption or ""), condition.level))


def corrupted(signal: Signal, fs: float, record: str, corruption: Corruption, levels: Iterable[int]) -> list[Signal]:
    """A recording under some levels of a corruption, float32 mV.

    Args:
        record: its id, which the draws depend on.
    """
    seed = zlib.crc32(f"{corruption.name} {record}".encode())
    settings = [corruption.settings[level - 1] for level in levels]
    return [np.asarray(changed, np.float32) for changed in corruption.apply(signal, fs, settings, seed)]
