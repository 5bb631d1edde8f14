"""Tables on standard output: as wide as the terminal, or whole lines where a program reads them."""

from __future__ import annotations

import os
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


def wrapped(line: str, width: int, indent: int | None = None) -> str:
    """A line that continues with ``indent`` spaces; default two more than it begins with."""
    begins = len(line) - len(line.lstrip())
    further = " " * (begins + 2 if indent is None else indent)
    return fill(line.lstrip(), width, initial_indent=" " * begins, subsequent_indent=further, break_on_hyphens=False)
