"""CSV files as publishers and authors release them: read as text, checked once, with errors that name the cure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, required: Sequence[str], cure: str, keep_default_na: bool = True) -> pd.DataFrame:
    """A table with every value as text.

    Args:
        required: columns that must be there.
        cure: what to do about a file that is not as it should be; ends every message.
        keep_default_na: whether empty fields are missing values (pandas' reading) or empty texts.

    Raises:
        DataError: no such file, not UTF-8, not a CSV, no rows, or a column missing.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=keep_default_na)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 ({error.object[error.start]:#04x}); it has another encoding or is damaged. {cure}"
        ) from error
    except FileNotFoundError:
        raise DataError(f"{path} is missing. {cure}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as error:
        raise DataError(f"{path} cannot be read as CSV: {str(error).strip()}. {cure}") from error
    missing = [column for column in required if column not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise DataError(f"{path}: column {', '.join(missing)} is missing; found {found}. {cure}")
    if not len(table):
        raise DataError(f"{path} has no rows. {cure}")
    return table
