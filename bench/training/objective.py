"""Objectives of the task kinds for training a head: outputs, loss, scores, and the value to select by."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from bench.errors import DataError
from bench.scoring import classification, regression
from bench.scoring.survival import harrell_c


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


class Objective:
    """Head, loss, scores and selection for one task kind.

    Args:
        kind: the task's kind.
        n_outputs: classes or regression targets (1 for survival).
        label_smoothing: share of every class label that is spread evenly over the answers (all classes, or yes and no).
        training_targets: of the training records. Regression learns its targets in standard deviations from their mean,
            as their units would otherwise decide which of them is learned (millilitres before litres a minute), and
            gives its scores in their units again.
    """

    def __init__(
        self, kind: str, n_outputs: int, label_smoothing: float = 0.0, training_targets: np.ndarray | None = None
    ):
        self.kind = kind
        self._mean = self._scale = torch.zeros(0)
        if kind == "regression":
            known = np.zeros((1, n_outputs)) if training_targets is None else np.asarray(training_targets, np.float64)
            deviation = known.std(axis=0)
            self._mean = torch.from_numpy(known.mean(axis=0))
            self._scale = torch.from_numpy(np.where(deviation > 0, deviation, 1.0))
        self.label_smoothing = label_smoothing
        self.n_outputs = 1 if kind == "survival" else n_outputs

    def loss(self, outputs: Float[Tensor, "record output"], targets: Tensor) -> Float[Tensor, ""]:
        """Mean loss of a batch: BCE, CE, MSE or Cox."""
        if self.kind == "multilabel":
            smoothed = targets.to(outputs.dtype) * (1 - self.label_smoothing) + self.label_smoothing / 2
            return functional.binary_cross_entropy_with_logits(outputs, smoothed)
        if self.kind in ("multiclass", "identification"):
            return functional.cross_entropy(outputs, targets.long(), label_smoothing=self.label_smoothing)
        if self.kind == "regression":
            return functional.mse_loss(outputs, self.learned(targets).to(outputs.dtype))
        return cox_loss(outputs[:, 0], targets[:, 0].to(outputs.dtype), targets[:, 1])

    def learned(self, targets: Shaped[Tensor, "record ..."]) -> Shaped[Tensor, "record ..."]:
        """What the outputs are compared with: regression targets in SDs from their mean, others as they are."""
        if self.kind != "regression":
            return targets
        mean, scale = (known.to(targets.device) for known in (self._mean, self._scale))
        return (targets.double() - mean) / scale

    def scores(self, outputs: Float[Tensor, "record output"]) -> Float[np.ndarray, "record ..."]:
        """Outputs as :func:`bench.scoring.score.score` takes them: probabilities, log risk or values; float64."""
        outputs = outputs.detach().double().cpu()
        if self.kind == "multilabel":
            return torch.sigmoid(outputs).numpy()
        if self.kind in ("multiclass", "identification"):
            return torch.softmax(outputs, dim=1).numpy()
        return outputs[:, 0].numpy() if self.kind == "survival" else (outputs * self._scale + self._mean).numpy()

    def selection_value(
        self, targets: Shaped[np.ndarray, "record ..."], scores: Shaped[np.ndarray, "record ..."]
    ) -> float:
        """The value on validation data by which weights are chosen; higher is better."""
        if self.kind == "multilabel":
            return float(classification.macro(classification.auroc(targets, scores)))
        if self.kind == "multiclass":
            return float(classification.macro(classification.ovr_auroc(targets, scores)))
        if self.kind == "identification":
            return classification.accuracy(targets, scores)
        if self.kind == "survival":
            return harrell_c(targets[:, 0], targets[:, 1].astype(bool), scores)
        return float(np.nanmean(regression.pearson_r(targets, scores)))
