"""The fifteen ECG parameters of LLM-DAN's traditional model (V-C): reported by the recorder, else measured from the beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.signals.leads import LEADS
from bench.signals.measurement import BeatMeasurements, measure_beat
from bench.signals.median_beat import find_beats, median_beat

PARAMETERS = (
    "ventricular rate",
    "left-axis deviation",
    "right-axis deviation",
    "prolonged P wave",
    "prolonged PR interval",
    "prolonged QRS",
    "prolonged QT interval",
    "delayed intrinsicoid deflection",
    "abnormal P axis",
    "left ventricular hypertrophy",
    "abnormal QRS-T angle",
    "low QRS voltage",
    "ST-T abnormality",
    "right bundle-branch block",
    "left bundle-branch block",
)
"""In the paper's order; the first is a number per minute, the others hold or do not."""

_LIMB, _CHEST = [LEADS.index(lead) for lead in ("I", "II", "III")], list(range(6, 12))
_LATERAL = [LEADS.index(lead) for lead in ("I", "II", "aVL", "V2", "V3", "V4", "V5", "V6")]


def ecg_parameters(
    ecg: Float[np.ndarray, "lead time"], fs: float, reported: Mapping[str, Any]
) -> Float[np.ndarray, " parameter"]:
    """The parameters of one recording; NaN where the rate is unknown, and 0 for a finding that cannot be determined.

    Args:
        ecg: mV, ten seconds, twelve leads.
        fs: Hz.
        reported: the record's columns: ``ecg_*`` as the recorder measured them (ms, degrees, mV), and ``sex``.

    Thresholds are the paper's (V-C) where it prints them. It names sources for the others: hypertrophy is Sokolow-Lyon's
    (SV1 + RV5 or RV6 of 3.5 mV; Devereux et al. 1984), low voltage Minnesota 9-1, ST-T 4-1 to 5-2, right bundle-branch
    block 7-2 and left 7-1 (Prineas et al. 2009), in the plain form written below.
    """
    beat = measure_beat(median_beat(ecg, fs), fs)

    def value(column: str, measured: float) -> float:
        stated = reported.get(column)
        return float(stated) if stated is not None and not pd.isna(stated) else measured

    woman = str(reported.get("sex", "")).lower() in ("female", "f")
    rate = value("ecg_ventricular_rate", _rate(ecg, fs))
    qrs = value("ecg_qrs_duration", beat.qrs_duration)
    p_axis, r_axis, t_axis = (value(f"ecg_{w}_axis", getattr(beat, f"{w}_axis")) for w in ("p", "r", "t"))
    p_axis, r_axis = _wrapped(p_axis), _wrapped(r_axis)
    qt = value("ecg_qt_interval", beat.qt_interval) + 154 * (1 - 60 / rate)  # Framingham (Sagie et al. 1992), ms
    v1, v5, v6 = (LEADS.index(lead) for lead in ("V1", "V5", "V6"))
    sokolow = value("ecg_sokolow_lyon", -beat.s[v1] + max(beat.r[v5], beat.r[v6]))
    right, left = _blocks(beat, qrs)
    findings = (
        -180 <= r_axis < -30,
        90 < r_axis <= 180,
        value("ecg_p_duration", beat.p_duration) > 120,
        value("ecg_pr_interval", beat.pr_interval) > 200,
        qrs > 100,
        qt >= (460 if woman else 450),
        max(beat.r_peak[v5], beat.r_peak[v6]) > 50,
        p_axis < 0 or p_axis > 75,
        sokolow >= 3.5,
        abs(_wrapped(r_axis - t_axis)) > (77 if woman else 88),
        _low_voltage(beat),
        _st_t(beat),
        right,
        left,
    )
    return np.array([rate, *(float(bool(present)) for present in findings)])


def _rate(ecg: np.ndarray, fs: float) -> float:
    beats = find_beats(ecg, fs)
    return 60 * fs / float(np.median(np.diff(beats))) if len(beats) > 1 else np.nan


def _wrapped(degrees: float) -> float:
    """Between -180 and 180."""
    return (degrees + 180) % 360 - 180


def _low_voltage(beat: BeatMeasurements) -> bool:
    """QRS from peak to peak below 0.5 mV in all of I to III, or below 1 mV in all chest leads."""
    swing = beat.r - np.minimum(beat.q, beat.s)
    return bool((swing[_LIMB] < 0.5).all() or (swing[_CHEST] < 1.0).all())


def _st_t(beat: BeatMeasurements) -> bool:
    """ST 0.05 mV down or T 0.1 mV down in a lead that looks at the left ventricle."""
    return bool((beat.st[_LATERAL] <= -0.05).any() or (beat.t[_LATERAL] <= -0.1).any())


def _blocks(beat: BeatMeasurements, qrs: float) -> tuple[bool, bool]:
    """Right: QRS of 120 ms that ends upwards in V1 and downwards in I or V6. Left: QRS of 120 ms that ends downwards in
    V1, with R late (60 ms) and without Q in I or V6."""
    v1, v6, lead_one = (LEADS.index(lead) for lead in ("V1", "V6", "I"))
    if not qrs >= 120:
        return False, False
    right = beat.late[v1] > 0.05 and min(beat.late[lead_one], beat.late[v6]) < -0.02
    late = any(beat.r_peak[lead] >= 60 and beat.q[lead] > -0.05 for lead in (lead_one, v6))
    left = not right and -beat.s[v1] > beat.r[v1] and late
    return bool(right), bool(left)
