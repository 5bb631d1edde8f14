"""Arrays that may be larger than memory: above a size they lie in a temporary file."""

from __future__ import annotations

import ctypes
import math
import os
import sys
import tempfile
from typing import Any

import numpy as np

from bench.errors import DataError

IN_MEMORY = 256 * 2**20
"""Bytes up to which an array is made in memory."""


def return_free_memory() -> None:
    """Give memory that Python has freed back to the system.

    glibc keeps what it may need again: of a large network that a process no longer holds, a gigabyte.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def large_array(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """An array to be filled, all values undefined: in memory, or above ``IN_MEMORY`` bytes in a file.

    The file lies in the folder for temporary files (``TMPDIR``) and is deleted with the array. The operating system writes
    its pages back when memory is short.

    Raises:
        DataError: the folder has no space for the file, or cannot be written.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="bench-array-") as file:  # the map outlives the closed file
            if hasattr(os, "posix_fallocate"):  # a full disk is an error here, and later would end the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise DataError(
            f"{tempfile.gettempdir()}: an array of {size / 2**30:,.1f} GiB could not be stored there "
            f"({error.strerror or error}). Set TMPDIR to a folder with more space."
        ) from error
