"""Identification: one class per person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.kinds.kind import Kind, outside_classes

if TYPE_CHECKING:
    import numpy as np


class Identification(Kind):
    """The person of a recording, among people with other recordings; scores are [record, person]."""

    name = "identification"
    metrics: ClassVar = {"accuracy": "logit", "macro_auroc": "logit"}
    objective = "bench.training.objective:IdentificationObjective"
    measure = "bench.scoring.kinds:identification"
    targets = "int64 [example]"
    target_dimensions, target_letter, scored_as = 1, "i", "int64"
    same_patients = True

    def class_names(self, classes: Sequence[str], targets: np.ndarray) -> list[str]:
        """The people are numbered as the targets number them, unless the task names them."""
        return list(classes) or [str(k) for k in range(int(targets.max()) + 1)]

    def wrong_targets(self, targets: np.ndarray, columns: int) -> tuple[np.ndarray, str]:
        return outside_classes(targets, columns)
