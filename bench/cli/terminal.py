"""Tables on standard output: as wide as the terminal, or whole lines where a program reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNBROKEN = 1000
WIDE = 120
"""Columns of a terminal from which on a table has a column for everything; on a narrower one facts stand beneath names."""
WIDEST = 180
"""The same for a table of seven columns or more."""


def console() -> Console:
    """A console that breaks lines at the terminal's edge, and none in a file or a pipe: ``grep`` finds whole rows."""
    from rich.console import Console

    default = Console()
    return default if default.is_terminal or "COLUMNS" in os.environ else Console(width=UNBROKEN)
