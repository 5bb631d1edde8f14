"""Join findings into sentences as a report has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bench.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd


def sentences(statements: Iterable[str]) -> str:
    """``["sinus rhythm", "normal ECG"]`` as "sinus rhythm. normal ECG."; empty without a statement."""
    text = ". ".join(statements)
    return f"{text}." if text else ""


class DatasetWithStatements(Dataset):
    """A dataset whose records have a column ``statements``: lists of findings written out."""

    @classmethod
    def text(cls, records: pd.DataFrame, source: str) -> list[str]:
        """``statements``: the findings as sentences."""
        if source == "statements":
            return [sentences(record_statements) for record_statements in records["statements"]]
        return super().text(records, source)
