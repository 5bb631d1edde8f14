"""Read the weights of Keras models from HDF5 files, without Keras and without running anything in the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def read_keras_tensors(path: Path) -> dict[str, Tensor]:
    """The weights of a model as ``LAYER/VARIABLE``, in Keras's layout (kernel, in, out).

    Files of ``model.save`` hold them at ``model_weights/LAYER/LAYER/VARIABLE:0``, those of ``model.save_weights``
    without the first part. The state of an optimiser is not read.

    Raises:
        DataError: the file is no such file, or its weights are not plain arrays within it. Keras writes plain arrays;
            links to other files, compression and virtual arrays could read or expand to anything.
    """
    import h5py
    import torch

    arrays: dict[str, Tensor] = {}
    remaining = path.stat().st_size if path.is_file() else 0

    def keep(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        layer, variable = name.split("/")[0], name.rsplit("/", 1)[-1].removesuffix(":0")
        plain = item.chunks is None and item.external is None and not item.is_virtual
        if not plain or item.dtype.kind != "f" or f"{layer}/{variable}" in arrays:
            raise DataError(f"{path}: {name} is not an array of floats as Keras writes it; nothing was read.")
        nonlocal remaining
        remaining -= item.nbytes
        if remaining < 0:
            raise DataError(f"{path}: its arrays are together larger than the file; nothing was read.")
        arrays[f"{layer}/{variable}"] = torch.from_numpy(item[()].astype("float32"))

    try:
        with h5py.File(path, "r") as file:
            held = isinstance(file.get("model_weights", getlink=True), h5py.HardLink)
            (file["model_weights"] if held else file).visititems(keep)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{path}: not readable as HDF5 ({error}). Name the .h5 or .hdf5 file that Keras saved."
        ) from error
    if not arrays:
        raise DataError(f"{path}: no weights at model_weights/LAYER/LAYER/VARIABLE, where Keras saves them.")
    return arrays
