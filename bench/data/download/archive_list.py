"""The files of a record of Zenodo or figshare, as the archive's interface lists them: name, size, md5, address.

Zenodo (``/api/records/NUMBER``) states ``files`` with ``key``, ``size``, ``checksum`` and ``links.self``; figshare
(``/v2/articles/NUMBER``) states ``files`` with ``name``, ``size``, ``computed_md5`` and ``download_url``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.dataset import path_inside
from bench.errors import DataError
from bench.reading.json_file import read_json
from bench.redaction import redact

_MD5 = re.compile(r"(md5:)?(?P<md5>[0-9a-f]{32})")


@dataclass(frozen=True)
class Listed:
    """A file as its publisher lists it.

    Attributes:
        digest: as :attr:`bench.data.download.one_file.Remote.digest`.
        url: where it is; size: in bytes, None where the list does not state it.
    """

    digest: str
    url: str
    size: int | None = None


def read_archive_list(path: Path, url: str, root: Path) -> dict[str, Listed]:
    """Name -> file, of one record.

    Args:
        path: the reply of the archive's interface.
        url: where it came from, for messages.

    Raises:
        DataError: the reply is no such list, or a file in it has no md5, no address, or a name that leaves the root.
    """
    try:
        content = read_json(path)
    except ValueError:
        content = None
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError(
            f"{redact(url)}: the reply lists no files; expected a record of Zenodo or figshare. Run the same command later, "
            "or get the files in a browser."
        )
    listed: dict[str, Listed] = {}
    for number, item in enumerate(files):
        where = f"{redact(url)}: file {number + 1}"
        name, digest, address, size = _facts(item if isinstance(item, dict) else {})
        path_inside(root, name, where)
        match = _MD5.fullmatch(digest.lower())
        if match is None:
            raise DataError(f"{where}, {name}, has the checksum {digest!r}; expected an md5. Inform the archive.")
        if urlsplit(address).scheme not in ("http", "https"):
            raise DataError(
                f"{where}, {name}, has the address {address[:80]!r}; expected one that begins with https://."
            )
        listed[name] = Listed(f"md5:{match['md5']}", address, size)
    return listed


def _facts(item: dict[str, Any]) -> tuple[str, str, str, int | None]:
    """Name, checksum, address and size; ``""`` for what is missing."""
    links = item.get("links") or {}
    name = item.get("key") or item.get("name")
    digest = item.get("checksum") or item.get("computed_md5") or item.get("supplied_md5")
    address = item.get("download_url") or (links.get("self") if isinstance(links, dict) else "")
    size = item.get("size")
    return str(name or ""), str(digest or ""), str(address or ""), size if isinstance(size, int) else None
