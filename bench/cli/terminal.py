"""Tables on standard output: as wide as the terminal, or whole lines where a program reads them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNBROKEN = 1000
WIDE = 120
"""Columns of a terminal from which on a table has a column for everything; on a narrower one facts stand beneath names."""


def console() -> Console:
    """A console that breaks lines at the terminal's edge, and none in a file or a pipe: ``grep`` finds whole rows."""
    from bench.progress import plain_console

    default = plain_console()
    given = os.environ.get("COLUMNS", "").isdecimal() and int(os.environ["COLUMNS"]) > 0
    return default if (default.is_terminal and default.width > 0) or given else plain_console(width=UNBROKEN)


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    title: str | None = None,
    left: Collection[str] = ("method",),
    unbroken: str = "",
) -> None:
    """A table with a line under its heads.

    Args:
        left: columns that begin at the left; all others end at the right.
        unbroken: a column whose cells are not broken into lines on a narrow terminal.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", title=title, title_justify="left")
    rows = list(rows)
    for i, head in enumerate(heads):
        width = max(len(row[i]) for row in rows) if head == unbroken and rows else None
        table.add_column(Text(head), justify="left" if head in left else "right", min_width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def estimate(value: float, interval: tuple[float, float], sign: str = "", digits: int = 3) -> str:
    """A value with its interval, of which there is none where too few patients have a class."""
    low, high = interval
    form = f"{sign}.{digits}f"
    return f"{value:{form}} " + ("[no interval]" if low != low else f"[{low:{form}}, {high:{form}}]")


def wrapped(line: str, width: int, indent: int | None = None) -> str:
    """A line that continues with ``indent`` spaces; default two more than it begins with."""
    begins = len(line) - len(line.lstrip())
    further = " " * (begins + 2 if indent is None else indent)
    return fill(line.lstrip(), width, initial_indent=" " * begins, subsequent_indent=further, break_on_hyphens=False)
