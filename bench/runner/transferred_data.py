"""The data of a transferred task: training and validation examples of one task, test examples of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.runner.task_data import TaskData, store_facts
from bench.splitting.rules import Partition
from bench.storage.artifacts import digest
from bench.task import Examples
from bench.transfer import TransferredTask

if TYPE_CHECKING:
    from bench.signals.store import SignalStore


@dataclass(frozen=True)
class TransferredData(TaskData):
    """Examples of two tasks, joined: ``examples`` and ``rows`` hold those of the train task first.

    Attributes:
        parts: the data of the train task and of the test task, each with the rows of its examples that are used.
    """

    parts: tuple[tuple[TaskData, np.ndarray], tuple[TaskData, np.ndarray]] = ()  # type: ignore[assignment]

    @classmethod
    def of(cls, task: TransferredTask, train: TaskData, test: TaskData) -> TransferredData:
        """Join the data of the two tasks; test records of which no class is known are left out."""
        learned = train.partition(0)
        first = np.concatenate([learned.train, learned.validation])
        second = test.partition(0).test
        targets = task.targets_of(test.examples.targets[second])
        known = ~np.isnan(targets).all(axis=1)
        second, targets = second[known], targets[known]
        examples = _joined(train.examples, first, test.examples, second, targets)
        rows = np.concatenate([train.rows[first], test.rows[second]])
        complete = train.complete and test.complete
        parts = ((train, first), (test, second))
        return cls(task, train.store, examples, rows, train.split, complete, parts=parts)

    def partition(self, fold: int) -> Partition:
        """The first rows train and validate, the others test."""
        (train, _), (_, tested) = self.parts
        learned = train.partition(0)
        n_train, n_validation = len(learned.train), len(learned.validation)
        edges = np.cumsum([0, n_train, n_validation, len(tested)])
        return Partition(*(np.arange(low, high) for low, high in zip(edges, edges[1:], strict=False)))

    def split_digest(self, fold: int) -> str:
        """Covers the recordings of the test store too."""
        if fold not in self._digests:
            parts = [[name, self.split.digest(self.examples, rows)] for name, rows in self.partition(fold).items()]
            self._digests[fold] = digest([self.split_name, parts, self.tested_store.digest])
        return self._digests[fold]

    @property
    def split_name(self) -> str:
        return f"{self.split.name}-to-{self.parts[1][0].split.name}"

    @property
    def tested_dataset(self) -> str:
        return self.parts[1][0].task.dataset

    @property
    def tested_store(self) -> SignalStore:
        return self.parts[1][0].store

    def dataset_facts(self) -> dict[str, Any]:
        return super().dataset_facts() | {"tested_on": store_facts(self.tested_dataset, self.tested_store)}

    @property
    def expected_counts(self) -> dict[str, int] | None:
        return None


def _joined(train: Examples, first: np.ndarray, test: Examples, second: np.ndarray, targets: np.ndarray) -> Examples:
    import pandas as pd

    sides = ((train, first), (test, second))
    windows = any(side.start is not None for side, _ in sides)
    starts = [side.start[rows] if side.start is not None else np.zeros(len(rows)) for side, rows in sides]
    return Examples(
        record_ids=np.concatenate([side.record_ids[rows] for side, rows in sides]),
        patient_ids=np.concatenate([side.patient_ids[rows] for side, rows in sides]),
        targets=np.concatenate([train.targets[first].astype(targets.dtype), targets]),
        columns=pd.DataFrame(index=range(len(first) + len(second))),
        start=np.concatenate(starts) if windows else None,
        seconds=train.seconds,
    )
