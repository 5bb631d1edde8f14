"""Attributions: the parts of the input that a score depends on. A method may define them; the default is the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bench.batch import ECGBatch

Score = Callable[[Float[Tensor, "record dim"]], Float[Tensor, " record"]]
"""From the representation to the one number that is explained."""


@dataclass(frozen=True)
class Attributions:
    """For each record of a batch; what a method does not have is None.

    Attributes:
        activation: how much each sample of each lead contributed to a higher score, 0 or more, on the samples of
            ``batch.ecg``; comparable within a record.
        lead_attention: how much each lead (row) read from each lead (column); rows add up to one.
        similarity: cosine of the ECG with each place of ``image``.
        image: the record's image as the method saw it (cropped, say), in [0, 1].
    """

    activation: Float[Tensor, "record lead time"] | None = None
    lead_attention: Float[Tensor, "record lead lead"] | None = None
    similarity: Float[Tensor, "record row column"] | None = None
    image: Float[Tensor, "record channel height width"] | None = None


def attributions(method: Any, batch: ECGBatch, score: Score, smooth: float = 0.05) -> Attributions:
    """The method's own account, completed by its gradient where it gives no activation.

    Args:
        method: trained, on the device of ``batch``.
        score: reads the number that is explained off ``encode``'s output.
        smooth: seconds over which the gradient times the input is averaged.
    """
    method.eval()
    result = method.attributions(batch, score)
    if result.activation is None and "ecg" not in _unread(method):
        result = replace(result, activation=gradient_activation(method, batch, score, smooth))
    return result


def _unread(method: Any) -> tuple[str, ...]:
    """Inputs that the representation does not rest on."""
    return ("ecg",) if "image" in method.input.downstream or "tabular" in method.input.downstream else ()


def gradient_activation(
    method: Any, batch: ECGBatch, score: Score, smooth: float = 0.05
) -> Float[Tensor, "record lead time"] | None:
    """Gradient times input, where it raises the score, averaged over ``smooth`` seconds (Shrikumar et al. 2016). None of a
    method through which no gradient passes, such as counts of samples above a threshold."""
    ecg = batch.ecg.clone().requires_grad_(True)
    with torch.enable_grad():
        value = score(method.encode(replace(batch, ecg=ecg)).float()).sum()
        if not value.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(value, ecg, allow_unused=True)
    if gradient is None:  # its weights have one, and what it reads of the recording has none
        return None
    width = max(1, round(smooth * method.input.fs)) // 2 * 2 + 1
    contribution = F.relu(gradient * batch.ecg)
    return F.avg_pool1d(contribution, width, stride=1, padding=width // 2, count_include_pad=False).detach()
