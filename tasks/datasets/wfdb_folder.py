"""Datasets whose WFDB records lie anywhere below the root, under names of one pattern, with ten folds of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import RecordFile, Recording
from bench.errors import DataError
from tasks.datasets.challenge_files import record_files, records_below
from tasks.datasets.folds import fold_roles
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.sentences import DatasetWithStatements

if TYPE_CHECKING:
    import pandas as pd


class WFDBFolder(DatasetWithStatements):
    """WFDB records below the root. ``records()`` of a subclass has the columns ``path`` and ``fold`` (1 to 10)."""

    pattern: ClassVar[str]
    """The names of the records, as :mod:`fnmatch` reads it."""
    validation_folds: ClassVar[tuple[int, ...]] = (9,)
    test_folds: ClassVar[tuple[int, ...]] = (10,)

    def check(self) -> None:
        if not self._paths():
            raise DataError(f"{self.root} holds no header {self.pattern}.hea, at any depth. {self.fetch}")

    def version(self) -> str:
        ((published, n_published),) = self.full_size.items()
        n_records = len(self._paths())
        return published if n_records == n_published else f"{published} ({n_records:,} records of it)"

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return record_files(self.root, records)

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """The twelve standard leads by name; other signals of the record are not read."""
        from bench.signals.wfdb_files import read_recording

        return read_recording(file.path)

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Records on which no available folds test: ours, and those that a user imported."""
        ours = fold_roles(records["fold"], cls.validation_folds, cls.test_folds)
        imported = [records["ecgbench_partition"]] if "ecgbench_partition" in records else []
        return outside_every_test([ours, *imported])

    def _paths(self) -> dict[str, Path]:
        """Record id -> its path without extension."""
        return records_below(self.root, self.pattern, ".hea")
