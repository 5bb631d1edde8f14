"""Batches: the recordings that a method receives, with their texts and other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ECGBatch:
    """A batch, as the method's InputSpec asked for it.

    Attributes:
        ecg: float32 [record, lead, time], twelve leads in LEADS order; absent leads are zero.
        leads: bool [record, lead], which leads are real.
        index: int64 [record], the row of each record in the corpus or task; stable over epochs, so that a method
            can look up what it computed once in ``prepare_corpus``.
        text: the accompanying texts, or None.
        image: float32 [record, channel, height, width], or None.
        tabular: float32 [record, variable], or None.
        target: the task's targets (see :class:`bench.task.Examples`), or None in pretraining.
    """

    ecg: Float[Tensor, "record lead time"]
    leads: Bool[Tensor, "record lead"]
    index: Int[Tensor, " record"]
    text: Sequence[str] | None = None
    image: Float[Tensor, "record channel height width"] | None = None
    tabular: Float[Tensor, "record variable"] | None = None
    target: Tensor | None = None

    def __len__(self) -> int:
        return self.ecg.shape[0]

    def part(self, rows: slice) -> ECGBatch:
        """Some of its recordings, with what accompanies them."""
        taken = {f.name: value[rows] for f in fields(self) if (value := getattr(self, f.name)) is not None}
        return replace(self, **taken)

    def to(self, device: torch.device | str) -> ECGBatch:
        """The same batch with its tensors on ``device``."""
        moved: dict[str, Any] = {
            f.name: value.to(device, non_blocking=True)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)
