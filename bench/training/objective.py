"""What the kind of a task decides when a head is trained on it: outputs, loss, scores, and the value to select by."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

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


class Objective:
    """Head, loss, scores and selection for one task kind.

    Args:
        kind: the task's kind.
        n_outputs: classes or regression targets (1 for survival).
        label_smoothing: share of every class label that is spread evenly over the answers (all classes, or yes and no).
    """

    def __init__(self, kind: str, n_outputs: int, label_smoothing: float = 0.0):
        self.kind = kind
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
            return functional.mse_loss(outputs, targets.to(outputs.dtype))
        return cox_loss(outputs[:, 0], targets[:, 0].to(outputs.dtype), targets[:, 1])

    def scores(self, outputs: Float[Tensor, "record output"]) -> Float[np.ndarray, "record ..."]:
        """Outputs as :func:`bench.scoring.score.score` takes them: probabilities, log risk or values; float64."""
        outputs = outputs.detach().double().cpu()
        if self.kind == "multilabel":
            return torch.sigmoid(outputs).numpy()
        if self.kind in ("multiclass", "identification"):
            return torch.softmax(outputs, dim=1).numpy()
        return outputs[:, 0].numpy() if self.kind == "survival" else outputs.numpy()

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
