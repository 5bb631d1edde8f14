"""Read the weights of Keras models from HDF5 files, without Keras and without running anything in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import ConfigError


def read_keras_tensors(path: Path) -> dict[str, Tensor]:
    """The weights of a model as ``LAYER/VARIABLE``, in Keras's layout (kernel, in, out).

    Files of ``model.save`` hold them at ``model_weights/LAYER/LAYER/VARIABLE:0``, those of ``model.save_weights``
    without the first part. The state of an optimiser is not read.

    Raises:
        ConfigError: the file is no such file, or its weights are not plain arrays within it. Keras writes plain arrays;
            links to other files, compression and virtual arrays could read or expand to anything.
    """
    import h5py

    arrays: dict[str, Tensor] = {}
    remaining = path.stat().st_size if path.is_file() else 0

    def keep(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        layer, variable = name.split("/")[0], name.rsplit("/", 1)[-1].removesuffix(":0")
        plain = item.chunks is None and item.external is None and not item.is_virtual
        if not plain or item.dtype.kind != "f" or f"{layer}/{variable}" in arrays:
            raise ConfigError(f"{path}: {name} is not an array of floats as Keras writes it; nothing was read.")
        nonlocal remaining
        remaining -= item.nbytes
        if remaining < 0:
            raise ConfigError(f"{path}: its arrays are together larger than the file; nothing was read.")
        arrays[f"{layer}/{variable}"] = torch.from_numpy(item[()].astype("float32"))

    try:
        with h5py.File(path, "r") as file:
            held = isinstance(file.get("model_weights", getlink=True), h5py.HardLink)
            (file["model_weights"] if held else file).visititems(keep)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path}: not readable as HDF5 ({error}). Name the .h5 or .hdf5 file that Keras saved."
        ) from error
    if not arrays:
        raise ConfigError(f"{path}: no weights at model_weights/LAYER/LAYER/VARIABLE, where Keras saves them.")
    return arrays


def layers_by_number(names: Iterable[str], kind: str) -> list[str]:
    """Layers of one kind in the order in which the model made them.

    Keras numbers them from a count of the session, so that the first may be ``conv1d``, ``conv1d_1`` or ``conv1d_13``;
    HDF5 lists them by the alphabet. The order of the numbers is always that of the model.
    """
    numbers = {
        match[0]: int(match[1] or 0)
        for name in names
        if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", name.split("/")[0]))
    }
    return sorted(numbers, key=numbers.__getitem__)
