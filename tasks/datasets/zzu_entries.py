"""Entries of ZZU pECG's table: quoted texts, lists, codes with modifiers, and words where a list of codes has none."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z][0-9]{1,3}|Suggests[0-9]{1,3}")


def bare(text: object) -> str:
    """A value without the quotes that the table has around texts."""
    return str(text).strip().strip("'\"").strip()


def split(text: str) -> list[str]:
    """The entries of a list, which ``;`` separates, without empty ones."""
    return [part for part in (bare(part) for part in bare(text).split(";")) if part and part.lower() != "null"]


def without_modifiers(entry: str) -> str:
    """``L145`` of ``L145+Modifier362``; words stay whole, in small letters."""
    head = entry.split("+")[0].strip()
    return head if _CODE.fullmatch(head) else " ".join(entry.lower().split())
