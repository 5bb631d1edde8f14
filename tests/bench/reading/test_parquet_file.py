"""Tables of strangers: read as they are, refused where they would fill the memory."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from bench.reading.parquet_file import read_parquet


def test_a_table_is_read_as_pandas_reads_it(tmp_path):
    table = pd.DataFrame(
        {"record_id": ["a", "b", "a"], "target": np.array([0, 1, 0], np.int8), "score": [0.5, np.nan, 1.0]}
    )
    table.to_parquet(tmp_path / "t.parquet", index=False)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "t.parquet"), pd.read_parquet(tmp_path / "t.parquet"))


def test_many_rows_and_long_texts_are_refused_unread(tmp_path):
    """1 MB that unpacks to 2 GB, and 1 KB that unpacks to 400 GB."""
    parquet.write_table(pa.table({"a": pa.nulls(150_000_000, pa.int8())}), tmp_path / "rows.parquet")
    indices = pa.array(np.zeros(100_000, np.int32))
    long = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 1_000_000]))
    parquet.write_table(pa.table({"a": long}), tmp_path / "text.parquet", store_schema=False, compression="zstd")
    for name in ("rows", "text"):
        with pytest.raises(OSError, match=r"GiB when unpacked; expected at most 1 GiB"):
            read_parquet(tmp_path / f"{name}.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"{}"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ValueError, match="not a parquet file, or damaged"):
        read_parquet(tmp_path / "t.parquet")
