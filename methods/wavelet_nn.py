"""Wavelet features and a small network: the benchmark's baseline without deep learning."""

from __future__ import annotations

import numpy as np
import pywt
import torch
from jaxtyping import Float
from pydantic import Field
from sklearn.preprocessing import StandardScaler
from torch import nn

from bench.method import LabelledData, Method, MethodConfig
from bench.signals.input_spec import InputSpec
from bench.training.objective import objective_for


class WaveletNN(Method):
    """Twelve statistics of each wavelet band of each lead, standardised, and one hidden layer.

    Source: Strodthoff et al., IEEE JBHI 2021, "Wavelet+NN", and its released code: db6 to level 5, Adamax, the epoch
    with the lowest validation loss.
    """

    name = "wavelet-nn"
    family = "supervised"
    input = InputSpec(fs=100, seconds=10)

    class Config(MethodConfig):
        wavelet: str = Field("db6", description="mother wavelet; released code")
        level: int = Field(5, ge=1, description="decompositions, which give level + 1 bands; released code")
        hidden: int = Field(128, ge=1, description="units; released code")
        dropout: float = Field(0.25, ge=0, lt=1, description="after the hidden layer; released code")
        epochs: int = Field(30, ge=1, description="passes over the labelled fraction; released code")
        batch_size: int = Field(128, ge=1, description="recordings in a step; released code")
        lr: float = Field(2e-3, gt=0, description="of Adamax; Keras's default, which the released code leaves")

    net: nn.Sequential

    def fit(self, train: LabelledData, validation: LabelledData) -> WaveletNN:
        config = self.config
        self.objective = objective_for(train.kind, train.n_outputs)
        known = self._features(train)
        self.scaler = StandardScaler().fit(known)
        x, y = self._scaled(known), torch.from_numpy(train.targets)
        held_x, held_y = self._scaled(self._features(validation)), torch.from_numpy(validation.targets)
        self.net = nn.Sequential(
            nn.Linear(x.shape[1], config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, self.objective.n_outputs),
        )
        optimiser = torch.optim.Adamax(self.net.parameters(), lr=config.lr)
        best: tuple[float, dict] = (np.inf, {})
        for _ in range(config.epochs):
            self.net.train()
            for rows in torch.randperm(len(x)).split(config.batch_size):
                loss = self.objective.loss(self.net(x[rows]), y[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            self.net.eval()
            with torch.no_grad():
                held = self.objective.loss(self.net(held_x), held_y).item()
            if held < best[0]:
                best = (held, {k: v.clone() for k, v in self.net.state_dict().items()})
        if best[1]:
            self.net.load_state_dict(best[1])
        return self

    def predict(self, data: LabelledData) -> np.ndarray:
        """Scores of a partition."""
        self.net.eval()
        with torch.no_grad():
            return self.objective.scores(self.net(self._scaled(self._features(data))))

    def _scaled(self, features: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.scaler.transform(features).astype(np.float32))

    def _features(self, data: LabelledData) -> np.ndarray:
        return np.concatenate(
            [wavelet_features(batch.ecg.numpy(), self.config.wavelet, self.config.level) for batch in data.batches]
        )


def wavelet_features(
    ecg: Float[np.ndarray, "record lead time"], wavelet: str = "db6", level: int = 5
) -> Float[np.ndarray, "record feature"]:
    """For each lead and band, coarsest first: entropy, zero and mean crossings, percentiles 5, 25, 75, 95 and 50, mean,
    standard deviation, variance and mean absolute value (which the released code calls RMS)."""
    bands = pywt.wavedec(ecg.astype(np.float64), wavelet, level=level, axis=-1)
    return np.stack([_statistics(band) for band in bands], axis=2).reshape(len(ecg), -1)


def _statistics(band: Float[np.ndarray, "record lead time"]) -> Float[np.ndarray, "record lead 12"]:
    mean = band.mean(axis=-1)
    crossings = [np.diff(band > line, axis=-1).sum(axis=-1) for line in (0, mean[..., None])]
    percentiles = np.percentile(band, (5, 25, 75, 95, 50), axis=-1)
    spread = [mean, band.std(axis=-1), band.var(axis=-1), np.abs(band).mean(axis=-1)]
    return np.stack([_entropy(band), *crossings, *percentiles, *spread], axis=-1)


def _entropy(band: Float[np.ndarray, "record lead time"]) -> Float[np.ndarray, "record lead"]:
    """Of the distribution of distinct values, in nats: log(time) unless values repeat, as they do in a flat lead."""
    samples = band.shape[-1]
    ordered = np.sort(band, axis=-1)
    new = np.ones(band.shape, bool)
    new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    run = np.cumsum(new.ravel()) - 1
    share = np.bincount(run) / samples
    first = run.reshape(-1, samples)[:, 0]
    return -np.add.reduceat(share * np.log(share), first).reshape(band.shape[:-1])
