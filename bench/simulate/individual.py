"""Differences between people without disease: hearts, rhythms and recordings drawn from age, sex and build.

Spreads are set so that amplitudes and intervals of drawn normal hearts cover the published normal ranges (and those of
normal PTB-XL recordings): for example R in V5 0.7-2.2 mV, S in V2 0.5-2.3 mV, QRS axis -20 to 95 degrees.
"""

from __future__ import annotations

import numpy as np

from bench.simulate.heart import Acquisition, Heart, Rhythm
from bench.simulate.leadfield import ELECTRODES


def draw_heart(
    rng: np.random.Generator, age: float = 55.0, female: bool = False, body_mass_index: float = 25.0
) -> Heart:
    """A healthy heart in a body of the given age (years), sex and body mass index (kg per square metre).

    Age and weight turn the axis to the left and flatten T; women have smaller QRS and T in V2-V4 and a longer QTc.
    """
    z = rng.standard_normal(14)
    decades = (age - 50) / 10
    heavy = np.clip((body_mass_index - 25) / 5, -1.5, 3)
    return Heart(
        amplitude=float(np.exp(-0.02 + 0.18 * z[0] - 0.06 * heavy - 0.03 * decades) * (0.96 if female else 1.02)),
        precordial_gain=float(np.exp(0.15 * z[1] - 0.04 * heavy) * (0.88 if female else 1.04)),
        frontal_rotation=float(3 + 21 * z[2] - 5 * decades - 5 * heavy),
        horizontal_rotation=float(-2 + 13 * z[3] - 2 * decades),
        electrode_shift=float(0.28 * z[4]),
        electrode_height=float(0.45 * z[5]),
        fingerprint=int(rng.integers(0, 2**31)),
        lv_mass=float(np.exp(0.09 * z[6])),
        rv_mass=1.0,
        la_size=float(np.exp(0.08 * z[7])),
        ra_size=float(np.exp(0.09 * z[8])),
        pr_ms=float(np.clip(157 + 18 * z[9] + 3 * decades, 118, 202)),
        p_axis=float(15 * rng.standard_normal()),
        p_amplitude=float(np.exp(0.22 * rng.standard_normal())),
        qrs_stretch=float(np.exp(0.075 * z[10]) * (0.97 if female else 1.02)),
        notching=float(np.abs(0.17 * rng.standard_normal())),
        # A small share of healthy people has a delayed right ventricle (rSr'), far below an incomplete block.
        rbbb=float(rng.uniform(0.02, 0.25) if rng.random() < 0.10 else 0.0),
        qtc_ms=float(np.clip((410 if female else 400) + 15 * z[11] + 2 * decades, 360, 446)),
        t_amplitude=float(np.exp(0.21 * z[12]) * (1.05 - 0.045 * decades) * (0.88 if female else 1.08)),
        t_frontal_rotation=float(11 * rng.standard_normal()),
        t_horizontal_rotation=float(12 * z[13] + (8 if female else -2)),
        j_point_mv=float(max(0.0, 0.02 + 0.03 * rng.standard_normal() + (0.0 if female else 0.02) - 0.008 * decades)),
        u_wave=float(max(0.0, 0.10 * rng.standard_normal())),
    )


def draw_rhythm(rng: np.random.Generator, age: float = 55.0) -> Rhythm:
    """Sinus rhythm of 60-100 per minute; respiratory arrhythmia fades with age."""
    young = np.clip((60 - age) / 40, 0, 1)
    return Rhythm(
        rate=float(np.clip(73 + 10.5 * rng.standard_normal(), 60.5, 98)),
        variability=float(rng.uniform(0.004, 0.018)),
        respiratory=float(rng.uniform(0.003, 0.02 + 0.025 * young)),
        fibrillation_mv=float(0.06 * np.exp(0.35 * rng.standard_normal())),
        focus_left=bool(rng.random() < 0.45),
        focus_rotation=float(rng.choice([-75.0, 40.0]) + 22 * rng.standard_normal()),
        spike_mv=float(0.9 * np.exp(0.5 * rng.standard_normal())),
    )


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    """An ordinary clinical recording: a little of everything, now and then a restless electrode or a burst."""
    acquisition = Acquisition(
        wander_mv=float(0.034 * np.exp(0.6 * rng.standard_normal())),
        muscle_mv=float(0.006 * np.exp(0.5 * rng.standard_normal())),
        mains_mv=float(0.0025 * np.exp(0.7 * rng.standard_normal())),
    )
    if rng.random() < 0.15:
        limb = str(rng.choice(ELECTRODES[:3]))
        acquisition.noisy_electrodes[limb] = float(rng.uniform(2.5, 6))
    if rng.random() < 0.15:
        acquisition.drifting_electrodes[str(rng.choice(ELECTRODES))] = float(rng.uniform(3, 8))
    if rng.random() < 0.03:
        acquisition.burst_electrodes = (str(rng.choice(ELECTRODES)),)
        acquisition.burst_mv = float(rng.uniform(0.05, 0.25))
    if rng.random() < 0.01:
        acquisition.loose_electrode = str(rng.choice(ELECTRODES[3:]))
    return acquisition
