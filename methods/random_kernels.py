"""MiniRocket: thousands of fixed convolutions, of each of which only the share of positive values is kept."""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.simulate import Patient, draw_acquisition, draw_heart, draw_rhythm, simulate

TRIPLES = torch.tensor(list(combinations(range(9), 3)))
"""The three taps with weight 2 in each of the 84 kernels; the other six have weight -1."""

GOLDEN_RATIO = (5**0.5 + 1) / 2
REFERENCES = 64
"""Simulated recordings that biases are quantiles of."""


class RandomKernels(Method):
    """MiniRocket's convolutions over random groups of leads, with no weights that are trained.

    Source: Dempster, Schmidt and Webb, "MiniRocket", KDD 2021, and the multivariate version in aeon, whose outputs the
    tests store. Deviations: biases are quantiles of convolved simulated recordings, not of training recordings, because an
    encoder here sees no task; the classifier is that of the mode, not a ridge; each lead is z-scored.
    """

    name = "random-kernels"
    family = "features"
    input = InputSpec(fs=100, seconds=10, normalise="zscore-lead")
    only_modes: ClassVar = ("linear", "knn")
    smoke: ClassVar = {"features": 1000}

    class Config(MethodConfig):
        features: int = Field(10_000, ge=84, description="rounded down to a multiple of 84; MiniRocket")
        dilations: int = Field(32, ge=1, description="per kernel at most; MiniRocket")

    groups: Tensor
    weights: Tensor
    biases: Tensor

    def build(self, config: Config) -> None:
        self.dilations, self.per_dilation = dilations(self.input.length, config.features, config.dilations)
        kernels = len(TRIPLES)
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        groups = torch.zeros(len(self.dilations), kernels, 12, dtype=torch.float64)
        for row in groups.view(-1, 12):
            row[rng.choice(12, int(2 ** rng.uniform(0, np.log2(10))), replace=False)] = 1  # up to 9 leads
        weights = torch.full((kernels, 9), -1.0, dtype=torch.float64).scatter(1, TRIPLES, 2.0)
        self.register_buffer("groups", groups)
        self.register_buffer("weights", weights)
        self.register_buffer("biases", torch.empty(kernels * sum(self.per_dilation)))
        self._draw_biases(rng)

    def _draw_biases(self, rng: np.random.Generator) -> None:
        """Quantiles, along the multiples of the golden ratio, of one recording per kernel and dilation."""
        people = [Patient(draw_heart(rng), draw_rhythm(rng), draw_acquisition(rng)) for _ in range(REFERENCES)]
        ecg = torch.from_numpy(simulate(people, rng, self.input.fs, self.input.seconds))
        ecg = (ecg - ecg.mean(-1, keepdim=True)) / ecg.std(-1, keepdim=True).clamp(min=1e-6)
        start = 0
        for j, count in enumerate(self.per_dilation):
            chosen = torch.from_numpy(rng.integers(REFERENCES, size=len(TRIPLES)))
            for convolved in self._convolved_each(ecg[chosen], j):
                along = torch.arange(start + 1, start + count + 1, dtype=torch.float64) * GOLDEN_RATIO % 1
                self.biases[start : start + count] = torch.quantile(convolved, along)
                start += count

    def _convolved(self, ecg: Float[Tensor, "record lead time"], j: int) -> Float[Tensor, "record kernel time"]:
        """By all kernels at the dilation ``j``, zeros beyond the ends; float64, so that rounding decides no threshold."""
        taps, mixing = self._taps(ecg.double(), j)
        return mixing.flatten(1) @ taps.flatten(1, 2)

    def _convolved_each(self, ecg: Float[Tensor, "kernel lead time"], j: int) -> Float[Tensor, "kernel time"]:
        """One recording per kernel, by that kernel alone: the leads of its group are added first."""
        grouped = (self.groups[j][:, :, None] * ecg.double()).sum(1, keepdim=True)
        taps, _ = self._taps(grouped, j)
        return (self.weights[:, None] @ taps.squeeze(2)).squeeze(1)

    def _taps(self, ecg: Tensor, j: int) -> tuple[Tensor, Tensor]:
        """Inputs of the nine taps at the dilation ``j`` [record, tap, lead, time], and weights [kernel, tap, lead]."""
        step, samples = self.dilations[j], ecg.shape[-1]
        padded = torch.nn.functional.pad(ecg, (4 * step, 4 * step))
        taps = torch.stack([padded[..., k * step : k * step + samples] for k in range(9)], dim=1)
        return taps, self.weights[:, :, None] * self.groups[j][:, None]

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        shares, start = [], 0
        for j, (dilation, count) in enumerate(zip(self.dilations, self.per_dilation, strict=True)):
            convolved = self._convolved(batch.ecg, j)
            thresholds = self.biases[start : start + len(TRIPLES) * count].view(-1, count)
            shares_here = convolved.new_empty(len(batch), len(TRIPLES), count, dtype=torch.float32)
            for first, cut in ((j % 2, 0), (1 - j % 2, 4 * dilation)):  # every second kernel leaves the ends out
                inside = convolved[:, first::2, cut : convolved.shape[-1] - cut]
                for i, threshold in enumerate(thresholds[first::2].T):
                    shares_here[:, first::2, i] = (inside > threshold[:, None]).float().mean(dim=-1)
            shares.append(shares_here.flatten(1))
            start += thresholds.numel()
        return torch.cat(shares, dim=1)


def dilations(samples: int, features: int, most: int) -> tuple[list[int], list[int]]:
    """Dilations spread exponentially up to the length of the recording, and the features of a kernel at each."""
    per_kernel = features // len(TRIPLES)
    number = min(per_kernel, most)
    spread = np.logspace(0, np.log2((samples - 1) / 8), number, base=2).astype(np.int64)
    values, counts = np.unique(spread, return_counts=True)
    counts = (counts * (per_kernel / number)).astype(np.int64)
    for i in range(per_kernel - counts.sum()):
        counts[i % len(counts)] += 1
    return values.tolist(), counts.tolist()
