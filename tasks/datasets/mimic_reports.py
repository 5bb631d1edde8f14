"""MIMIC-IV-ECG's machine statements as one text: as MERL's released code makes it, and cleaned one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable

MINIMUM_WORDS = 4
"""MERL keeps reports of at least this many words: 771,693 of 800,035 (released code)."""


def merl_report(statements: Iterable[str]) -> str:
    """The text that MERL's released code trains on, to the letter.

    Statements are joined with ". "; ``EKG`` and ``ekg``, but not ``Ekg``, become ECG. Stars, equals signs and hyphens
    are stripped from the two ends of the whole only: those inside stay, and so does a blank that a strip uncovers. No
    statement at all gives ``empty``.
    """
    text = _joined(statements)
    return f"{text}." if text else "empty"


def merl_words(statements: Iterable[str]) -> int:
    """Words of that text, counted by white space before the final full stop: what MERL's rule counts."""
    return len(_joined(statements).split())


def _joined(statements: Iterable[str]) -> str:
    text = ". ".join(statement for statement in statements if statement).replace("EKG", "ECG").replace("ekg", "ecg")
    for characters in (" *", "*", "=-", "="):  # the released code's order, which matters
        text = text.strip(characters)
    return re.sub(r"[\n\r\t]", " ", text.lower())


def sentences(statements: Iterable[str]) -> str:
    """Every statement as a sentence in lower case, without frames of stars, equals signs and hyphens, said once."""
    distinct: dict[str, None] = {}
    for statement in statements:
        plain = re.sub(r"[*=]+|-{2,}", " ", statement.lower())
        plain = re.sub(r"\bekg\b", "ecg", " ".join(plain.split())).strip(" .-")
        if plain:
            distinct[plain] = None
    return "".join(f"{statement}. " for statement in distinct).strip()
