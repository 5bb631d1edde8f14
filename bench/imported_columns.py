"""Columns that a user brings to a dataset's records: partitions that others released and that are not ours to ship.

``bench splits import`` writes them, one CSV a dataset, below the workspace; they join the prepared records by record id
whenever those are read. A split then reads them like any column, and the dataset keeps their test records out of
pretraining.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from bench.artifacts import replace_file
from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def write_imported(folder: Path, dataset: str, columns: pd.DataFrame) -> Path:
    """Keep columns (index ``record_id``) for a dataset; columns imported earlier stay unless they are named again.

    Returns:
        the file, which appears whole or not at all.
    """
    import pandas as pd

    path = folder / f"{dataset}.csv"
    if path.is_file():
        before = _read(path)
        columns = pd.concat([before.drop(columns=before.columns.intersection(columns.columns)), columns], axis=1)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{dataset}-{secrets.token_hex(4)}.csv"
    columns.sort_index().to_csv(temporary, index_label="record_id", lineterminator="\n", encoding="utf-8")
    replace_file(temporary, path)
    return path


def with_imported(records: pd.DataFrame, folder: Path, dataset: str) -> pd.DataFrame:
    """The records with the columns imported for them, if any: text, ``""`` where a record has none; whole numbers
    (``*_order``) are -1 there.

    Raises:
        DataError: the file is damaged.
    """
    import pandas as pd

    path = folder / f"{dataset}.csv"
    if not path.is_file():
        return records
    table = _read(path)
    joined: dict[str, pd.Series] = {}
    for column in map(str, table):
        values = table[column].reindex(records.index)
        if column.endswith("_order"):
            joined[column] = pd.to_numeric(values, errors="coerce").fillna(-1).astype("int64")
        else:
            joined[column] = values.fillna("").astype(str)
    return records.assign(**joined)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8")
        if "record_id" not in table or table["record_id"].duplicated().any() or table["record_id"].isna().any():
            raise ValueError("expected a column record_id with distinct values")
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path} is damaged ({error}). Delete it and import the split again.") from error
    return table.set_index("record_id")
