"""A torch module of this process as a method: :func:`bench.encoder` with a module instead of a name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float
from pydantic import Field, create_model
from torch import Tensor, nn

from bench import modes, registry
from bench.batch import ECGBatch
from bench.errors import ConfigError, unforeseen
from bench.method import Method, MethodConfig
from bench.runner.torch_module_digest import torch_module_digest
from bench.signals.input_spec import InputSpec


class MemoryEncoder(Method):
    """A torch module that its author passed to ``bench.encoder``.

    Source: the author of the module. It maps [record, lead, time] to [record, dim]; its weights and code are part of every
    key, by their digest.
    """

    family = "own"
    module: ClassVar[nn.Module]

    class Config(MethodConfig):
        name: str = Field(description="name in tables and on boards")
        sha256: str = Field(description="digest of the module's weights and code")

    def build(self, config: Any) -> None:
        self.model = copy.deepcopy(type(self).module)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        vectors = self.model(batch.ecg)
        if not isinstance(vectors, Tensor) or vectors.shape[:1] != (len(batch),) or vectors.ndim != 2:
            shape = list(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
            raise ConfigError(
                f"encoder {self.name}: the module returned {shape} for signals of shape {list(batch.ecg.shape)}; expected "
                f"[{len(batch)}, dim]. Pool over time, and return one tensor."
            )
        return vectors.float()


def register_module(module: nn.Module, input: InputSpec, name: str) -> type[MemoryEncoder]:
    """Register a module as a method of this process, instead of an earlier one of the same name.

    Args:
        module: maps float32 [record, lead, time], as ``input`` states, to [record, dim].
        input: sampling rate, length and scaling that the module expects; the twelve leads are I, II, III, aVR, aVL, aVF,
            V1 to V6.
        name: letters, digits and hyphens.

    Raises:
        ConfigError: the name is malformed, or a package registers a method of that name; no torch module, or one that
            cannot be keyed or copied.
    """
    known = registry.entries(registry.METHODS)
    if not registry.PLAIN_NAME.fullmatch(name):
        raise ConfigError(f"encoder name {name!r}: expected small letters, digits and hyphens, such as my-encoder.")
    if name in known and known[name].loaded is None:
        raise ConfigError(
            f"encoder name {name!r}: a method of {known[name].distribution} has that name. Choose another."
        )
    if not isinstance(module, nn.Module):
        raise ConfigError(
            f"encoder {name}: expected the name of a method or a torch module, not a {type(module).__name__}."
        )
    sha256 = torch_module_digest(module)
    try:
        module = copy.deepcopy(module).cpu()
    except Exception as error:  # a module may hold anything
        raise ConfigError(
            f"encoder {name}: the module cannot be copied ({unforeseen(error)}). Remove attributes such as open files or "
            f"tensors with gradients."
        ) from error

    config = create_model(
        "Config",
        __base__=MemoryEncoder.Config,
        name=(str, Field(name, description="name in tables and on boards")),
        sha256=(str, Field(sha256, description="digest of the module's weights and code")),
    )
    facts = {
        "name": name,
        "module": module,
        "input": input,
        "Config": config,
        "only_modes": tuple(mode for mode in modes.names() if modes.facts(mode).uses_checkpoint),
        "__doc__": MemoryEncoder.__doc__,
        "__module__": __name__,
        "__qualname__": MemoryEncoder.__qualname__,  # whose source the keys cover
    }
    cls: type[MemoryEncoder] = type("MemoryEncoder", (MemoryEncoder,), facts)
    attributes = {"name": name, "family": "own", "only_modes": facts["only_modes"]}
    known[name] = registry.Entry(
        name,
        __name__,
        MemoryEncoder.__qualname__,
        Path(__file__),
        "this process",
        f"A torch module ({type(module).__name__}) of this process",
        attributes=attributes,
        defines=frozenset({"encode"}),
        loaded=cls,
    )
    return cls
