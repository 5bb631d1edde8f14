"""UK Biobank's main data set: CSV, TSV or parquet, with the column names of the data dispensary or of the RAP.

A column is a field, an instance (visit) and an array index: ``p20002_i0_a3`` and ``participant.p20002_i0_a3`` (Research
Analysis Platform), ``20002-0.3`` (data dispensary), ``f.20002.0.3`` (its R export). Only the columns that are asked for
are read, so that a delivery with thousands of them costs little memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import DataError
from bench.reading.publisher_csv import folded
from tasks.datasets.ukb_withdrawals import is_list

if TYPE_CHECKING:
    import pandas as pd

_RAP = re.compile(r"^p(\d+)(?:_i(\d+))?(?:_a(\d+))?$")
_DISPENSARY = re.compile(r"^(?:f\.)?(\d+)[-.](\d+)\.(\d+)$")
_EID = ("eid", "f.eid", "neid")
LARGEST = 1e6
"""No age, height or weight is larger."""
SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet")


@dataclass(frozen=True, order=True)
class Column:
    """A field at a visit; ``index`` counts its answers."""

    field: int
    instance: int = 0
    index: int = 0

    @classmethod
    def parse(cls, name: str) -> Column | None:
        """The column that a header names; None for one that is no field (eid)."""
        bare = _bare(name)
        match = _RAP.match(bare) or _DISPENSARY.match(bare)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2] or 0), int(match[3] or 0))


def _bare(heading: str) -> str:
    """A column's name without what copies put around it."""
    return heading.strip(" \t\r\ufeff\"'").lower().removeprefix("participant.")


class MainTable:
    """The columns of some fields, over all files of the main data set, one row per participant.

    Attributes:
        eids: str [participant], ascending; the index of everything returned.
    """

    def __init__(self, columns: dict[Column, pd.Series], eids: pd.Index):
        self._columns = columns
        self._entries: dict[int, pd.DataFrame] = {}
        self._codes: dict[int, pd.Series] = {}
        self.eids = eids

    def has(self, field: int) -> bool:
        """Whether the delivery holds the field at all."""
        return any(column.field == field for column in self._columns)

    def text(self, field: int, instance: int = 0, index: int = 0) -> pd.Series:
        """One column, as text; missing where it is empty or not in the delivery."""
        import pandas as pd

        column = self._columns.get(Column(field, instance, index))
        return pd.Series(pd.NA, index=self.eids, dtype="string") if column is None else column

    def number(self, field: int, instance: int = 0) -> pd.Series:
        """One column, as numbers.

        Raises:
            DataError: a value is not a number, or none that a field may have.
        """
        import pandas as pd

        text = self.text(field, instance)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        _expect(text, numbers.abs() <= LARGEST, f"field {field}, instance {instance}", "a number")
        return numbers

    def date(self, field: int, instance: int = 0, index: int = 0) -> pd.Series:
        """One column, as dates.

        Raises:
            DataError: a value is no date.
        """
        return dates_of(self.text(field, instance, index), f"field {field}, instance {instance}")

    def instances(self, field: int) -> list[int]:
        """Visits at which the field was asked."""
        return sorted({column.instance for column in self._columns if column.field == field})

    def entries(self, field: int) -> pd.DataFrame:
        """All answers of a field: columns ``eid``, ``instance``, ``index``, ``value`` (text), empty ones left out.

        The RAP gives some arrays (41270, 41271) as one column of lists, ``["I10", "I500"]`` or ``I10|I500``: their
        places in the list are the array indices.
        """
        if field not in self._entries:
            self._entries[field] = self._gathered(field)
        return self._entries[field]

    def codes(self, field: int) -> pd.Series:
        """The values of :meth:`entries` as codes, in capitals without points; made once, since each endpoint asks."""
        if field not in self._codes:
            text = self.entries(field)["value"].astype("string")
            self._codes[field] = text.str.replace(".", "", regex=False).str.strip().str.upper()
        return self._codes[field]

    def _gathered(self, field: int) -> pd.DataFrame:
        import pandas as pd

        parts = []
        for column in sorted(c for c in self._columns if c.field == field):
            values = self._columns[column].dropna()
            values = values[values.str.strip() != ""]
            parts.append(
                pd.DataFrame(
                    {
                        "eid": values.index.to_numpy(),
                        "instance": column.instance,
                        "index": column.index,
                        "value": values.to_numpy(dtype=object),
                    }
                )
            )
        if not parts:
            return pd.DataFrame({"eid": [], "instance": [], "index": [], "value": []})
        table = pd.concat(parts, ignore_index=True)
        listed = table["value"].str.startswith("[") | table["value"].str.contains("|", regex=False)
        if not listed.any():
            return table
        lists = table[listed].copy()
        lists["value"] = [_listed(text) for text in lists["value"]]
        lists = lists.explode("value")
        lists["index"] = lists.groupby(level=0).cumcount()
        return pd.concat([table[~listed], lists], ignore_index=True)


def dates_of(text: pd.Series, where: str) -> pd.Series:
    """Texts, by eid, as dates; NaT where there is none.

    Raises:
        DataError: one is no date.
    """
    import pandas as pd

    dates = pd.to_datetime(text, errors="coerce", format="ISO8601")
    _expect(text, dates.dt.year.between(1850, 2100), where, "a date such as 2014-05-01")
    return dates


def _expect(text: pd.Series, good: pd.Series, where: str, expected: str) -> None:
    wrong = (~good & text.notna() & (text.str.strip() != "")).to_numpy(bool, na_value=False)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"UK Biobank's main data set, eid {text.index[row]}: {where} is {str(text.iloc[row])[:40]!r}; expected "
            f"{expected}. Export the table again (ukbconv, or the RAP's table exporter), with values and not their meanings."
        )


def _listed(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return [str(entry) for entry in json.loads(text.replace("'", '"'))]
        except ValueError:
            return [entry.strip(" '\"") for entry in text.strip("[]").split(",")]
    return [entry.strip() for entry in text.split("|")]


def table_files(root: Path) -> list[Path]:
    """The files of the main data set: tables with an eid column directly in ``root`` or in ``root/main``.

    Raises:
        DataError: a table that cannot be read.
    """
    return [path for path in tables(root) if any(Column.parse(name) for name in header(path))]


def tables(root: Path) -> list[Path]:
    """All tables directly in ``root`` or in ``root/main``, lists of withdrawn participants left out."""
    return [
        path
        for folder in (root / "main", root)
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name.endswith(SUFFIXES) and not is_list(path.name)
    ]


def header(path: Path) -> list[str]:
    """Column names of a table.

    Raises:
        DataError: it cannot be read.
    """
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            return list(pyarrow.parquet.read_schema(path).names)
        return list(pd.read_csv(path, nrows=0, sep=_separator(path), encoding="utf-8-sig").columns)
    except (ValueError, OSError) as error:  # pandas' and pyarrow's errors are among these
        raise DataError(
            f"{path} cannot be read as a table of UK Biobank's main data set: {str(error).strip()}. Convert or download "
            f"it again (ukbconv, or the RAP's table exporter)."
        ) from error


def read_main(files: Iterable[Path], fields: Iterable[int], eids_wanted: set[str] | None = None) -> MainTable:
    """Read the columns of ``fields`` from all files; a participant is a row of any of them.

    Args:
        eids_wanted: keep only these participants; everybody if None.

    Raises:
        DataError: no eid column, an eid twice in one file, or a table that cannot be read.
    """
    import pandas as pd

    wanted = set(fields)
    columns: dict[Column, pd.Series] = {}
    eids: pd.Index = pd.Index([], dtype=object)
    for path in files:
        names = header(path)
        key = next((n for n in names if folded(n).removeprefix("participant.") in _EID), None)
        if key is None:
            raise DataError(f"{path}: no eid column; found {', '.join(names[:5])}, ... Export the table with eid.")
        chosen = {name: column for name in names if (column := Column.parse(name)) and column.field in wanted}
        if path.suffix == ".parquet":
            table = pd.read_parquet(path, columns=[key, *chosen])
        else:
            table = pd.read_csv(
                path, usecols=[key, *chosen], dtype="string", sep=_separator(path), encoding="utf-8-sig"
            )
        ids = table[key].astype("string").str.removesuffix(".0")
        if ids.isna().any() or ids.duplicated().any():
            wrong = "an empty eid" if ids.isna().any() else f"eid {ids[ids.duplicated()].iloc[0]} twice"
            raise DataError(f"{path}: {wrong}; expected one row per participant. Export the table again.")
        table.index = pd.Index(ids.to_numpy(dtype=object))
        if eids_wanted is not None:
            table = table[table.index.isin(eids_wanted)]
        eids = eids.union(table.index)
        for name, column in chosen.items():
            texts = _as_text(table[name])
            columns[column] = texts if column not in columns else columns[column].combine_first(texts)
    eids = eids.sort_values()
    return MainTable({column: values.reindex(eids) for column, values in columns.items()}, eids)


def _as_text(values: pd.Series) -> pd.Series:
    """Parquet keeps numbers, dates and lists; CSV texts. Both become texts."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.strftime("%Y-%m-%d").astype("string")
    if values.dtype == object and values.map(lambda v: isinstance(v, list | np.ndarray)).any():
        return values.map(lambda v: json.dumps(list(v)) if isinstance(v, list | np.ndarray) else pd.NA).astype("string")
    text = values.astype("string")
    if pd.api.types.is_float_dtype(values):
        text = text.str.removesuffix(".0")
    return text


def _separator(path: Path) -> str:
    return "\t" if path.name.endswith((".tsv", ".txt", ".tsv.gz")) else ","
