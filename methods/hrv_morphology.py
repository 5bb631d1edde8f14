"""Heart rate, intervals and amplitudes as NeuroKit2 measures them, without a network."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS

INTERVALS = (
    ("ECG_P_Onsets", "ECG_P_Offsets"),
    ("ECG_P_Onsets", "ECG_R_Onsets"),
    ("ECG_R_Onsets", "ECG_R_Offsets"),
    ("ECG_R_Onsets", "ECG_T_Offsets"),
    ("ECG_P_Peaks", "ECG_R_Peaks"),
    ("ECG_Q_Peaks", "ECG_S_Peaks"),
    ("ECG_R_Peaks", "ECG_T_Peaks"),
    ("ECG_T_Onsets", "ECG_T_Offsets"),
)
"""P, PR, QRS and QT; from P to R, Q to S and R to T, peak to peak; T."""
WAVES = ("ECG_P_Peaks", "ECG_Q_Peaks", "ECG_R_Peaks", "ECG_S_Peaks", "ECG_R_Offsets", "ECG_T_Peaks")
"""Times at which every lead is measured; the end of QRS represents the J point."""
RATE = 4
"""Beats per second; SDNN and RMSSD in seconds; share of successive intervals that differ by more than 50 ms."""
NOT_DELINEATED = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError)
"""What NeuroKit2 raises on recordings in which it finds too few beats."""


class HRVMorphology(Method):
    """Heart rate variability, intervals and amplitudes of all leads, by NeuroKit2; it has no weights.

    Source: Makowski et al., "NeuroKit2: A Python toolbox for neurophysiological signal processing", Behavior Research
    Methods 2021. Beats are found and delineated in one lead, lead II if it is there, and all leads are measured at the times
    of its waves, against their level at the onset of QRS; medians over the beats. What cannot be measured is 0, and a last
    number states the share of beats with a P wave. NeuroKit2's onsets of QRS lie early (QRS of 170 ms or more in seven of
    eight recordings of PTB-XL): these are features, not measurements for a physician.
    """

    name = "hrv-morphology"
    family = "features"
    input = InputSpec(fs=500, seconds=10, partial_leads=True)
    only_modes: ClassVar = ("linear", "knn")

    class Config(MethodConfig):
        fs: int = Field(500, ge=100, description="Hz; the rate at which most recorders store; this package")
        delineation: str = Field(
            "dwt", pattern="^(dwt|peak|cwt|prominence)$", description="method of ecg_delineate; NeuroKit2's default"
        )

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        toolbox = _neurokit2()
        ecg, leads = batch.ecg.detach().float().cpu().numpy(), batch.leads.cpu().numpy()
        rows = [
            morphology(signal, present, self.input.fs, toolbox, self.config.delineation)
            for signal, present in zip(ecg, leads, strict=True)
        ]
        return torch.from_numpy(np.stack(rows)).to(batch.ecg.device)


def _neurokit2() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("neurokit2") is None:
        raise ConfigError("hrv-morphology needs NeuroKit2: pip install 'ecg-bench[neurokit2]'.")
    import neurokit2

    return neurokit2


def morphology(
    ecg: Float[np.ndarray, "lead time"], present: np.ndarray, fs: float, toolbox: Any, method: str = "dwt"
) -> Float[np.ndarray, " feature"]:
    """Features of one recording, float32.

    Args:
        ecg: mV.
        present: bool [lead].
        fs: Hz.
        toolbox: the module ``neurokit2``.
        method: of its delineation.
    """
    features = np.zeros(RATE + len(INTERVALS) + len(WAVES) * len(LEADS) + 1, np.float32)
    available = np.flatnonzero(present)
    if not len(available):
        return features
    lead = LEADS.index("II") if present[LEADS.index("II")] else int(available[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty means, and of signals without beats
        try:
            clean = toolbox.ecg_clean(ecg[lead], sampling_rate=fs)
            beats = np.asarray(toolbox.ecg_peaks(clean, sampling_rate=fs)[1]["ECG_R_Peaks"])
            features[:RATE] = _rhythm(beats, fs)
            waves = toolbox.ecg_delineate(clean, beats, sampling_rate=fs, method=method)[1]
        except NOT_DELINEATED:
            return features
        at = {name: np.asarray(times, float) for name, times in waves.items()} | {"ECG_R_Peaks": beats.astype(float)}
        intervals = [_median((_times(at, end, beats) - _times(at, start, beats)) / fs) for start, end in INTERVALS]
        amplitudes = [_amplitudes(ecg, at, name, beats) * present for name in WAVES]
    features[RATE:-1] = np.concatenate([np.array(intervals), np.concatenate(amplitudes)])
    features[-1] = np.isfinite(_times(at, "ECG_P_Peaks", beats)).mean() if len(beats) else 0.0
    return features


def _rhythm(beats: np.ndarray, fs: float) -> np.ndarray:
    intervals = np.diff(beats) / fs
    if len(intervals) < 2:
        return np.zeros(RATE)
    steps = np.diff(intervals)
    rmssd, pnn50 = np.sqrt(np.square(steps).mean()), (np.abs(steps) > 0.05).mean()
    return np.array([1 / intervals.mean(), intervals.std(), rmssd, pnn50])


def _times(at: dict[str, np.ndarray], name: str, beats: np.ndarray) -> np.ndarray:
    """Samples of a wave, one per beat; NaN where it was not found or the method does not give it."""
    times = at.get(name, np.empty(0))
    return times if len(times) == len(beats) else np.full(len(beats), np.nan)


def _amplitudes(ecg: np.ndarray, at: dict[str, np.ndarray], name: str, beats: np.ndarray) -> np.ndarray:
    """Median over the beats of each lead at a wave, against its level at the onset of QRS [lead], mV."""
    wave, level = _times(at, name, beats), _times(at, "ECG_R_Onsets", beats)
    known = np.isfinite(wave) & np.isfinite(level)
    if not known.any():
        return np.zeros(len(ecg))
    here, onset = (np.clip(times[known].astype(int), 0, ecg.shape[1] - 1) for times in (wave, level))
    return np.median(ecg[:, here] - ecg[:, onset], axis=1)


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else 0.0
