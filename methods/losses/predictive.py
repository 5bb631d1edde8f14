"""Losses that predict the future of a signal among distractors: CPC and the temporal contrast of TS-TCC."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.training.contrast import note_contrast
from bench.training.distributed import gather, ranks


def draw_negatives(
    batch: int,
    time: int,
    steps: int = 12,
    count: int = 128,
    same_sequence: bool = True,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "batch anchor count"]:
    """Distractors for :func:`cpc`: positions in the batch's encodings flattened to [batch * time].

    The distractors of an anchor never lie at the time of its target; they come from the anchor's own sequence
    (Mehari and Strodthoff 2022) or from any sequence of the batch, that of all processes.
    """
    anchors = time - steps
    device = generator.device if generator is not None else None
    shape = (batch, anchors, count)
    position = torch.randint(time - 1, shape, generator=generator, device=device)
    target = torch.arange(steps, time, device=device)[None, :, None]
    position = position + (position >= target)
    if same_sequence:
        sequence = torch.arange(batch, device=device)[:, None, None].expand(shape)
    else:
        sequence = torch.randint(ranks() * batch, shape, generator=generator, device=device)
    return sequence * time + position


def cpc(
    context: Float[Tensor, "batch time dim"],
    encoded: Float[Tensor, "batch time dim"],
    negatives: Int[Tensor, "batch anchor count"],
    steps: int = 12,
    same_sequence: bool = False,
) -> Float[Tensor, ""]:
    """Contrastive predictive coding with one predicted step, summed over time and averaged over the batch.

    Source: Mehari and Strodthoff, "Self-supervised representation learning from 12-lead ECG data", 2022, and its
    code: only the encoding exactly ``steps`` ahead is predicted, among 128 distractors, by the plain dot product.

    Args:
        context: the projected summary of the past at each time.
        encoded: what is predicted.
        negatives: from :func:`draw_negatives`; there are ``time - steps`` anchors.
        same_sequence: all distractors come from the anchor's own sequence. Then every score is an entry of one product
            of [anchor, dim] and [dim, time] a record, where copying each distractor takes memory: forward and backward
            at the published size fit in 0.9 GB instead of 17.
    """
    anchors = encoded.shape[1] - steps
    past = context[:, :anchors]
    positive = (past * encoded[:, steps:]).sum(-1, keepdim=True)
    negatives = negatives.to(encoded.device)
    if same_sequence:
        scores = (past @ encoded.transpose(1, 2)).gather(2, negatives % encoded.shape[1])
    else:
        scores = torch.einsum("btd,btnd->btn", past, gather(encoded).flatten(0, 1)[negatives])
    logits = torch.cat([positive, scores], dim=-1)
    note_contrast(
        logits.flatten(0, 1), torch.zeros(logits.shape[0] * logits.shape[1], dtype=torch.long, device=logits.device)
    )
    return (logits.logsumexp(-1) - logits[..., 0]).mean(0).sum()


def temporal_contrast(
    predictions: Sequence[Float[Tensor, "batch dim"]], targets: Sequence[Float[Tensor, "batch dim"]]
) -> Float[Tensor, ""]:
    """TS-TCC's temporal loss: each record's true future finds its own prediction among the batch's, at every step.

    Source: Eldele et al., IJCAI 2021, equation 3: dot products, mean over steps and records.
    """
    losses = []
    for prediction, target in zip(map(gather, predictions), map(gather, targets), strict=True):
        logits = target @ prediction.T
        note_contrast(logits)
        losses.append((logits.logsumexp(dim=1) - logits.diagonal()).mean())
    return torch.stack(losses).mean()
