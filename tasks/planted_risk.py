"""Tasks whose answer is known: a risk that findings of the ECG raise and lower, and one that nothing in the ECG tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.scoring.survival import harrell_c
from bench.task import CohortFlow, Examples, Task
from tasks.label_columns import examples_of

if TYPE_CHECKING:
    import pandas as pd


class PlantedRisk(Task):
    """Years to an event that statements of PTB-XL raise or lower; its five superclasses say nothing about it."""

    name = "planted-risk"
    dataset = "planted-risk"
    kind = "survival"
    split = "planted-risk"
    classes: ClassVar[dict[str, str]] = {"event": "event"}
    source = "simulated; the log hazard is a sum over statements of coefficient times severity"
    years, event = "years", "event"

    def examples(self, records: pd.DataFrame) -> Examples:
        targets = records[[self.years, self.event]].to_numpy(np.float64)
        flow = CohortFlow(self.name, len(records))
        flow.notes.append(f"{int(targets[:, 1].sum()):,} have the event")
        for words, risk in self.known_from(records).items():
            flow.notes.append(f"C-index of {words}: {harrell_c(targets[:, 0], targets[:, 1], risk):.3f}")
        return examples_of(records, targets, flow, self.truth(records))

    def truth(self, records: pd.DataFrame) -> np.ndarray | None:
        return records["true_log_hazard"].to_numpy()

    def known_from(self, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """What there is to know -> the log hazard that it gives, float [record]."""
        rates = records.groupby("superclasses")[self.event].transform("mean")
        return {
            "the true hazard, the ceiling": records["true_log_hazard"].to_numpy(),
            "the statements alone": records["stated_log_hazard"].to_numpy(),
            "the superclasses alone": rates.to_numpy(),
        }


class PlantedNothing(PlantedRisk):
    """Years to an event of somebody else: no ECG tells them, and no method can be better than chance."""

    name = "planted-nothing"
    source = "simulated; times are those of planted-risk, exchanged among people at random"
    years, event = "unrelated_years", "unrelated_event"

    def truth(self, records: pd.DataFrame) -> np.ndarray | None:
        return None

    def known_from(self, records: pd.DataFrame) -> dict[str, np.ndarray]:
        return {"the true hazard of planted-risk": records["true_log_hazard"].to_numpy()}
