"""A registered class as far as its source text says, without importing it."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TITLE = re.compile(r'(?:^|[a-z.)],? )"([^"]+?),?"')
"""Quoted after authors; what follows a table's number or a year is the name of a row."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True)
class Entry:
    """What is known of a class without importing it."""

    name: str
    module: str
    qualname: str
    path: Path
    distribution: str
    summary: str = ""  # the docstring's first paragraph, without its source
    source: str = ""  # what follows "Source:" in the docstring, else the attribute ``source``
    attributes: dict[str, Any] = field(default_factory=dict)  # literal class attributes, own before inherited
    defines: frozenset[str] = frozenset()  # functions of the class and of the bases that could be read
    loaded: Any = None  # the class, where only this process has it

    @property
    def title(self) -> str:
        """The title that the source quotes; empty where it quotes none."""
        return title_of(self.source)

    @property
    def paper(self) -> str:
        """Authors and venue of the source, without the title."""
        end = _YEAR.search(self.source)
        first = self.source[: end.end()] if end else re.split(r"[.;]( |$)", self.source)[0]
        short = re.sub(r'"[^"]*",? ?', "", first).strip(" ,:(") or first
        return short + ")" * (short.count("(") - short.count(")"))

    @property
    def year(self) -> int | None:
        """The year of the source."""
        match = _YEAR.search(self.source)
        return int(match[0]) if match else None

    def load(self) -> Any:
        """Import the module and return the class."""
        return self.loaded if self.loaded is not None else getattr(importlib.import_module(self.module), self.qualname)


def title_of(source: str) -> str:
    """The title that a source quotes after its authors; empty where it quotes none."""
    match = _TITLE.search(source)
    return match[1] if match else ""
