"""Objectives of the task kinds for training a head: outputs, loss, scores, and the value to select by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from bench import kinds
from bench.errors import DataError
from bench.scoring import classification, regression
from bench.scoring.survival import harrell_c

LossName = Literal["binary", "softmax", "squared", "cox"]

SEPARATE = ("binary", "squared")
"""Losses that are means over outputs as well as records, so that a single unknown target (NaN) can be left out."""


def cox_loss(log_risk: Float[Tensor, " record"], years: Float[Tensor, " record"], event: Tensor) -> Float[Tensor, ""]:
    """Negative log partial likelihood, Breslow's handling of ties, mean over the events of the batch; 0 without events."""
    order = torch.argsort(years, descending=True, stable=True)
    log_risk, years, event = log_risk[order], years[order], event[order] > 0
    at_risk = torch.logcumsumexp(log_risk, dim=0)
    # With ties, everyone with the same time is at risk: take the sum at the last of them in descending order.
    last = torch.searchsorted(-years, -years, right=True) - 1
    terms = (at_risk[last] - log_risk)[event]
    return terms.mean() if len(terms) else log_risk.sum() * 0.0


EVENTS_A_BATCH = 4


def survival_batch(batch_size: int, targets: np.ndarray) -> int:
    """``batch_size``, doubled until it holds ``EVENTS_A_BATCH`` events on average, at most all records.

    The partial likelihood of a batch is over its events; without one there is nothing to learn from. LLM-DAN (section
    IV-B) does so by hand: 128 where 4 % have the event, 1,024 where 1.4 % have it.

    Args:
        targets: of the training records, [record, 2] = (years, event).

    Raises:
        DataError: all of them are censored.
    """
    events = int((targets[:, 1] > 0).sum())
    if not events:
        raise DataError(
            f"none of the {len(targets):,} training records has an event, so that no risk can be learned from them. Use a "
            f"larger copy of the data, or a larger fraction of it."
        )
    size = batch_size
    while size < len(targets) and size * events < EVENTS_A_BATCH * len(targets):
        size *= 2
    return min(size, len(targets))


class Objective(ABC):
    """What a head learns for one kind of task: outputs, loss, scores, and the value to select by.

    A kind of task (:class:`bench.kinds.Kind`) names its subclass; :func:`objective_for` finds it. A subclass states one of
    four losses, which every head of the harness can be trained by, and translates between it and the task: ``learned`` from
    targets to what the outputs are compared with, ``scores`` from outputs to what is scored.

    Args:
        n_outputs: classes or regression targets (1 for survival).
        label_smoothing: share of every class label that is spread evenly over the answers (all classes, or yes and no).
        training_targets: of the training records.
    """

    loss_name: ClassVar[LossName]
    """Binary cross-entropy, cross-entropy, squared error, or Cox's partial likelihood."""
    couples_records: ClassVar[bool] = False
    """Whether the loss compares the records of a batch with each other: every batch then holds its share of the strata."""

    def __init__(self, n_outputs: int, label_smoothing: float = 0.0, training_targets: np.ndarray | None = None):
        self.n_outputs = n_outputs
        self.label_smoothing = label_smoothing

    def loss(self, outputs: Float[Tensor, "record output"], targets: Tensor) -> Float[Tensor, ""]:
        """Mean loss of a batch, over its known targets; 0 without any."""
        learned = self.learned(targets)
        if self.loss_name in SEPARATE and learned.is_floating_point() and (unknown := learned.isnan()).any():
            outputs, learned = outputs[~unknown], learned[~unknown]
            if not len(learned):
                return outputs.sum() * 0.0
        if self.loss_name == "binary":
            smoothed = learned.to(outputs.dtype) * (1 - self.label_smoothing) + self.label_smoothing / 2
            return functional.binary_cross_entropy_with_logits(outputs, smoothed)
        if self.loss_name == "softmax":
            return functional.cross_entropy(outputs, learned.long(), label_smoothing=self.label_smoothing)
        if self.loss_name == "squared":
            return functional.mse_loss(outputs, learned.to(outputs.dtype))
        return cox_loss(outputs[:, 0], learned[:, 0].to(outputs.dtype), learned[:, 1])

    def learned(self, targets: Shaped[Tensor, "record ..."]) -> Shaped[Tensor, "record ..."]:
        """What the outputs are compared with; the targets as they are, unless a kind translates them."""
        return targets

    @abstractmethod
    def scores(self, outputs: Float[Tensor, "record output"]) -> Float[np.ndarray, "record ..."]:
        """Outputs as :func:`bench.scoring.score.score` takes them: probabilities, log risk or values; float64."""

    @abstractmethod
    def selection_value(
        self, targets: Shaped[np.ndarray, "record ..."], scores: Shaped[np.ndarray, "record ..."]
    ) -> float:
        """The value on validation data by which weights are chosen; higher is better."""

    def batch_size(self, wanted: int, targets: np.ndarray) -> int:
        """The batch size for these training targets: what the config asks for, unless the loss needs more."""
        return wanted

    def strata(self, targets: np.ndarray) -> np.ndarray | None:
        """What a batch can hold in its share of the training set [record]; None where a record has several such."""
        return None

    def votes(self, targets: Shaped[np.ndarray, "known ..."]) -> Float[Tensor, "known output"]:
        """What each labelled record votes for as a neighbour; NaN where that is unknown."""
        return torch.from_numpy(targets.astype(np.float32))

    def voted_scores(self, votes: Float[np.ndarray, "record output"]) -> Float[np.ndarray, "record ..."]:
        """The neighbours' mean votes, shaped as scores are."""
        return votes


def objective_for(
    kind: str, n_outputs: int, label_smoothing: float = 0.0, training_targets: np.ndarray | None = None
) -> Objective:
    """The objective of a kind of task."""
    objective: Objective = kinds.load(kind).load_objective()(n_outputs, label_smoothing, training_targets)
    return objective


class MultilabelObjective(Objective):
    """A yes or no for each class."""

    loss_name = "binary"

    def scores(self, outputs: Tensor) -> np.ndarray:
        return torch.sigmoid(_double(outputs)).numpy()

    def selection_value(self, targets: np.ndarray, scores: np.ndarray) -> float:
        return float(classification.macro(classification.auroc(targets, scores)))

    def strata(self, targets: np.ndarray) -> np.ndarray | None:
        return np.nan_to_num(targets.reshape(-1), nan=2) if targets.shape[1] == 1 else None


class MulticlassObjective(Objective):
    """One class among all."""

    loss_name = "softmax"

    def scores(self, outputs: Tensor) -> np.ndarray:
        return torch.softmax(_double(outputs), dim=1).numpy()

    def selection_value(self, targets: np.ndarray, scores: np.ndarray) -> float:
        return float(classification.macro(classification.ovr_auroc(targets, scores)))

    def strata(self, targets: np.ndarray) -> np.ndarray:
        return targets

    def votes(self, targets: np.ndarray) -> Tensor:
        return functional.one_hot(torch.from_numpy(targets.astype(np.int64)), self.n_outputs).float()


class IdentificationObjective(MulticlassObjective):
    """One person among all."""

    def selection_value(self, targets: np.ndarray, scores: np.ndarray) -> float:
        return classification.accuracy(targets, scores)


class SurvivalObjective(Objective):
    """A log risk."""

    loss_name = "cox"
    couples_records = True

    def __init__(self, n_outputs: int, label_smoothing: float = 0.0, training_targets: np.ndarray | None = None):
        super().__init__(1, label_smoothing, training_targets)

    def scores(self, outputs: Tensor) -> np.ndarray:
        return _double(outputs)[:, 0].numpy()

    def selection_value(self, targets: np.ndarray, scores: np.ndarray) -> float:
        return harrell_c(targets[:, 0], targets[:, 1].astype(bool), scores)

    def batch_size(self, wanted: int, targets: np.ndarray) -> int:
        return survival_batch(wanted, targets)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        return targets[:, 1]

    def votes(self, targets: np.ndarray) -> Tensor:
        """How much worse each fared than expected: the martingale residual of the Nelson-Aalen estimate (event minus
        cumulative hazard at its time)."""
        years, event = targets[:, 0], targets[:, 1]
        times = np.unique(years)
        at_risk = len(years) - np.searchsorted(np.sort(years), times)
        happened = np.bincount(np.searchsorted(times, years), weights=event, minlength=len(times))
        hazard = np.cumsum(happened / at_risk)[np.searchsorted(times, years)]
        return torch.from_numpy((event - hazard).astype(np.float32))[:, None]

    def voted_scores(self, votes: np.ndarray) -> np.ndarray:
        return votes[:, 0]


class RegressionObjective(Objective):
    """Values, learned in standard deviations from their mean over the training records in which they are known, and given in
    their units again.

    Otherwise their units would decide which of them is learned (millilitres before litres a minute).
    """

    loss_name = "squared"

    def __init__(self, n_outputs: int, label_smoothing: float = 0.0, training_targets: np.ndarray | None = None):
        super().__init__(n_outputs, label_smoothing, training_targets)
        values = np.zeros((1, n_outputs)) if training_targets is None else np.asarray(training_targets, np.float64)
        if (never := np.isnan(values).all(axis=0)).any():
            values = np.where(never, 0.0, values)
        deviation = np.nanstd(values, axis=0)
        self._mean = torch.from_numpy(np.nanmean(values, axis=0))
        self._scale = torch.from_numpy(np.where(deviation > 0, deviation, 1.0))

    def learned(self, targets: Tensor) -> Tensor:
        mean, scale = (known.to(targets.device) for known in (self._mean, self._scale))
        return (targets.double() - mean) / scale

    def scores(self, outputs: Tensor) -> np.ndarray:
        return (_double(outputs) * self._scale + self._mean).numpy()

    def selection_value(self, targets: np.ndarray, scores: np.ndarray) -> float:
        return float(classification.macro(regression.pearson_r(targets, scores)))


def _double(outputs: Tensor) -> Tensor:
    return outputs.detach().double().cpu()
