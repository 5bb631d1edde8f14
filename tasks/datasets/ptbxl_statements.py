"""The SCP statements of PTB-XL: their table, and the statements of a recording with their likelihoods."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from bench.errors import DataError, shortened

if TYPE_CHECKING:
    import pandas as pd

STATEMENTS = "scp_statements.csv"
COLUMNS = ("description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass")
OPTIONAL_COLUMNS = ("Statement Category", "SCP-ECG Statement Description")


def statement_kinds(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """SCP code -> its description and the name under which it counts in each group (None where it does not).

    Args:
        table: ``scp_statements.csv``, with ``COLUMNS``.
    """
    import pandas as pd

    codes = table[table.columns[0]]  # the publisher leaves this column unnamed
    kinds: dict[str, dict[str, Any]] = {}
    for code, row in zip(codes, rows_of(table), strict=True):
        name = str(code).strip("_")
        holds = {group: _holds(row[group]) for group in ("diagnostic", "form", "rhythm")}
        kinds[str(code)] = {
            "description": str(row["description"]) if pd.notna(row["description"]) else name,
            "all": name,
            "structured": _sentence(row, name),
            **{group: name if belongs else None for group, belongs in holds.items()},
            "superclass": _class_name(row["diagnostic_class"]) if holds["diagnostic"] else None,
            "subclass": _class_name(row["diagnostic_subclass"]) if holds["diagnostic"] else None,
        }
    return kinds


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _sentence(row: dict[str, Any], name: str) -> str:
    """A statement with its category: "other ST-T descriptive statements: long QT-interval"."""
    description = row.get("SCP-ECG Statement Description")
    words = next((str(text) for text in (description, row["description"]) if _given(text)), name)
    category = row.get("Statement Category")
    return f"{category}: {words}" if _given(category) else words


def with_likelihoods(record: dict[str, Any]) -> list[str]:
    """The statements of a record, in their order, each with its likelihood unless that is 0: not stated."""
    diagnostic = set(record["diagnostic"])
    likelihood = json.loads(record["scp_codes"])
    codes = sorted(likelihood, key=lambda code: code.strip("_") not in diagnostic)
    return [
        f"{words} ({likelihood[code]:g} %)" if likelihood[code] else words
        for code, words in zip(codes, record["statements"], strict=True)
    ]


def _holds(value: Any) -> bool:
    try:
        return float(value) == 1
    except (TypeError, ValueError):
        return False


def _given(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _class_name(value: Any) -> str | None:
    return value.strip("_") if isinstance(value, str) else None


def distinct(names: Any) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))


def codes_of(text: str, where: str, known: dict[str, Any]) -> dict[str, float]:
    """The dictionary in a cell of ``scp_codes``: statement -> likelihood in percent, 0 where it is not stated."""
    try:
        literal = ast.literal_eval(text)
        codes = {str(code): float(likelihood) for code, likelihood in literal.items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, OverflowError, RecursionError, MemoryError):
        raise DataError(
            f"{where}, column scp_codes: cannot read {shortened(str(text), 60)!r}; expected a dictionary of statements and "
            f"likelihoods such as {{'NORM': 100.0}}."
        ) from None
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise DataError(f"{where}, column scp_codes: {unknown[0]!r} is not a statement of {STATEMENTS}.")
    for code, likelihood in codes.items():
        if not 0 <= likelihood <= 100:
            raise DataError(
                f"{where}, column scp_codes: {code} has the likelihood {likelihood}; expected a percentage from 0 to 100."
            )
    return codes
