"""Columns that a user adds to a dataset's records: partitions that others released and that are not ours to publish.

``bench splits import`` writes them, one CSV a dataset, below the workspace; they join the prepared records by record id
whenever those are read. A split then reads them like any column, and the dataset keeps their test records out of
pretraining.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError
from bench.reading.json_file import read_json
from bench.storage.artifacts import file_digest, replace_file, write_json

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
    write_json(_digest_of(path), {"sha256": file_digest(path)})
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


def _digest_of(path: Path) -> Path:
    """The file with the digest of an imported one; those of the first release have none."""
    return path.with_name(f"{path.name}.digest.json")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if _digest_of(path).exists() and read_json(_digest_of(path)) != {"sha256": file_digest(path)}:
            raise ValueError(f"its SHA-256 is not the one in {_digest_of(path).name}")
        table = pd.read_csv(path, dtype=str, encoding="utf-8")
        if "record_id" not in table or table["record_id"].duplicated().any() or table["record_id"].isna().any():
            raise ValueError("expected a column record_id with distinct values")
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path} is damaged ({error}). Delete it and import the split again.") from error
    return table.set_index("record_id")
