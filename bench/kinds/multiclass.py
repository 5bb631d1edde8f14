"""Multiclass: one class of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.kinds.clinical_metrics import macro
from bench.kinds.kind import Kind, lacking, outside_classes

if TYPE_CHECKING:
    import numpy as np


class Multiclass(Kind):
    """One of several classes per recording; scores are probabilities [record, class]."""

    name = "multiclass"
    metrics: ClassVar = {"macro_auroc": "logit", "accuracy": "logit", "macro_f1": "logit", **macro()}
    grouped_metrics = ("macro_auroc",)
    objective = "bench.training.objective:MulticlassObjective"
    measure = "bench.scoring.kinds:multiclass"
    targets = "int64 [example]"
    target_dimensions, target_letter, scored_as = 1, "i", "int64"
    least_classes = 2
    has_classes = one_class_each = True

    def wrong_targets(self, targets: np.ndarray, columns: int) -> tuple[np.ndarray, str]:
        return outside_classes(targets, columns)

    def absent_classes(self, classes: Sequence[str], targets: np.ndarray) -> list[str]:
        import numpy as np

        return lacking(classes, np.isin(np.arange(len(classes)), targets))
