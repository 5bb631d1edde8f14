"""Read weights as others publish them: tensors by name, out of the containers that training programs save."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DataError, printable
from bench.training.tensor_file import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

CONTAINERS = ("state_dict", "model_state_dict", "model", "encoder", "ecg_model", "model_state", "net", "weights")
"""Keys under which published files keep their tensors next to an optimiser's state and an epoch."""


class _Inert:
    """Takes the place of an object that a file holds next to its tensors. It keeps nothing and can do nothing."""

    def __new__(cls, *_: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def _empty_mapping(*_: object) -> OrderedDict:
    return OrderedDict()


_PLAIN_OBJECTS = (
    "argparse.Namespace", "types.SimpleNamespace", "typing.Any", "_codecs.encode", "pathlib.PosixPath",
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype",
    *(f"numpy.dtypes.{name}DType" for name in ("Float16", "Float32", "Float64", "Int32", "Int64", "Bool")),
    *(f"builtins.{name}" for name in ("dict", "list", "set", "tuple", "int", "float", "str", "bool")),
    *(
        f"omegaconf.{name}"
        for name in (
            "dictconfig.DictConfig", "listconfig.ListConfig", "base.ContainerMetadata", "base.Metadata", "base.Node",
            "nodes.AnyNode", "nodes.IntegerNode", "nodes.FloatNode", "nodes.StringNode", "nodes.BooleanNode",
        )
    ),
)  # fmt: skip
"""Classes and functions by exact name, for which :class:`_Inert` stands. The real ones are neither imported nor called."""
_MAPPINGS = {
    "collections.defaultdict": _empty_mapping,
    "lightning.fabric.utilities.data.AttributeDict": OrderedDict,
    "lightning_fabric.utilities.data.AttributeDict": OrderedDict,
    "pytorch_lightning.utilities.parsing.AttributeDict": OrderedDict,
}


def read_weights(path: Path, container: str = "") -> dict[str, Tensor]:
    """The tensors of a published file by name: safetensors, Keras's HDF5, or what ``torch.save`` wrote, without running any
    of it.

    Objects of an allow list of harmless classes, by exact name, are replaced by empty ones; those of any other class are
    refused by name.

    Args:
        container: the key that holds the tensors, where a file has several that could.

    Raises:
        DataError: absent, damaged, holding objects of other classes, or holding no named tensors.
    """
    import torch

    if not path.is_file():
        raise DataError(f"{path}: no such file; name the weights that the authors published.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        elif path.suffix in (".h5", ".hdf5"):
            from bench.training.keras_file import read_keras_tensors

            content = read_keras_tensors(path)
        else:
            allowed: list[Any] = [(_Inert, name) for name in _PLAIN_OBJECTS]
            allowed += [(kind, name) for name, kind in _MAPPINGS.items()]
            with torch.serialization.safe_globals(allowed):
                content = read_tensors(path)
    except Exception as error:  # a damaged zip, a pickle of code, a truncated header: many classes, one meaning
        if isinstance(error, DataError) and not _other_kind(path):
            raise
        raise DataError(f"{path}: {_why_not(path, error)}") from error
    for name in (container,) if container else CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    named = content if isinstance(content, Mapping) else {}
    tensors = {str(name): value for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not tensors or len(tensors) < len(named):
        others = [printable(str(name)) for name in named if str(name) not in tensors]
        problem = f"also {', '.join(others[:4])}" if tensors else f"a {type(content).__name__} without named tensors"
        where = f"under {container}" if container else f"at the top or under one of {', '.join(CONTAINERS)}"
        raise DataError(f"{path}: expected names and tensors, {where}; found {problem}.")
    return tensors


def _why_not(path: Path, error: Exception) -> str:
    """The reason that a file could not be read, and what to do about it."""
    import torch

    try:
        held = set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - {*_PLAIN_OBJECTS, *_MAPPINGS}
    except Exception:  # it is no pickle at all
        held = set()
    if held:
        return (
            f"it holds objects of {', '.join(printable(name) for name in sorted(held)[:6])}, which are not tensors. To read "
            "them could run code of the file, so that nothing was read. Load the file in its own project, and save its "
            "state_dict() with safetensors.torch.save_file."
        )
    if kind := _other_kind(path):
        return f"{kind}: not a file of weights. Fetch the file again from its authors' page."
    lines = str(error).strip().splitlines()
    reason = printable(lines[0]) if lines else "no details"
    return f"not readable as weights ({type(error).__name__}: {reason}). If the file was downloaded, fetch it again."


def _other_kind(path: Path) -> str:
    """What a file is by its first bytes, if it is something that weights are often mistaken for or none of their formats."""
    with open(path, "rb") as file:
        head = file.read(64)
    if not head:
        return "the file is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS"
    if head.lstrip().startswith((b"<", b"{")):
        return "it is a web page or text"
    if path.suffix == ".safetensors" or head.startswith((b"PK", b"\x80", b"\x89HDF")):
        return ""
    return f"it begins with the bytes {head[:8].hex(' ')}"
