"""Read checkpoints: their facts, config, words and weights, each compared with what was written.

:mod:`bench.training.checkpoint` makes them and describes their files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DataError
from bench.progress import say
from bench.reading.text_file import check_text_file, said
from bench.reading.yaml_file import parse_yaml
from bench.storage.artifacts import SEAL, damage, discard, file_digest, lock_of, locked, read_sealed

if TYPE_CHECKING:
    from bench.method import Method, MethodConfig

CONCEPTS = "concepts.json"
WEIGHTS = "model.safetensors"
LARGE = 256 * 2**20
"""Bytes of a file of weights that is read tensor by tensor."""


def _read(folder: Path, name: str) -> bytes:
    """A file of a checkpoint, compared with its seal; checkpoints of version 0.1 have none."""
    check_text_file(folder / name)
    return read_sealed(folder, name) if (folder / SEAL).exists() else (folder / name).read_bytes()


def read_provenance(folder: Path) -> dict[str, Any]:
    """The checkpoint's ``provenance.json``.

    Raises:
        DataError: there is none, or it was altered.
    """
    try:
        facts = json.loads(_read(folder, "provenance.json"))
        for name, kind in (("key", str), ("method", str), ("weights_sha256", str), ("corpus", dict)):
            if not isinstance(facts, dict) or not isinstance(facts.get(name), kind):
                raise ValueError(f"expected an object with {name}, {'a text' if kind is str else 'an object'}")
        return facts
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, "provenance.json", said(error)) from error


def _unreadable(folder: Path, name: str, reason: str) -> DataError:
    return DataError(
        f"{folder}: not a readable checkpoint ({name}: {reason}). Name another folder, or delete this one and pretrain again."
    )


def read_concepts(folder: Path) -> list[str]:
    """What pretraining put into words (:meth:`bench.method.Method.concepts`); empty where the checkpoint keeps none.

    Raises:
        DataError: the file is not a list of texts.
    """
    path = folder / CONCEPTS
    if not path.exists():
        return []
    try:
        concepts = json.loads(_read(folder, CONCEPTS))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable ({said(error)}). Delete the checkpoint and pretrain again.") from error
    if not isinstance(concepts, list) or not all(isinstance(concept, str) for concept in concepts):
        raise DataError(f"{path}: expected a list of texts. Delete the checkpoint and pretrain again.")
    return concepts


def read_config(method: type[Method], folder: Path) -> MethodConfig:
    """The config that a checkpoint was made with.

    Raises:
        DataError: unreadable, of another method, of a version whose config had other fields, or imported by a version
            that did not ask in which order the weights learned the leads.
    """
    import yaml
    from pydantic import ValidationError

    facts = read_provenance(folder)
    made_with = facts["method"]
    if made_with != method.name:
        raise DataError(f"{folder}: a checkpoint of {made_with}, expected one of {method.name}.")
    if facts.get("imported") and "lead_order" not in facts["corpus"]:
        raise DataError(
            f"{folder}: imported by an earlier version of bench, which ignored the order in which the weights learned "
            f"the leads. Delete it and import the published file again: bench checkpoints import {method.name} FILE"
        )
    try:
        return method.Config.model_validate(parse_yaml(_read(folder, "config.yaml").decode("utf-8-sig")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise _unreadable(folder, "config.yaml", f"not a config of {method.name}: {field}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(folder, "config.yaml", said(error)) from error


def discard_if_altered(folder: Path) -> bool:
    """Whether a checkpoint is as it was written; if not, the folder is removed, so that it is made again."""
    if checkpoint_damage(folder) is None:
        return True
    with locked(lock_of(folder)):
        if folder.is_dir() and (wrong := checkpoint_damage(folder)):
            say(f"{folder}: {wrong}; the checkpoint is made again")
            discard(folder)
    return False


def checkpoint_damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint's bytes; None while they are as written. Without a seal, only weights are compared."""
    if (folder / SEAL).exists():
        return damage(folder)
    if not (folder / WEIGHTS).is_file():
        return f"{WEIGHTS} is missing"
    try:
        intact = file_digest(folder / WEIGHTS) == read_provenance(folder)["weights_sha256"]
    except (OSError, DataError) as error:
        return said(error)
    return None if intact else "model.safetensors was altered: its SHA-256 is not the recorded one"


def load_weights(method: Method, folder: Path) -> None:
    """Fill ``method`` with a checkpoint's weights; every name must match, and the file must be the one that was written.

    Raises:
        DataError: altered bytes, or weights of another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file() or file_digest(path) != read_provenance(folder)["weights_sha256"]:
        raise DataError(
            f"{path}: missing, or altered since it was written (its SHA-256 is not the recorded one). "
            f"Delete {folder} and pretrain again."
        )
    try:
        if path.stat().st_size < LARGE or not _copied_one_by_one(method, path):
            method.load_state_dict(load_file(path))
    except RuntimeError as error:
        differences = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise DataError(
            f"{path}: weights of another architecture than {method.name}'s config describes: "
            f"{(differences or [said(error)])[0][:300]} (differences: {len(differences)}). Name a checkpoint of this config."
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(folder, WEIGHTS, said(error)) from error


def _copied_one_by_one(method: Method, path: Path) -> bool:
    """Fill a method tensor by tensor, since the file as a whole would double the memory of a large network.

    Returns:
        False, and nothing is changed, where names or shapes of the file differ.
    """
    import torch
    from safetensors import safe_open

    state = method.state_dict()
    with safe_open(path, "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (no mapping)
    if shapes != {name: list(tensor.shape) for name, tensor in state.items()}:
        return False
    with torch.no_grad():
        for name, tensor in state.items():
            with safe_open(
                path, "pt"
            ) as file:  # opened each time: what was read of a mapped file stays in memory until then
                tensor.copy_(file.get_tensor(name))
    return True


def check_readable(folder: Path) -> None:
    """Refuse a checkpoint that cannot be used, before anything is computed with it. Its weights are read once.

    Raises:
        DataError: a file is missing, altered or malformed.
    """
    from safetensors import SafetensorError, safe_open

    read_provenance(folder)
    if wrong := checkpoint_damage(folder):
        raise DataError(f"{folder}: {wrong}. Name another checkpoint, or delete this one and pretrain again.")
    try:
        with safe_open(folder / WEIGHTS, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(folder, WEIGHTS, said(error)) from error
    read_concepts(folder)
