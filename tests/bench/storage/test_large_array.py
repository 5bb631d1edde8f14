"""Arrays that may be larger than memory."""

import os

import numpy as np
import pytest

from bench.errors import DataError
from bench.storage import large_array as module
from bench.storage.large_array import large_array


def test_a_large_array_lies_in_a_file_that_is_deleted_with_it(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "IN_MEMORY", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    small, large = large_array((10, 10), np.uint8), large_array((10, 100), np.float32)
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    large[:] = np.arange(1000).reshape(10, 100)
    assert large.sum() == 999 * 500
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space in a file")
def test_a_full_disk_is_an_error_when_the_array_is_made(monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 1000)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"could not be stored there \(No space left on device\)\. Set TMPDIR"):
        large_array((10, 100))
