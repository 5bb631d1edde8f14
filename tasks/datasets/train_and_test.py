"""A dataset of two publications: one to train on, another to test on, prepared into one store.

A subclass names both and says which columns they have in common; a task on it is then an ordinary task, with the column
``role`` as its split. Read ``tasks/datasets/code15_with_test.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench import registry
from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import DataError
from tasks.datasets.pretraining_rows import outside_every_test

if TYPE_CHECKING:
    import pandas as pd

READER = "dataset"
"""The fact of a file that names the dataset whose reader reads it."""


class TrainAndTest(Dataset):
    """Recordings of the dataset ``trains`` to train and validate on, and all of the dataset ``tests`` to test on.

    The root is the folder of ``trains``; that of ``tests`` lies next to it or in it, under the name of ``tests``. Record ids
    stay as published; patients of ``tests`` have its name before theirs, so that the two never share one.
    """

    # A subclass states ``rates`` of both, that of the store first (recordings at the other one are resampled), and the larger
    # ``largest_mv``.
    trains: ClassVar[str]
    tests: ClassVar[str]

    def __init__(self, root: Path):
        super().__init__(root)
        self._own: dict[str, pd.DataFrame] = {}  # as either dataset reads its records, for its files()

    @classmethod
    def in_common(cls, records: pd.DataFrame, dataset: str) -> pd.DataFrame:
        """The columns that tasks read, alike for both: other labels are put into the words of one vocabulary here.

        Args:
            records: of ``dataset``, which is ``trains`` or ``tests``.
        """
        return records

    @classmethod
    def roles(cls, records: pd.DataFrame) -> Sequence[str]:
        """``train``, ``validation`` or ``""`` (left out) of each record of ``trains``: by default those that no task of that
        dataset tests on."""
        masks = registry.load(registry.DATASETS, cls.trains).pretraining_partition(records)
        return np.where(masks["train"], "train", np.where(masks["validation"], "validation", "")).tolist()

    def check(self) -> None:
        for dataset in self._both():
            dataset.check()

    def index_files(self) -> list[Path]:
        return [path for dataset in self._both() for path in dataset.index_files()]

    def version(self) -> str:
        return " with ".join(dataset.version() for dataset in self._both())

    def records(self) -> pd.DataFrame:
        """The columns of both datasets, NaN where one lacks a column, and:

        ``dataset``
            the one that a record is of.
        ``role``
            ``train``, ``validation``, ``test``, or ``""`` for a record that takes no part.
        """
        import pandas as pd

        train, test = self._both()
        first, second = train.records(), test.records()
        self._own = {self.trains: first, self.tests: second}
        twice = first.index.intersection(second.index)
        if len(twice):
            raise DataError(
                f"{train.root} and {test.root} both have a record {twice[0]}; expected records of {self.trains} and of "
                f"{self.tests}. {self.fetch}"
            )
        for dataset in (train, test):
            self.findings.unusable |= dataset.findings.unusable
            self.findings.remarks += dataset.findings.remarks
        roles = [*self.roles(first), *["test"] * len(second)]
        second = second.assign(patient_id=self.tests + " " + second["patient_id"])
        parts = [
            self.in_common(records, name).assign(dataset=name)
            for name, records in ((self.trains, first), (self.tests, second))
        ]
        return pd.concat(parts).rename_axis("record_id").assign(role=roles)

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        files: dict[str, RecordFile] = {}
        for dataset in self._both():
            own = self._own.get(dataset.name)
            own = dataset.records() if own is None else own
            chosen = own.loc[[record for record in records.index if record in own.index]]
            for file in dataset.files(chosen, rate if rate in dataset.rates else None):
                files[file.record_id] = replace(file, facts=file.facts | {READER: dataset.name})
        return [files[record] for record in records.index]

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        """What preparing either dataset reports."""
        return []

    @staticmethod
    def read(file: RecordFile) -> Recording:
        recording: Recording = registry.load(registry.DATASETS, file.facts[READER]).read(file)
        return recording

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        masks = outside_every_test([records["role"]])
        return {"train": masks["train"] & (records["role"] == "train").to_numpy(), "validation": masks["validation"]}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        """A fifth of the recordings are of ``tests``."""
        n_test = max(1, n_records // 5)
        registry.load(registry.DATASETS, cls.trains).simulate(destination, n_records - n_test, seed)
        registry.load(registry.DATASETS, cls.tests).simulate(destination / cls.tests, n_test, seed + 1)

    def _both(self) -> tuple[Dataset, Dataset]:
        inside = self.root / self.tests
        other = inside if inside.is_dir() else self.root.resolve().parent / self.tests
        train, test = (registry.load(registry.DATASETS, name) for name in (self.trains, self.tests))
        return train(self.root), test(other)
