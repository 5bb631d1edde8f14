"""Recordings of simulated patients: beats over time, atrial activity, pacing spikes and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.errors import ConfigError
from bench.simulate.beats import QRS_LEAD_IN, Templates, templates, ventricular_focus
from bench.simulate.heart import Hearts, Patient
from bench.simulate.leadfield import TWELVE, lead_field
from bench.simulate.noise import noise
from bench.simulate.rhythm import VENTRICULAR, Beats, beats

_PAD = 2.0  # seconds of canvas on each side, so that no beat has to be clipped
_CHUNK = 64  # recordings whose templates are drawn together; results do not depend on it


def simulate(
    patients: Sequence[Patient], rng: np.random.Generator | int, fs: int = 500, seconds: float = 10.0
) -> np.ndarray:
    """Twelve-lead recordings of ``patients``: float32 [record, lead, time], mV, leads in ``LEADS`` order.

    Each recording draws from its own stream, so the first of ten is the first of a thousand: only ``rng`` and the
    position count. Limb leads satisfy Einthoven's and Goldberger's relations to float32 precision.

    Raises:
        ConfigError: for a rate or length that makes no recording, or a patient outside the model's range.
    """
    if fs < 50 or seconds <= 0:
        raise ConfigError(f"simulate(fs={fs}, seconds={seconds}): expected fs of at least 50 Hz and a positive length.")
    rng = np.random.default_rng(rng)
    samples = round(fs * seconds)
    out = np.empty((len(patients), 12, samples), np.float32)
    seeds = rng.integers(0, 2**63, size=len(patients))
    for start in range(0, len(patients), _CHUNK):
        some = patients[start : start + _CHUNK]
        streams = [np.random.default_rng(int(s)) for s in seeds[start : start + len(some)]]
        _simulate_chunk(some, streams, fs, seconds, out[start : start + len(some)])
    return out


def _simulate_chunk(
    patients: Sequence[Patient], streams: list[np.random.Generator], fs: int, seconds: float, out: np.ndarray
) -> None:
    heart = Hearts.stack([p.heart for p in patients])
    timing = [beats(p.rhythm, p.heart.pr_ms / 1000, seconds, rng) for p, rng in zip(patients, streams, strict=True)]
    rr = np.array([float(np.median(t.rr)) if t.rr else 0.85 for t in timing])
    normal = templates(heart, rr, fs)
    ectopic_of = np.flatnonzero([VENTRICULAR in t.kind for t in timing])
    focus_left = np.array([p.rhythm.focus_left for p in patients])
    focus_rotation = np.array([p.rhythm.focus_rotation for p in patients], float)
    # A premature beat repolarises with the QT of the rhythm that it interrupts.
    focus = ventricular_focus(heart.take(ectopic_of), focus_left[ectopic_of], focus_rotation[ectopic_of])
    ectopic = templates(focus, rr[ectopic_of], fs)
    ectopic_row = {int(r): k for k, r in enumerate(ectopic_of)}
    field = lead_field(heart).astype(np.float32)
    for r, (patient, rng, when) in enumerate(zip(patients, streams, timing, strict=True)):
        canvas = np.zeros((8, out.shape[-1] + 2 * round(_PAD * fs)), np.float32)
        _lay_out(canvas, when, normal, r, ectopic, ectopic_row.get(r), rr[r], fs, rng)
        inside = canvas[:, round(_PAD * fs) : round(_PAD * fs) + out.shape[-1]]
        if when.fibrillation > 0:
            _add_atrial_waves(inside, when, field[r], fs, rng)
        for spike in when.spikes:
            at = round(spike * fs)
            if 0 <= at < inside.shape[1]:
                inside[:, at] += patient.rhythm.spike_mv * (field[r] @ np.array([0.45, 0.80, -0.25], np.float32))
        inside += noise(patient.acquisition, fs, out.shape[-1], rng)
        np.matmul(TWELVE, inside, out=out[r])


def _lay_out(
    canvas: np.ndarray,
    when: Beats,
    normal: Templates,
    r: int,
    ectopic: Templates,
    e: int | None,
    rr: float,
    fs: int,
    rng: np.random.Generator,
) -> None:
    breath = rng.random() * 2 * np.pi
    depth = rng.uniform(0.01, 0.05)
    pad = round(_PAD * fs)
    for time, kind, before in zip(when.qrs, when.kind, when.rr, strict=True):
        drawn, k = (ectopic, e) if kind == VENTRICULAR and e is not None else (normal, r)
        # Breathing turns the heart a little: QRS swells and shrinks by a few per cent.
        swell = np.float32(1 + depth * np.sin(2 * np.pi * 0.25 * time + breath))
        at = pad + round((time - QRS_LEAD_IN) * fs)
        canvas[:, at : at + drawn.qrs.shape[-1]] += swell * drawn.qrs[k]
        st = drawn.st[k]
        stretch = float(np.cbrt(np.clip(before, 0.28, 2.0) / np.clip(rr, 0.28, 2.0)))
        # QT follows single beats only partly and late (restitution), hence the square root.
        if abs(stretch - 1) > 0.02 and kind != VENTRICULAR:
            st = _resample(st, stretch**0.5)
        at = pad + round(time * fs)
        canvas[:, at : at + st.shape[-1]] += st
    for time, scale in zip(when.p, when.p_scale, strict=True):
        at = pad + round(time * fs)
        if 0 <= at < canvas.shape[1] - normal.p.shape[-1]:
            canvas[:, at : at + normal.p.shape[-1]] += np.float32(scale) * normal.p[r]


def _resample(template: np.ndarray, stretch: float) -> np.ndarray:
    """The template with its time axis stretched, linearly interpolated, same length."""
    n = template.shape[-1]
    at = np.minimum(np.arange(n) / stretch, n - 1.001)
    left = at.astype(int)
    share = (at - left).astype(np.float32)
    return template[:, left] * (1 - share) + template[:, left + 1] * share


def _add_atrial_waves(inside: np.ndarray, when: Beats, field: np.ndarray, fs: int, rng: np.random.Generator) -> None:
    samples = inside.shape[1]
    time = np.arange(samples) / fs
    if when.flutter > 0:
        # A sawtooth: slow fall, quick rise in the inferior leads (negative F waves), upright in V1.
        phase = ((time - when.flutter_start) / when.flutter) % 1.0
        corner = 0.72
        saw = np.where(phase < corner, 1 - 2 * phase / corner, -1 + 2 * (phase - corner) / (1 - corner))
        width = max(3, round(0.016 * fs)) | 1
        saw = np.convolve(np.pad(saw, width // 2, mode="edge"), np.ones(width) / width, "valid")
        axis = np.array([-0.02, 0.95, -0.65], np.float32)
        inside += (when.fibrillation * (field @ axis))[:, None] * saw.astype(np.float32)
        return
    # Fibrillation: two wavelets whose frequency (5-7 Hz) and size wander, strongest over the right atrium (V1).
    knots = int(3 * samples / fs) + 3
    grid = np.linspace(0, samples - 1, knots)
    main = rng.uniform(5.0, 7.0)
    for vector, share in (((-0.30, 0.25, -0.95), 1.0), ((0.25, 0.75, 0.10), 0.75)):
        frequency = np.interp(np.arange(samples), grid, main * (1 + 0.20 * rng.standard_normal(knots)))
        size = np.interp(np.arange(samples), grid, np.clip(1 + 0.55 * rng.standard_normal(knots), 0.1, 2.2))
        phase = 2 * np.pi * (np.cumsum(frequency) / fs + rng.random())
        wave = size * (np.sin(phase) + 0.35 * np.sin(2 * phase + 1.0))
        along = field @ np.array(vector, np.float32)
        inside += (share * when.fibrillation * along)[:, None] * wave.astype(np.float32)
