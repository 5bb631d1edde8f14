"""Count how often a contrastive loss finds the right partner, next to chance.

A loss that compares each record with several candidates calls :func:`note_contrast` with its logits. Outside
:func:`contrasts` the call does nothing. The loop opens it around the validation loss, so that no method computes anything
twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class Contrasts:
    """Counts over all contrasts that were noted.

    Attributes:
        right: rows whose partner had the highest logit.
        rows: all rows.
        chance: sum over the rows of one over the number of their candidates.
    """

    right: float = 0.0
    rows: int = 0
    chance: float = 0.0

    def measured(self) -> dict[str, float]:
        """``contrast_accuracy`` and ``contrast_chance``, both from 0 to 1; empty where nothing was noted."""
        if not self.rows:
            return {}
        return {"contrast_accuracy": self.right / self.rows, "contrast_chance": self.chance / self.rows}


_current: ContextVar[Contrasts | None] = ContextVar("contrasts", default=None)


@contextlib.contextmanager
def contrasts() -> Iterator[Contrasts]:
    """Count the contrasts of every loss that is computed in the block."""
    counts = Contrasts()
    token = _current.set(counts)
    try:
        yield counts
    finally:
        _current.reset(token)


def note_contrast(logits: Float[Tensor, "row candidate"], partner: Int[Tensor, " row"] | None = None) -> None:
    """Count the rows whose partner has the highest logit.

    Args:
        logits: minus infinity where a candidate does not take part. Of equal logits all but the first count as wrong, so that
            representations that are all the same score chance.
        partner: the column of each row's partner; default: the column of the row's own number.
    """
    counts = _current.get()
    if counts is None:
        return
    with torch.no_grad():
        if partner is None:
            partner = torch.arange(len(logits), device=logits.device)
        counts.right += float((logits.argmax(dim=1) == partner).sum())
        counts.rows += len(logits)
        counts.chance += float((1 / (logits > -torch.inf).sum(dim=1).clamp(min=1)).sum())
