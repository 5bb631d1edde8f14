"""CODE-15 % to train on and CODE-test to test on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tasks.datasets.code15 import CODE15
from tasks.datasets.code_test import CODETest
from tasks.datasets.train_and_test import TrainAndTest

if TYPE_CHECKING:
    import pandas as pd


class CODE15WithTest(TrainAndTest):
    """CODE-15 % to train on and CODE-test, whose folder lies next to CODE-15's or in it, to test on."""

    # Prepared separately, 34 GB for all of CODE-15: recordings of two publications in one store.
    name = "code15-with-test"
    title = "CODE-15 % with CODE-test"
    url = CODETest.url
    access = "open"
    license = CODE15.license
    citation = CODETest.citation
    fetch = (
        "Get the files with: bench data download code15, and: bench data download code-test, into two folders of these "
        "names, next to each other (from https://zenodo.org/records/4916206 and https://zenodo.org/records/3765780)"
    )
    reads_files_of = "code15"
    trains, tests = "code15", "code-test"
    format_version = 2
    full_size: ClassVar[dict[str, int]] = {"1.0.0 with 1.0.3": 345_779 + 827}
    overlaps: ClassVar = {
        "code15": "all of it is part of this",
        "code-test": "all of it is part of this",
        "code-full": "a sample of its patients",
    }
    rates = CODE15.rates
    largest_mv = CODE15.largest_mv
    tabular_variables = subgroups = ("age", "sex")
    simulated_records = 1000

    @classmethod
    def in_common(cls, records: pd.DataFrame, dataset: str) -> pd.DataFrame:
        """Of CODE-test's recordings ``normal``, ``years`` and ``event`` are NaN, ``part`` is ``""`` and ``fold`` is 0."""
        return records if dataset == cls.trains else records.assign(part="", fold=0)

    @classmethod
    def roles(cls, records: pd.DataFrame) -> Sequence[str]:
        """Folds 1 to 9 of CODE-15 train and fold 10 validates: it is not tested on here."""
        return np.where(records["fold"] == 10, "validation", "train").tolist()
