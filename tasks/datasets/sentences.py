"""Join findings into sentences as a report has them."""

from __future__ import annotations

from collections.abc import Iterable


def sentences(statements: Iterable[str]) -> str:
    """``["sinus rhythm", "normal ECG"]`` as "sinus rhythm. normal ECG."; empty without a statement."""
    text = ". ".join(statements)
    return f"{text}." if text else ""
