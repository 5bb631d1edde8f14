"""Multilabel tasks in which a recording without any of the classes is a negative of all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.storage.large_array import large_array
from bench.task import CohortFlow, Examples, Task

if TYPE_CHECKING:
    import pandas as pd


def multi_hot(labels: Collection[Iterable[str]], classes: Mapping[str, str]) -> np.ndarray:
    """uint8 [record, class]: whether each class is among the labels of each record; other labels are left out.

    A thousand classes of a million records lie in a file, and only a record's labels are in memory while it is filled.
    """
    position = {name: column for column, name in enumerate(classes)}
    targets = large_array((len(labels), len(position)), np.uint8)
    targets[:] = 0
    for row, record_labels in enumerate(labels):
        targets[row, [position[label] for label in record_labels if label in position]] = 1
    return targets


def examples_of(
    chosen: pd.DataFrame, targets: np.ndarray, cohort: CohortFlow | None = None, truth: np.ndarray | None = None
) -> Examples:
    """The chosen records as examples, one each."""
    return Examples(
        record_ids=chosen.index.to_numpy(dtype=str),
        patient_ids=chosen["patient_id"].to_numpy(dtype=str),
        targets=targets,
        columns=chosen.reset_index(drop=True),
        cohort=cohort,
        truth=truth,
    )


class CodedTask(Task):
    """Classes read from a list-valued column, for every recording of which something is stated."""

    kind: ClassVar[str] = "multilabel"
    column: ClassVar[str] = "labels"
    """The records' column that lists the classes of each recording."""
    stated: ClassVar[str] = "codes"
    """The records' column that lists what the publisher states; a recording with an empty list takes no part."""

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[records[self.stated].str.len().gt(0).to_numpy(bool)]
        return examples_of(chosen, multi_hot(chosen[self.column], self.classes))
