"""Statistics of each lead, without a network: the lower bound that a learned representation should exceed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.signals.median_beat import find_beats

QUANTILES = (0.05, 0.95)
FLOOR = 1e-6
"""mV², added to the power of a band before its logarithm; about that of rounding to a microvolt."""


class SimpleStatistics(Method):
    """Five statistics and twenty spectral bands of each lead, and the heart rate. It has no weights.

    Source: this package. Statistics of a lead: mean, SD, 5th and 95th percentile, mean absolute difference of successive
    samples. Bands have equal widths from 0 Hz; the logarithm of their power is taken. Heart rate and SD of the intervals
    between beats are read off all available leads and are 0 where fewer than two (three) beats are found.
    """

    name = "simple-statistics"
    family = "features"
    input = InputSpec(fs=100, seconds=10, partial_leads=True)
    only_modes: ClassVar = ("linear", "knn")

    class Config(MethodConfig):
        bands: int = Field(20, ge=1, description="spectral bands of a lead; this package")
        top: float = Field(40.0, gt=0, le=50, description="Hz, upper end of the last band; this package")

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        leads = lead_statistics(batch.ecg, self.input.fs, self.config.bands, self.config.top)
        leads = leads * batch.leads[..., None]  # absent leads are zeros, also in logarithms
        return torch.cat([leads.flatten(1), heart_rate(batch.ecg, batch.leads, self.input.fs)], dim=1)


def lead_statistics(
    ecg: Float[Tensor, "record lead time"], fs: float, bands: int, top: float
) -> Float[Tensor, "record lead feature"]:
    """Mean, SD, percentiles 5 and 95, mean absolute difference (mV), and the logarithm of the power of each band."""
    ecg = ecg.float()
    mean = ecg.mean(dim=-1, keepdim=True)
    centred = ecg - mean
    quantiles = torch.quantile(ecg, ecg.new_tensor(QUANTILES), dim=-1).movedim(0, -1)
    slope = ecg.diff(dim=-1).abs().mean(dim=-1, keepdim=True)
    power = torch.fft.rfft(centred).abs().square() * (2 / ecg.shape[-1] ** 2)
    hz = torch.fft.rfftfreq(ecg.shape[-1], 1 / fs, device=ecg.device)
    band = (hz * (bands / top)).long()
    inside = (band < bands) & (hz < top)
    of_bands = power.new_zeros(*ecg.shape[:-1], bands).index_add(-1, band[inside], power[..., inside])
    spread = centred.square().mean(dim=-1, keepdim=True).sqrt()
    return torch.cat([mean, spread, quantiles, slope, torch.log(of_bands + FLOOR)], dim=-1)


def heart_rate(
    ecg: Float[Tensor, "record lead time"], leads: Bool[Tensor, "record lead"], fs: float
) -> Float[Tensor, "record 2"]:
    """Beats per second and the SD of the intervals between them in seconds."""
    rates = np.zeros((len(ecg), 2), np.float32)
    available = leads.cpu().numpy()
    for i, signal in enumerate(ecg.detach().float().cpu().numpy()):
        intervals = np.diff(find_beats(signal[available[i]], fs)) / fs
        if len(intervals):
            rates[i] = 1 / np.median(intervals), intervals.std()
    return torch.from_numpy(rates).to(ecg.device)
