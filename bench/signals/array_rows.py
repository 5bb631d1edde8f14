"""Rows of one large array file as recordings: HDF5 data sets and ``.npy`` files, which are never read as a whole.

A :class:`bench.dataset.RecordFile` of such a record has the file as its path and ``facts["row"]``. Each process keeps a few
files open, because to open one takes longer than to read a row.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError

OPEN = 4
"""Files of each kind that a process keeps open."""


def hdf5_rows(path: Path, name: str, fix: str = "") -> Any:
    """The data set of an HDF5 file, of which slices are read from the disk.

    Args:
        fix: what the user can do, for the message.

    Raises:
        DataError: no HDF5 file, or one without a data set of this name.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"{path} is missing. {fix}".strip())
    try:
        file = _opened(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"{path} is no readable HDF5 file ({error}); it may be cut short. {fix}".strip()) from error
    rows = file.get(name)
    if not isinstance(rows, h5py.Dataset):
        raise DataError(f"{path} holds {', '.join(file) or 'nothing'}; expected the data set {name}. {fix}".strip())
    return rows


def npy_rows(path: Path, fix: str = "") -> np.ndarray:
    """The array of a ``.npy`` file, mapped into memory and not read.

    Raises:
        DataError: no such file, or none that can be mapped.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing. {fix}".strip())
    try:
        return _mapped(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(f"{path} is no readable .npy file ({error}); it may be cut short. {fix}".strip()) from error


def row_of(rows: Any, path: Path, row: int, shape: tuple[int, ...], fix: str = "") -> np.ndarray:
    """One row, read from the disk.

    Args:
        rows: of :func:`hdf5_rows` or :func:`npy_rows`.
        shape: that every row must have.

    Raises:
        DataError: no such row, another shape, or bytes that cannot be read.
    """
    if tuple(rows.shape[1:]) != shape or not 0 <= row < rows.shape[0]:
        raise DataError(
            f"{path} holds an array of shape {list(rows.shape)}; expected row {row} of shape {list(shape)}. {fix}".strip()
        )
    try:
        return np.asarray(rows[row])
    except OSError as error:
        raise DataError(f"{path}: row {row} cannot be read ({error}). {fix}".strip()) from error


@functools.lru_cache(OPEN)
def _opened(path: Path, changed: int) -> Any:
    import h5py

    return h5py.File(path, "r")


@functools.lru_cache(OPEN)
def _mapped(path: Path, changed: int) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
