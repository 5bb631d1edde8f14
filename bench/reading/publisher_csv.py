"""CSV files as publishers and authors release them: read as text, checked once, with errors that name the fix."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 50_000
"""Rows that are read at a time, which bounds the memory of 14 million fields."""


def folded(heading: object) -> str:
    """A heading as it is compared: without case, blanks, underscores, quotes and byte-order mark. Publishers and their copies
    differ in these (``Acronym Name``, ``AcronymName``), and no publisher has two columns that differ in them alone."""
    return "".join(c for c in str(heading).casefold() if not c.isspace() and c not in "_\ufeff\"'")


def heading_of(path: Path) -> list[str]:
    """The unchanged first line of a CSV file; pandas renames a heading that is there twice.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            return next(csv.reader(file), [])
        except csv.Error:  # pandas says what is wrong
            return []


def our_headings(
    path: Path, columns: Iterable[object], required: Sequence[str], hint: str, optional: Sequence[str] = ()
) -> dict[str, str]:
    """Heading in the file -> the same as it is spelled here, for the columns that are read.

    Raises:
        DataError: a required column is missing, or one that is read is there twice.
    """
    headings = [str(heading) for heading in columns]
    written = heading_of(path)
    twice = [name for k, name in enumerate(written) if name in written[:k] and (name or not written[0])]
    if twice:
        raise DataError(
            f"{path}: the heading {twice[0]!r} is there {written.count(twice[0])} times; expected once. {hint}"
        )
    places: dict[str, list[str]] = {}
    for heading in headings:
        places.setdefault(folded(heading), []).append(heading)
    missing = [column for column in required if folded(column) not in places]
    if missing:
        raise DataError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(headings)}. {hint}")
    ours: dict[str, str] = {}
    for column in (*required, *optional):
        same = places.get(folded(column), [])
        exact = [heading for heading in same if heading == column]
        if len(exact or same) > 1:
            raise DataError(f"{path}: column {column} is there as {' and as '.join(same)}; expected it once. {hint}")
        ours |= dict.fromkeys(exact or same, column)
    return ours


@contextlib.contextmanager
def failing_as_csv(path: Path, hint: str) -> Iterator[None]:
    """What pandas raises when it reads a file in the block is a DataError that names the file.

    Args:
        hint: the fix; ends every message.
    """
    import pandas as pd

    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 ({error.object[error.start]:#04x}); it has another encoding or is damaged. {hint}"
        ) from error
    except FileNotFoundError:
        raise DataError(f"{path} is missing. {hint}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as error:
        raise DataError(f"{path} cannot be read as CSV: {str(error).strip()}. {hint}") from error


def read_table(
    path: Path, required: Sequence[str], hint: str, keep_default_na: bool = True, optional: Sequence[str] = ()
) -> pd.DataFrame:
    """A table with every value as text, its headings as they are spelled here.

    Args:
        required: columns that must be there.
        optional: further columns that are read where they are there.
        hint: the fix for a malformed file; ends every message.
        keep_default_na: whether empty fields are missing values (pandas' reading) or empty texts.

    Raises:
        DataError: no such file, not UTF-8, not a CSV, no rows, or a column missing.
    """
    import pandas as pd

    with failing_as_csv(path, hint):
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=keep_default_na)
    table = table.rename(columns=our_headings(path, table.columns, required, hint, optional))
    if not len(table):
        raise DataError(f"{path} has no rows. {hint}")
    return table


def read_chunks(path: Path, required: Sequence[str], hint: str, rows: int = CHUNK) -> Iterator[pd.DataFrame]:
    """Columns of a large table as text, empty where a field is, some rows at a time.

    Raises:
        DataError: no such file, not UTF-8, not a CSV, no rows, or a column missing.
    """
    import pandas as pd

    with failing_as_csv(path, hint):
        header = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
        ours = our_headings(path, header, required, hint)
        # all columns: with some of them alone, pandas would not notice a line of too many fields
        some = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", chunksize=rows)
        empty = True
        for chunk in some:
            empty = empty and not len(chunk)
            yield chunk.rename(columns=ours)[list(required)]
    if empty:
        raise DataError(f"{path} has no rows. {hint}")
