"""Read a text file that another person may have written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 64 << 20
"""Bytes of the largest text file that is read. The largest shipped one, a split, has a hundredth of that."""


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: as :func:`check_text_file`.
    """
    check_text_file(path)
    return Path(path).read_bytes()


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        OSError: as :func:`check_text_file`. UnicodeDecodeError: not UTF-8.
    """
    check_text_file(path)
    return Path(path).read_text(encoding="utf-8-sig")


def check_text_file(path: Path) -> None:
    """Refuse what would hang or fill the memory when it is read.

    Raises:
        OSError: not there, not a regular file, or larger than :data:`LARGEST`.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{'a folder' if stat.S_ISDIR(status.st_mode) else 'not a regular file'}; expected a text file")
    if status.st_size > LARGEST:
        raise OSError(f"{status.st_size >> 20} MiB; expected at most {LARGEST >> 20} MiB")


def said(error: Exception) -> str:
    """The reason of a failed read in one line; the caller's message already names the file."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8; expected a file in UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())
