"""Split a report into its statements."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[;\n\r]+|\.+(?=\s|$)")


def statements_of(report: str) -> list[str]:
    """The statements of a report, without final full stops, each once."""
    parts = (" ".join(part.split()) for part in _SENTENCE_END.split(report))
    return list(dict.fromkeys(part for part in parts if part))
