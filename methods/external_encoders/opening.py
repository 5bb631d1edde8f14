"""Open external encoders: the kind of a path, the digest of its weights, and the module."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from torch import nn

from bench.errors import ConfigError
from bench.storage.artifacts import digest, file_digest
from methods.external_encoders.exported import ExportedProgram
from methods.external_encoders.factory import build, factory_digest
from methods.external_encoders.onnx_model import OnnxGraph, weight_files
from methods.external_encoders.transformers_model import TransformersModel, files_of

Kind = Literal["exported", "onnx", "transformers", "factory"]
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
EXPORT = (
    "torch.export.save(torch.export.export(model.eval(), (torch.zeros(1, 12, 5000),), "
    'dynamic_shapes=({0: torch.export.Dim("record")},)), "model.pt2")'
)


def kind_of(path: str) -> Kind:
    """What ``path`` names.

    Raises:
        ConfigError: a pickle, weights without a network, or nothing that is known; with the fix.
    """
    if path.startswith("hf:"):
        return "transformers"
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    if suffix in PICKLES:
        raise ConfigError(
            f"path = {path}: a {suffix} file is a pickle, which can run code when it is opened, so it is refused. "
            f"Export the network where you have it: {EXPORT}. Or name a function that returns it: --set "
            "path=module:function --trust."
        )
    if suffix == ".safetensors":
        raise ConfigError(
            f"path = {path}: these are weights without a network. Name the folder that also holds config.json "
            f"(transformers), or a function that builds the network and loads them: --set path=module:function --trust."
        )
    if suffix in (".pt2", ".onnx"):
        if not file.is_file():
            raise ConfigError(f"path = {path}: there is no file {file.absolute()}.")
        return "exported" if suffix == ".pt2" else "onnx"
    if file.is_dir():
        return "transformers"
    module, colon, function = path.partition(":")
    if colon and function.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return "factory"
    raise ConfigError(
        f"path = {path}: expected model.pt2 (torch.export), model.onnx, hf:organisation/name or a folder with "
        f"config.json (transformers), or module:function."
    )


def weights_digest(path: str, trust: bool) -> str:
    """SHA-256 of an exported or ONNX file (with the files next to it that hold its weights); else a digest of the weights.

    Raises:
        ConfigError: it cannot be found, or needs trust.
    """
    kind = kind_of(path)
    if kind == "factory":
        return factory_digest(path, trust)
    if kind == "transformers":
        return digest([[file.name, _sha256(file)] for file in files_of(path, trust)])
    weights = Path(path).expanduser()
    if kind == "onnx" and (external := weight_files(weights)):
        return digest(
            [_sha256(weights), *([file.relative_to(weights.parent).as_posix(), _sha256(file)] for file in external)]
        )
    return _sha256(weights)


def _sha256(file: Path) -> str:
    facts = file.stat()
    return _sha256_of(file.absolute(), facts.st_mtime_ns, facts.st_size)


@functools.lru_cache(maxsize=256)
def _sha256_of(file: Path, changed: int, size: int) -> str:
    return file_digest(file)


def open_encoder(path: str, trust: bool) -> nn.Module:
    """The module behind ``path``: signals in, whatever the model answers out.

    Raises:
        ConfigError: it cannot be opened, or would run code and is not trusted.
    """
    kind = kind_of(path)
    if kind == "exported":
        return ExportedProgram(Path(path).expanduser(), trust)
    if kind == "onnx":
        return OnnxGraph(Path(path).expanduser())
    if kind == "transformers":
        return TransformersModel(path, trust)

    return build(path, trust)
