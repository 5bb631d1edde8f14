"""Survival: time to an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.kinds.clinical_metrics import at_horizon
from bench.kinds.kind import Kind

if TYPE_CHECKING:
    import numpy as np


class Survival(Kind):
    """Time to an event, possibly censored; scores are log risks [record]."""

    name = "survival"
    metrics: ClassVar = {"c_index": "logit", **at_horizon()}
    objective = "bench.training.objective:SurvivalObjective"
    measure = "bench.scoring.kinds:survival_times"
    targets = "float64 [example, 2] = (years, event)"
    target_dimensions, target_letter, scored_as = 2, "f", "float64"
    follow_up = True

    def target_shape(self, records: int, columns: int) -> tuple[int, ...]:
        return (records, 2)

    def score_shape(self, records: int, columns: int) -> tuple[int, ...]:
        return (records,)

    def target_columns(self, classes: Sequence[str]) -> list[str]:
        return ["years", "event"]

    def wrong_targets(self, targets: np.ndarray, columns: int) -> tuple[np.ndarray, str]:
        import numpy as np

        wrong = np.stack([targets[:, 0] < 0, (targets[:, 1] != 0) & (targets[:, 1] != 1)], axis=1)
        return wrong, "a time of 0 or more, and an event of 0 or 1"
