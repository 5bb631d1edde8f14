"""UK Biobank's lists of withdrawn participants, whose data may no longer be used.

UK Biobank mails them as ``w12345_20240101.csv`` or ``W12345_20240101.txt``: one eid per line, no header. What projects
make of them (spreadsheets, further columns, folders of all lists so far) is read too, and whatever is not understood
stops the preparation: a participant who was overlooked would be kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from bench.errors import DataError

NAMES = "w12345_20240101.csv"
HINT = "Write it as plain text with one eid (7 digits) a line."

_NAME = re.compile(r"w\d.*|.*withdr.*", re.IGNORECASE)
_TEXT = ("", ".csv", ".txt", ".tsv", ".lst")
_OTHER = (".xlsx", ".xls", ".ods", ".zip", ".gz")
_EID = re.compile(r"[1-9][0-9]{6}(?:\.0*)?")
_BLANKS_AND_QUOTES = " \t\r\f\v\xa0\ufeff\"'`\u2018\u2019\u201c\u201d"


def is_list(name: str) -> bool:
    """Whether a file of this name is a list of withdrawals, and no table of the main data set."""
    return _NAME.fullmatch(name) is not None and Path(name).suffix.lower() in (*_TEXT, *_OTHER)


def withdrawal_lists(root: Path) -> list[Path]:
    """The lists in ``root`` and its folders, those that begin with a dot aside; directly in ``root`` also any ``w*.csv`` that
    is no table of fields."""
    from tasks.datasets.ukb_table import Column, header

    lists = [
        path
        for path in root.glob("[wW]*.csv")
        if path.is_file() and not is_list(path.name) and not any(map(Column.parse, header(path)))
    ]
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        lists += [Path(folder, name) for name in files if is_list(name)]
    return sorted(lists)


def read_withdrawn(paths: Iterable[Path]) -> set[str]:
    """The eids in lists of withdrawals.

    Raises:
        DataError: a line that is neither empty nor a header and has no eid; a file that is no text.
    """
    return set().union(*(_eids(path) for path in paths))


def _eids(path: Path) -> set[str]:
    withdrawn: set[str] = set()
    first = True
    for number, line in enumerate(_text(path).splitlines(), start=1):
        parts = [part.strip(_BLANKS_AND_QUOTES) for part in re.split(r"[,;|\s]+", line)]
        words = [part for part in parts if part]
        eids = [part.partition(".")[0] for part in words if _EID.fullmatch(part)]
        withdrawn.update(eids)
        if words and not eids and not (first and _is_header(words)):
            raise DataError(
                f"{path}: line {number} is {line.strip()[:60]!r}; expected the eid of a participant who has withdrawn, and "
                f"nobody may be overlooked. {HINT}"
            )
        first = first and not words
    return withdrawn


def _is_header(parts: list[str]) -> bool:
    words = " ".join(parts)
    return any(c.isalpha() for c in words) and re.search(r"\d{5}", words) is None


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix.lower() in _OTHER or (b"\0" in content and content[:2] not in (b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{path} is named as a list of withdrawn participants and is no text file. {HINT}")
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, a list of withdrawn participants, cannot be read: {error}. {HINT}") from error
