"""Read the collections of the Telehealth Network of Minas Gerais: rows of HDF5 files padded with zeros, tables of exams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.dataset import Dataset, Publication, RecordFile, Recording
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from bench.signals.array_rows import hdf5_rows, row_of
from bench.signals.leads import LEADS

if TYPE_CHECKING:
    import pandas as pd

FINDINGS = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
"""In the order of CODE-15's columns; CODE-test has AF before ST."""
SAMPLES = 4096
FOLLOW_UP = ("death", "timey")
HINT = "Unpack the file again, or leave the record out with --on-bad-record skip."


def on_zenodo(name: str, title: str, version: str, record: str, *files: str) -> Publication:
    """Files of a record of Zenodo, of which the zips are unpacked."""
    return Publication(
        name,
        title,
        version,
        "https://zenodo.org/api/records/",
        license="CC BY 4.0",
        include=files,
        archive_records=(record,),
        unpack=("*.zip",),
    )


class TelehealthDataset(Dataset):
    """Recordings of up to 10.24 s at 400 Hz, zeros before and after, in millivolts."""

    # The CODE-15 page says "1e-4 V"; the values are millivolts: the median R wave of lead II is 1.75.
    access = "open"
    license = "CC BY 4.0"
    rates = (400,)
    largest_mv = 1_000.0  # 6,798 recordings of CODE-15 exceed 20 mV
    tabular_variables = subgroups = ("age", "sex")
    simulated_records = 1000

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """Rows that are zero in all leads are padding at both ends, and cut off; a recording of zeros alone stays."""
        rows = hdf5_rows(file.path, "tracings", HINT)
        signal = row_of(rows, file.path, file.facts["row"], (SAMPLES, 12), HINT).astype(np.float32)
        real = np.flatnonzero((signal != 0).any(axis=1))
        signal = signal[real[0] : real[-1] + 1] if len(real) else signal
        order = file.facts.get("leads", LEADS)
        return Recording(np.ascontiguousarray(signal.T[[order.index(lead) for lead in LEADS]]), fs=400.0)

    def _table(self, path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
        return read_table(path, columns, self.fetch, keep_default_na=False)

    def _present(self, *paths: Path) -> None:
        for path in paths:
            if not path.exists():
                raise DataError(f"{path} is missing. {self.fetch}")


def flags(column: pd.Series, path: Path, name: str) -> np.ndarray:
    """uint8 [row] of ``True``/``False`` or ``1``/``0``."""
    values = column.str.strip().str.lower().map({"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0})
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax())
        raise DataError(
            f"{path}: line {row + 2}, {name} is {column.iloc[row]!r}; expected True or False. "
            "Get the file again from its publisher."
        )
    return values.to_numpy(np.uint8)


def numbers(column: pd.Series, path: Path, name: str) -> np.ndarray:
    """float64 [row]; NaN where empty."""
    import pandas as pd

    values = pd.to_numeric(column.where(column.str.strip() != "", "nan"), errors="coerce")
    wrong = values.isna() & ~column.str.strip().str.lower().isin(["", "nan"])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{path}: line {row + 2}, {name} is {column.iloc[row]!r}; expected a number, or nothing. "
            "Get the file again from its publisher."
        )
    return values.to_numpy(np.float64)


def person(exams: pd.DataFrame, path: Path) -> dict[str, Any]:
    male = flags(exams["is_male"], path, "is_male")
    return {"age": numbers(exams["age"], path, "age"), "sex": np.where(male, "male", "female").tolist()}


def followed(exams: pd.DataFrame, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Years and event; both NaN where one is empty."""
    stated = ~exams["death"].str.strip().str.lower().isin(["", "nan"])
    died = flags(exams["death"].where(stated, "0"), path, "death").astype(np.float64)
    years = numbers(exams["timey"], path, "timey")
    known = stated.to_numpy(bool) & ~np.isnan(years)
    return np.where(known, years, np.nan), np.where(known, died, np.nan)
