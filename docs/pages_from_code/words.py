"""Docstrings and values as Markdown."""

from __future__ import annotations

import inspect
import re

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`~?([^`]+)`")


def markdown(docstring: str | None) -> str:
    """A docstring without Sphinx's roles and double backticks."""
    text = inspect.cleandoc(docstring or "")
    return ROLE.sub(r"`\1`", text).replace("``", "`")


def cell(text: object) -> str:
    """Text that may stand in a table's cell; a bar within code is no border."""
    parts = re.split(r"(`[^`]*`)", " ".join(str(text).split()))
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in parts)


def code_cell(value: object) -> str:
    """A value as code in a table's cell."""
    text = " ".join(str(value).split())
    return f"`{text}`" if text else ""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
