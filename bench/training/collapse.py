"""Measure how much the representations of recordings differ during pretraining, and detect a collapse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from bench.data.batches import BatchSource
    from bench.method import Method
    from bench.training.method_calls import Model

RECORDINGS = 128
"""Recordings whose representations are compared, at most."""
LEAST_RANK, LEAST_SHARE = 2.0, 0.1
"""Representations have collapsed if their centred rank has fallen below 2, or below a tenth of what it was before
pretraining."""

MEASURES = (
    "effective_rank",
    "centred_rank",
    "untrained_rank",
    "feature_sd",
    "contrast_accuracy",
    "contrast_chance",
    "probe",
)
"""What an epoch of a pretraining records of its representations, where it can be measured."""


def representation_measures(method: Method, model: Model, source: BatchSource, rows: np.ndarray) -> dict[str, float]:
    """``effective_rank``, ``centred_rank`` and ``feature_sd`` of up to 128 recordings; empty for a method whose ``encode``
    needs more than pretraining gives. All processes must call it, and each computes the whole."""
    import torch

    needed = set(method.input.downstream) - set(method.input.modalities)
    if not method.implements("encode") or needed or len(rows) < 2:
        return {}
    training = method.training
    method.eval()
    with torch.no_grad():
        batches = source.in_order(np.sort(rows)[:RECORDINGS], 32)
        vectors = torch.cat([model.encode(batch.to(model.module.device)).double() for batch in batches])
    method.train(training)
    return spread_of(vectors.cpu().numpy())


def spread_of(vectors: Float[np.ndarray, "record dim"]) -> dict[str, float]:
    """How much representations differ from one another.

    ``effective_rank``: of the vectors as they are. ``centred_rank``: of their differences from their mean, so that an offset
    that all share does not count; at most the smaller of records and dimensions. ``feature_sd``: mean SD of a dimension of
    the vectors at unit length, times the root of their number: about 1 on a sphere, 0 if all are one vector (Chen and He,
    "Exploring Simple Siamese Representation Learning", CVPR 2021, 4.1).
    """
    if not np.isfinite(vectors).all():
        return dict.fromkeys(("effective_rank", "centred_rank", "feature_sd"), math.nan)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.where(lengths > 0, lengths, 1.0)
    centred = vectors - vectors.mean(axis=0)
    same = np.abs(centred).max() <= 1e-6 * np.abs(vectors).max()  # what remains is rounding
    return {
        "effective_rank": rank_of(vectors),
        "centred_rank": 1.0 if same else rank_of(centred),
        "feature_sd": float(directions.std(axis=0).mean() * math.sqrt(vectors.shape[1])),
    }


def rank_of(vectors: Float[np.ndarray, "record dim"]) -> float:
    """Effective rank of a matrix; NaN if it is not finite or zero.

    The exponential of the entropy of the normalised singular values (Roy & Vetterli, EUSIPCO 2007; used on
    representations as RankMe by Garrido et al., ICML 2023): 1 if all rows lie on one line, at most the smaller side.
    """
    if not np.isfinite(vectors).all() or not vectors.any():
        return math.nan
    share = np.linalg.svd(vectors, compute_uv=False)
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def collapse_of(history: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """``rank`` and ``untrained``: the centred rank after the last epoch and before pretraining, if the representations have
    collapsed by then; else None."""
    last = history[-1] if history else {}
    rank, untrained = (float(last.get(name, math.nan)) for name in ("centred_rank", "untrained_rank"))
    if not (rank < LEAST_RANK <= untrained or rank < LEAST_SHARE * untrained):
        return None
    return {"rank": round(rank, 2), "untrained": round(untrained, 2)}


def collapse_line(checkpoint: str, collapsed: Mapping[str, float]) -> str:
    """The sentence on a collapse: what was measured, and what to try."""
    return (
        f"{checkpoint}: the representations have collapsed: the effective rank of centred features is "
        f"{collapsed['rank']:.1f}, and was {collapsed['untrained']:.1f} before pretraining. Try a lower pretrain.lr, "
        f"fewer pretrain.epochs or another input scaling; bench explain {checkpoint} shows each epoch"
    )
