"""Losses between two views without negatives: BYOL, SimSiam, Barlow Twins."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.training.distributed import gather


def negative_cosine(prediction: Float[Tensor, "batch dim"], target: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    """Minus the mean cosine similarity; no gradient reaches the target."""
    return -F.cosine_similarity(prediction, target.detach(), dim=-1).mean()


def simsiam(
    prediction1: Float[Tensor, "batch dim"],
    prediction2: Float[Tensor, "batch dim"],
    target1: Float[Tensor, "batch dim"],
    target2: Float[Tensor, "batch dim"],
) -> Float[Tensor, ""]:
    """SimSiam: half of both directions, each prediction against the other view's projection.

    Source: Chen and He, CVPR 2021, equation 2 (and MMCL). solo-learn adds the directions without halving.
    """
    return (negative_cosine(prediction1, target2) + negative_cosine(prediction2, target1)) / 2


def byol(
    prediction1: Float[Tensor, "batch dim"],
    prediction2: Float[Tensor, "batch dim"],
    target1: Float[Tensor, "batch dim"],
    target2: Float[Tensor, "batch dim"],
) -> Float[Tensor, ""]:
    """BYOL: squared distance of unit vectors, 2 - 2 cos, both directions added.

    Source: Grill et al., NeurIPS 2020, equation 2. MMCL's code leaves out the constant 4; gradients are the same.

    Args:
        prediction1, prediction2: the online network's predictions for each view.
        target1, target2: the target network's projections of each view; no gradient reaches them.
    """
    return 4 + 2 * negative_cosine(prediction1, target2) + 2 * negative_cosine(prediction2, target1)


def ema_momentum(step: int, steps: int, initial: float = 0.9996) -> float:
    """Momentum of a target network at ``step``: from ``initial`` along a cosine to 1 at ``steps``.

    Source: Grill et al. 2020, section 3.3; 0.9996 in MMCL's ECG setting (0.996 in the paper, for long runs).
    """
    return 1 - (1 - initial) * (math.cos(math.pi * step / steps) + 1) / 2


@torch.no_grad()
def update_target(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Move the target's parameters towards the online network's; buffers (BatchNorm statistics) stay its own."""
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


class BarlowTwins(nn.Module):
    """Cross-correlation of two views, over the batch of all processes, towards the identity.

    Source: Zbontar et al., ICML 2021, equation 1. The embeddings are standardised by one BatchNorm without affine
    that both views pass through (biased variance, eps 1e-5), so in eval mode its running statistics are used.

    Args:
        dim: length of the embeddings.
        off_diagonal: weight of the redundancy term; 0.005 in MMCL (0.0051 in the original code).
        scale: factor of the whole loss; solo-learn uses 0.025.
    """

    def __init__(self, dim: int, off_diagonal: float = 0.005, scale: float = 1.0):
        super().__init__()
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.off_diagonal, self.scale = off_diagonal, scale

    def forward(self, first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
        first, second = gather(first), gather(second)
        # Divided by the rows available: MMCL divides by the configured batch size, wrong for a short last batch.
        correlation = self.standardise(first).T @ self.standardise(second) / len(first)
        diagonal = correlation.diagonal()
        redundancy = correlation.square().sum() - diagonal.square().sum()
        return self.scale * ((diagonal - 1).square().sum() + self.off_diagonal * redundancy)
