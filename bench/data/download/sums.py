"""The publisher's list of checksums, which states the files of a publication."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from bench.data.download.archive_list import Listed
from bench.dataset import Publication, path_inside
from bench.errors import ConfigError, DataError
from bench.redaction import redact

KEPT_ASIDE = ".download"
"""Folder below the destination for what is not whole yet."""

_LINE = re.compile(r"(?P<sha>[0-9a-fA-F]{64}) [ *](?P<path>.+)")


def read_sums(list_path: Path, publication: Publication, root: Path) -> dict[str, Listed]:
    """Path below the root -> file, in the publisher's order, for the files of a publication.

    Raises:
        DataError: a line that is none, a path that leaves the root, a file with two checksums, or no file at all.
    """
    sums: dict[str, Listed] = {}
    try:
        with open(list_path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                where = f"{redact(publication.url)}{publication.sums}: line {number}"
                entry = _LINE.fullmatch(line.rstrip("\r\n"))
                if entry is None:
                    raise DataError(
                        f"{where} is {line.strip()[:80]!r}; expected 64 hexadecimal digits, two blanks and a path. Is this "
                        f"the address of a publication?"
                    )
                path = entry["path"].removeprefix("./")
                path_inside(root, path, where)
                if not path.startswith(publication.folder):
                    continue
                path = path[len(publication.folder) :]
                if not included(path, publication):
                    continue
                if path.split("/")[0] == KEPT_ASIDE or path == publication.sums:
                    raise DataError(f"{where} names {path!r}, which is a name that the download itself uses.")
                listed = Listed(entry["sha"].lower(), publication.url + quote(publication.folder + path))
                if sums.setdefault(path, listed) != listed:
                    raise DataError(f"{where} gives {path!r} a second, different checksum; expected one.")
    except UnicodeDecodeError as error:
        raise DataError(f"{redact(publication.url)}{publication.sums} is not a text in UTF-8 ({error}).") from error
    if not sums:
        raise DataError(f"{redact(publication.url)}{publication.sums} lists no file of {publication.title}.")
    return sums


def included(path: str, publication: Publication) -> bool:
    """Whether a file is among those that are needed."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in publication.include)


def chosen(sums: dict[str, Listed], only: Sequence[str]) -> dict[str, Listed]:
    """The files that any pattern matches; all of them without one. ``*`` also matches slashes.

    Raises:
        ConfigError: a pattern that names none.
    """
    if not only:
        return sums
    names: set[str] = set()
    for pattern in only:
        some = fnmatch.filter(sums, pattern) or [path for path in sums if path.startswith(pattern.rstrip("/") + "/")]
        if not some:
            tops = sorted({path.split("/")[0] + ("/" if "/" in path else "") for path in sums})
            shown = ", ".join(tops[:20]) + (", ..." if len(tops) > 20 else "")
            raise ConfigError(f"--only {pattern!r} matches none of {len(sums):,} files; the top level holds {shown}.")
        names.update(some)
    return {path: listed for path, listed in sums.items() if path in names}
