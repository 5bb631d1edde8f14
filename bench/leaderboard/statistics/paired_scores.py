"""Targets and scores of results on the same records, and their metric in every bootstrap draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import registry
from bench.cells.result import Result
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from bench.scoring.bootstrap import Replicates

DRAWS = 1000


@dataclass(frozen=True)
class PairedScores:
    """Targets and scores of the records of one result, to be compared with those of another on the same records."""

    result: Result
    records: np.ndarray
    patients: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    validation: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, result: Result) -> PairedScores:
        columns = result.prediction_columns()
        test, validation = columns["partition"] == "test", columns["partition"] == "validation"
        target, score = matrix(columns, "target"), matrix(columns, "score")
        records, patients = (columns[name][test].astype(str) for name in ("record_id", "patient_id"))
        return cls(result, records, patients, target[test], score[test], (target[validation], score[validation]))

    @property
    def names(self) -> list[str]:
        return list(self.result.score["per_class"])

    def replicates(self, metric: str, class_name: str | None) -> Replicates:
        """The metric in every replicate. Of a class or a group it is the same metric over fewer parts."""
        from bench import kinds
        from bench.scoring.score import score_replicates

        kind = self.result.score["kind"]
        known = kinds.load(kind).metrics
        name, group = metric, None
        if class_name is not None and class_name not in self.names:
            name, group = metric, self._groups().get(class_name)
        elif class_name is not None:
            name, group = next((m for m in (f"macro_{metric}", metric) if m in known), metric), [class_name]
        elif metric not in known:
            name = next((m for m in known if metric.startswith(f"{m}_")), metric)
            group = self._groups().get(metric.removeprefix(f"{name}_"))
        if name not in known or (group is None and (name != metric or class_name)):
            raise DataError(f"differences of {metric} are not tested.")
        validation = self.validation if len(self.validation[0]) else None
        drawn = score_replicates(
            kind, self.targets, self.scores, self.names, self.patients,
            validation=validation, bootstrap=DRAWS, metrics=[name],
        )  # fmt: skip
        if name not in drawn:
            lacks = "cannot be tested without validation predictions" if validation is None else "are not tested"
            raise DataError(f"differences of {metric} {lacks}.")
        if group is None:
            return drawn[name]
        # the accuracy over several classes, for example, is one share of records
        if len(drawn[name].estimates) != len(self.names):
            raise DataError(f"differences of {metric} of one class are not tested.")
        return drawn[name].of_parts([self.names.index(label) for label in group])

    def _groups(self) -> dict[str, list[str]]:
        from bench.cells.seen_classes import SeenClasses

        entry = registry.entries(registry.TASKS).get(self.result.cell.task)
        own = dict(getattr(entry.load(), "groups", {})) if entry else {}
        return own | SeenClasses(self.result.seen.get("classes", {})).groups


def matrix(columns: Mapping[str, np.ndarray], prefix: str) -> np.ndarray:
    """Targets or scores among the columns of predictions: [record], or [record, column] where there are several."""
    import numpy as np

    if prefix in columns:
        return columns[prefix]
    return np.stack([column for name, column in columns.items() if name.startswith(f"{prefix}_")], axis=1)
