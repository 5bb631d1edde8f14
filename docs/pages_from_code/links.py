"""Links of the documentation's pages."""

from __future__ import annotations

import re

_FOLDER = re.compile(r'href="((?:\.{0,2}/)*\.{1,2}/?)"')


def to_folder(html: str) -> str | None:
    """The first link to a folder, which browsers list where a page is opened as a file; None without one."""
    link = _FOLDER.search(html)
    return link.group(1) if link else None
