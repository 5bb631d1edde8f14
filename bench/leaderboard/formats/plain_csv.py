"""Rows of texts and numbers as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench.leaderboard.formats.table_csv import safe_text


def plain_csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Numbers with six digits, unknown ones (NaN) empty; no text is one that a spreadsheet takes for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_shown(value) for value in row] for row in rows)
    return buffer.getvalue()


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return safe_text(value) if isinstance(value, str) else value
