"""Decide which names from untrusted files may become part of a path."""

from __future__ import annotations

import re

from bench.errors import DataError

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,199}")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def is_path_part(name: object) -> bool:
    """Whether a name can be one component of a path on any system, and nothing but that: no folder, no ``..``, no device."""
    return isinstance(name, str) and bool(_PLAIN.fullmatch(name)) and not _DEVICES.fullmatch(name) and name[-1] != "."


def path_part(name: object, where: str) -> str:
    """The name, if it can be one component of a path.

    Args:
        where: the file and field that hold it, for the message.

    Raises:
        DataError: it could lead elsewhere.
    """
    if not is_path_part(name):
        raise DataError(
            f"{where} is {str(name)[:80]!r}, which would become part of a path; expected letters, digits and _ . + @ = -, "
            f"at most 200, the first a letter, digit or _. Ask its author for a file with another name."
        )
    return str(name)
