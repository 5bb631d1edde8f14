"""A function of an importable module that returns a network: the user's code, run only if trusted."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import sys
from typing import Any

import torch
from torch import nn

from bench.errors import ConfigError
from bench.storage.artifacts import digest
from bench.storage.code_digest import source_digest


def build(path: str, trust: bool) -> nn.Module:
    """Call the factory; modules of the current folder can be named too.

    Raises:
        ConfigError: not trusted, no such module or function, or one that returns no ``torch.nn.Module``.
    """
    module_name, _, function = path.partition(":")
    if not trust:
        raise ConfigError(
            f"path = {path} is Python code, which will run with your rights. If you trust it, add --trust "
            f"(or --set trust=true)."
        )
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        network: Any = getattr(importlib.import_module(module_name), function)()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"path = {path}: {error}. Name a module that can be imported from here, or install it."
        ) from error
    except AttributeError as error:
        raise ConfigError(f"path = {path}: {error}.") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f"path = {path} returned a {type(network).__name__}; expected a torch.nn.Module.")
    return network


@functools.lru_cache(maxsize=8)
def factory_digest(path: str, trust: bool) -> str:
    """Of the module's source and of the weights that the factory's network has: a retrained one is another encoder."""
    weights = hashlib.sha256()
    for name, value in build(path, trust).state_dict().items():
        weights.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest([source_digest(path.partition(":")[0]), weights.hexdigest()])
