"""Errors a user can act on: each message names the place, what was found, what was expected and the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MANY = 50
"""Known names that are listed whole; of more fields than that, only a section."""


class BenchError(Exception):
    """Something the user can mend. The CLI prints the message alone, without a traceback, and exits with 2."""


class DataError(BenchError):
    """A file, record or field of a dataset is missing or malformed."""


class ConfigError(BenchError):
    """An option or a config field is unknown or out of range."""


class UnknownName(ConfigError):
    """A method, task, mode, lead or field that nobody registered; the message suggests the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], cure: str = ""):
        known = sorted(known)
        folded = {k.lower(): k for k in known}
        near = [folded[m] for m in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
        hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}.{hint}{cure} Known: {', '.join(_shown(name, known)) or 'none'}.")
        self.kind, self.name, self.suggestions = kind, name, near


def _shown(name: str, known: list[str]) -> list[str]:
    """All names, or where fields of many sections would fill the terminal, those of the section asked for; else the
    sections."""
    if len(known) <= MANY or not any("." in one for one in known):
        return known
    section = name.partition(".")[0] + "."
    same = [one for one in known if one.startswith(section)]
    return same or sorted({one.partition(".")[0] + ".*" if "." in one else one for one in known})
