"""Read parquet tables from others within a limit: 1 KB can unpack to gigabytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reading.text_file import read_bytes

if TYPE_CHECKING:
    import pandas as pd

LARGEST_TABLE = 1 << 30
"""Bytes of all values of a table, unpacked, at eight bytes or more per value."""


def read_parquet(path: Path) -> pd.DataFrame:
    """A table whose size, as its footer states it, is within the limit; text takes at least as much as a number.

    Raises:
        OSError: not a regular file, or a larger one than allowed, packed or unpacked. ValueError: not a parquet file.
    """
    import pyarrow
    import pyarrow.compute
    from pyarrow import parquet

    content = read_bytes(path)
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        rows, schema = file.metadata.num_rows, file.schema_arrow
        stated = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        refuse_larger(max(8 * rows * len(schema), stated))
        text = [f.name for f in schema if pyarrow.types.is_string(f.type) or pyarrow.types.is_large_string(f.type)]
        table = parquet.read_table(io.BytesIO(content), read_dictionary=text)  # each text once, however often it occurs
    except OverSize:
        raise
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"not a parquet file, or damaged ({error})") from error
    longest = [
        pyarrow.compute.max(pyarrow.compute.binary_length(chunk.dictionary)).as_py() or 0
        for name in text
        for chunk in table[name].chunks
    ]
    refuse_larger(4 * rows * len(text) * max(longest, default=0))
    return table.cast(schema).to_pandas()


class OverSize(OSError):
    """A table of more bytes than are allowed."""


def refuse_larger(size: int) -> None:
    """Raises OverSize for a table of more bytes than are allowed."""
    if size > LARGEST_TABLE:
        raise OverSize(f"{size / 2**30:.1f} GiB when unpacked; expected at most {LARGEST_TABLE >> 30} GiB")
