"""Rhythms: beat times of the chambers for one recording.

Times are seconds from the start of the recording and run from about 1.5 s before it to its end, so that the first
sample may lie anywhere in a beat.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.errors import ConfigError
from bench.simulate.heart import AV_BLOCKS, RHYTHMS, Rhythm

CONDUCTED, VENTRICULAR = 0, 1

SHORTEST_RR = 0.29
"""Seconds; the refractory AV node lets nothing faster through."""


@dataclass
class Beats:
    """``qrs`` onsets with their ``kind`` (CONDUCTED or VENTRICULAR) and the RR interval before each; ``p`` onsets with
    their amplitude ``p_scale`` (negative: from an ectopic focus); ``spikes`` of a pacemaker; ``flutter`` the onset and
    length of the atrial cycle (0: none); ``fibrillation`` amplitude in mV (0: none)."""

    qrs: list[float] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    rr: list[float] = field(default_factory=list)
    p: list[float] = field(default_factory=list)
    p_scale: list[float] = field(default_factory=list)
    spikes: list[float] = field(default_factory=list)
    flutter: float = 0.0
    flutter_start: float = 0.0
    fibrillation: float = 0.0

    def beat(self, time: float, rr: float, kind: int = CONDUCTED) -> None:
        self.qrs.append(time)
        self.rr.append(rr)
        self.kind.append(kind)

    def atrial(self, time: float, scale: float = 1.0) -> None:
        self.p.append(time)
        self.p_scale.append(scale)


def beats(rhythm: Rhythm, pr: float, seconds: float, rng: np.random.Generator) -> Beats:
    """Beat times of one recording; ``pr`` is the conducted PR interval in seconds.

    Raises:
        ConfigError: for a rhythm or AV block that does not exist, or a rate outside 15..300 per minute.
    """
    if rhythm.kind not in RHYTHMS or rhythm.av_block not in AV_BLOCKS:
        raise ConfigError(
            f"rhythm {rhythm.kind!r} with AV block {rhythm.av_block!r}: expected one of {', '.join(RHYTHMS)} "
            f"and one of {', '.join(AV_BLOCKS)}."
        )
    if not 15 <= rhythm.rate <= 300:
        raise ConfigError(f"rhythm rate {rhythm.rate} per minute: expected 15 to 300.")
    if rhythm.kind == "fibrillation":
        return _fibrillation(rhythm, seconds, rng)
    if rhythm.kind == "flutter":
        return _flutter(rhythm, seconds, rng)
    if rhythm.kind == "supraventricular_tachycardia":
        return _reentry(rhythm, -1.5, seconds, rng)
    if rhythm.kind == "paroxysmal_tachycardia":
        return _paroxysm(rhythm, pr, seconds, rng)
    if rhythm.kind == "paced":
        return _paced(rhythm, pr, seconds, rng)
    if rhythm.av_block != "none":
        return _blocked(rhythm, pr, seconds, rng)
    return _sinus(rhythm, pr, seconds, rng)


def _sinus_cycles(rhythm: Rhythm, seconds: float, rng: np.random.Generator, start: float = -1.5) -> np.ndarray:
    """RR intervals that cover the recording: mean, respiration (about 0.25 Hz) and random variation."""
    mean = 60 / rhythm.rate
    n = int((seconds - start + 2) / mean * 1.4) + 4
    time = start + mean * np.arange(n)
    breath = rhythm.respiratory * np.sin(2 * np.pi * (rng.uniform(0.17, 0.30) * time + rng.random()))
    return np.maximum(mean * (1 + breath + rhythm.variability * rng.standard_normal(n)), SHORTEST_RR)


def _premature(rhythm: Rhythm, n: int, rng: np.random.Generator) -> np.ndarray:
    """Which beats are premature: 0 none, 1 ventricular, 2 atrial; rarely two in a row, at least one if any may be."""
    which = np.zeros(n, int)
    total = rhythm.pvc + rhythm.pac
    if total <= 0:
        return which
    ventricular = rng.random(n) < rhythm.pvc / total
    if rhythm.pattern:
        chosen = np.arange(n) % rhythm.pattern == rhythm.pattern - 1
        ventricular[:] = ventricular[0]
    else:
        chosen = rng.random(n) < total
        # The recording shows its labels: one premature beat lies well inside its first seconds.
        chosen[min(n - 2, int(rng.integers(3, 8)))] = True
        chosen[1:] &= ~chosen[:-1] | (rng.random(n - 1) < 0.1)
        if rhythm.pvc and rhythm.pac and chosen.sum() > 1:
            first, second = np.flatnonzero(chosen)[:2]
            ventricular[first], ventricular[second] = True, False
    which[chosen] = np.where(ventricular[chosen], 1, 2)
    which[0] = 0
    return which


def _sinus(rhythm: Rhythm, pr: float, seconds: float, rng: np.random.Generator) -> Beats:
    out = Beats()
    cycles = _sinus_cycles(rhythm, seconds, rng)
    premature = _premature(rhythm, len(cycles), rng)
    time = -1.5 + rng.random() * cycles[0]
    coupling = rng.uniform(0.52, 0.68)
    last = cycles[0]
    for rr, which in zip(cycles.tolist(), premature.tolist(), strict=True):
        if time > seconds:
            break
        # `time` is when the next sinus beat is due.
        if which == 1:
            early = max(coupling * rr + 0.02 * rng.standard_normal(), 0.33)
            out.beat(time - rr + early, early, VENTRICULAR)
            out.atrial(time - pr)  # the sinus P goes on, blocked, somewhere in ST-T
            time += rr  # fully compensatory pause
            last = 2 * rr - early
        elif which == 2:
            early = max((coupling + 0.06) * rr + 0.02 * rng.standard_normal(), 0.36)
            when = time - rr + early
            out.beat(when, early)
            out.atrial(when - 0.9 * pr, -0.7 if rhythm.focus_left else 0.8)
            time = when + 1.08 * rr  # the sinus node is reset
            last = 1.08 * rr
        else:
            out.beat(time, last)
            out.atrial(time - pr)
            time += rr
            last = rr
    return out


def _fibrillation(rhythm: Rhythm, seconds: float, rng: np.random.Generator) -> Beats:
    out = Beats(fibrillation=rhythm.fibrillation_mv)
    mean = 60 / rhythm.rate
    n = int((seconds + 3) / mean * 2) + 6
    spread = max(rhythm.variability, 0.12)
    cycles = np.maximum(mean * np.exp(spread * rng.standard_normal(n) - spread**2 / 2), SHORTEST_RR)
    premature = _premature(rhythm, n, rng)
    time = -1.5
    for rr, which in zip(cycles.tolist(), premature.tolist(), strict=True):
        if which == 1:
            early = max(0.6 * mean, 0.33)
            out.beat(time + early, early, VENTRICULAR)
            time += early
            rr = 1.15 * mean
        time += rr
        if time > seconds:
            break
        out.beat(time, rr)
    return out


def _flutter(rhythm: Rhythm, seconds: float, rng: np.random.Generator) -> Beats:
    cycle = 60 / rhythm.atrial_rate
    start = -1.5 - rng.random() * cycle
    out = Beats(flutter=cycle, flutter_start=start, fibrillation=rhythm.fibrillation_mv)
    time = start
    while time < seconds:
        steps = int(rng.choice(rhythm.conduction))
        time += steps * cycle
        out.beat(time + 0.006 * rng.standard_normal(), steps * cycle)
    return out


def _reentry(rhythm: Rhythm, start: float, stop: float, rng: np.random.Generator) -> Beats:
    """AV-node re-entry: fast, regular, with a small retrograde P at the end of QRS."""
    out = Beats()
    rr = 60 / rhythm.rate
    time = start + rng.random() * rr
    while time < stop:
        out.beat(time, rr)
        out.atrial(time + 0.085, -0.6)
        time += rr * (1 + 0.006 * rng.standard_normal())
    return out


def _paroxysm(rhythm: Rhythm, pr: float, seconds: float, rng: np.random.Generator) -> Beats:
    """Sinus rhythm in which a run of re-entry starts or stops within the recording."""
    switch = rng.uniform(0.3, 0.7) * seconds
    slow = Rhythm(rate=min(rhythm.rate * 0.5, 95.0), variability=0.02)
    if rng.random() < 0.5:
        first, second = _sinus(slow, pr, switch, rng), _reentry(rhythm, switch + 0.30, seconds, rng)
    else:
        first, second = _reentry(rhythm, -1.5, switch, rng), _sinus(slow, pr, seconds, rng)
        due = switch + 0.9  # the sinus node recovers late
        keep = [i for i, t in enumerate(second.qrs) if t >= due]
        second.qrs, second.rr = [second.qrs[i] for i in keep], [second.rr[i] for i in keep]
        second.kind = [second.kind[i] for i in keep]
        pairs = [(p, s) for p, s in zip(second.p, second.p_scale, strict=True) if p >= due - pr]
        second.p, second.p_scale = [p for p, _ in pairs], [s for _, s in pairs]
    for name in ("qrs", "kind", "rr", "p", "p_scale"):
        getattr(first, name).extend(getattr(second, name))
    return first


def _paced(rhythm: Rhythm, pr: float, seconds: float, rng: np.random.Generator) -> Beats:
    out = Beats()
    rr = 60 / rhythm.rate
    time = -1.5 + rng.random() * rr
    while time < seconds:
        out.beat(time, rr, VENTRICULAR)
        out.spikes.append(time - 0.012)
        if rhythm.atrial_pacing:
            out.atrial(time - pr)
            out.spikes.append(time - pr - 0.012)
        time += rr
    if not rhythm.atrial_pacing:
        atrial = 60 / rng.uniform(62, 95)
        when = -1.5 + rng.random() * atrial
        while when < seconds:  # the sinus node keeps its own, unrelated time
            out.atrial(when)
            when += atrial
    return out


def _blocked(rhythm: Rhythm, pr: float, seconds: float, rng: np.random.Generator) -> Beats:
    out = Beats()
    if rhythm.av_block == "complete":
        # `rate` is the escape rhythm's, `atrial_rate` the sinus node's; the two ignore each other.
        for period, add in ((60 / rhythm.rate, out.beat), (60 / min(rhythm.atrial_rate, 110.0), None)):
            time = -1.5 + rng.random() * period
            while time < seconds:
                if add is not None:
                    add(time, period, VENTRICULAR if rhythm.pvc > 0 else CONDUCTED)
                else:
                    out.atrial(time)
                time += period * (1 + 0.01 * rng.standard_normal())
        return out
    # `rate` is the sinus node's here.
    time, step, last = -1.5 + rng.random() * 60 / rhythm.rate, int(rng.integers(0, 3)), 60 / rhythm.rate
    length = int(rng.integers(3, 5)) if rhythm.av_block == "wenckebach" else 2
    previous = None
    for rr in _sinus_cycles(rhythm, seconds, rng).tolist():
        if time > seconds:
            break
        out.atrial(time)
        if step % length != length - 1:
            # Wenckebach: PR grows in shrinking steps until a beat is dropped.
            delay = pr + (0.09 * (step % length) ** 0.7 if rhythm.av_block == "wenckebach" else 0.0)
            last = time + delay - previous if previous is not None else rr
            out.beat(time + delay, last)
            previous = time + delay
        step += 1
        time += rr
    return out
