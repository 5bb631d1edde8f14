"""Unpack compressed text from others within limits."""

from __future__ import annotations

import lzma
from pathlib import Path

from bench.reading.text_file import LARGEST, read_bytes

LARGEST_UNPACKED = 4 * LARGEST
MEMORY = 256 << 20
"""Bytes that unpacking may take: a file can ask for 4 GiB."""


def read_packed(path: Path) -> str:
    """The text of a UTF-8 file packed with xz.

    Raises:
        OSError: not a regular file, or one that is larger than allowed, packed or unpacked. ValueError: not one whole stream
            of xz, or not UTF-8.
    """
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    try:
        content = unpacker.decompress(read_bytes(path), max_length=LARGEST_UNPACKED + 1)
    except lzma.LZMAError as error:
        raise ValueError(f"not packed with xz, or damaged ({error})") from error
    if len(content) > LARGEST_UNPACKED:
        raise OSError(f"more than {LARGEST_UNPACKED >> 20} MiB when unpacked; expected at most that")
    if not unpacker.eof:
        raise ValueError("cut off; expected a whole file of xz")
    if unpacker.unused_data:
        raise ValueError("something follows its end; expected one stream of xz")
    return content.decode("utf-8")
