"""Multilabel: any number of classes per recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.kinds.clinical_metrics import macro
from bench.kinds.kind import Kind, lacking

if TYPE_CHECKING:
    import numpy as np


class Multilabel(Kind):
    """Any number of classes per recording; scores are probabilities [record, class]."""

    name = "multilabel"
    metrics: ClassVar = {
        "macro_auroc": "logit",
        "macro_auprc": "logit",
        "macro_f1": "logit",
        "macro_accuracy": "logit",
        **macro(),
    }
    grouped_metrics = ("macro_auroc",)
    objective = "bench.training.objective:MultilabelObjective"
    measure = "bench.scoring.kinds:multilabel"
    targets = "uint8 [example, class], or floats that are NaN where a label is unknown"
    target_dimensions, target_letter = 2, "u"
    unknown_targets = True
    least_classes = 1
    has_classes = several_at_once = True

    def wrong_targets(self, targets: np.ndarray, columns: int) -> tuple[np.ndarray, str]:
        import numpy as np

        wrong = (targets != 0) & (targets != 1)
        return wrong & ~np.isnan(targets) if targets.dtype.kind == "f" else wrong, "0 or 1, or NaN where it is unknown"

    def absent_classes(self, classes: Sequence[str], targets: np.ndarray) -> list[str]:
        import numpy as np

        return lacking(classes, np.nanmax(targets, axis=0, initial=0) > 0)
