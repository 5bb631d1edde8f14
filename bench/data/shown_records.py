"""Records as methods see them: without label columns, and blank outside the rows that a method may look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from bench.dataset import Dataset

ALWAYS = ("patient_id", "age", "sex")
"""Columns that say who a recording is of."""


def shown_columns(dataset: type[Dataset], labels: Sequence[str] = ()) -> list[str]:
    """The columns of a dataset's records that a method may see; every other one may hold the answer of a task.

    Args:
        labels: columns with labels that the method states to read (:meth:`bench.method.Method.label_columns`).
    """
    names = dict.fromkeys((*ALWAYS, *dataset.tabular_variables, *dataset.measurements, *labels))
    return [name for name in names if name not in dataset.truths]


def shown_records(
    records: pd.DataFrame, dataset: type[Dataset], rows: np.ndarray, labels: Sequence[str] = ()
) -> pd.DataFrame:
    """The records with these columns; outside ``rows`` (bool [record]) every value is blank, and only the ids are left."""
    shown = records[[name for name in shown_columns(dataset, labels) if name in records]].copy()
    if not rows.all():
        for name in shown:
            shown[name] = _blanked(shown[name], rows)
    return shown


def _blanked(column: pd.Series, rows: np.ndarray) -> pd.Series:
    """Unknown outside ``rows``; of lists, empty ones; of whole numbers, 0, so that the type stays."""
    if column.dtype.kind in "iub":
        return column.where(rows, 0).astype(column.dtype)
    first: Any = next((value for value in column[rows] if value is not None), None)
    if isinstance(first, list | tuple | np.ndarray):
        values = [value if row else type(first)() if not isinstance(first, np.ndarray) else first[:0]
                  for value, row in zip(column, rows, strict=True)]  # fmt: skip
        return column.__class__(values, index=column.index, dtype=object, name=column.name)
    if column.dtype.kind in "OTUS" or isinstance(first, str):
        return column.where(rows, "")
    return column.where(rows)
