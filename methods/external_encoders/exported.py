"""Programs of ``torch.export`` (.pt2), frozen."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import ConfigError
from methods.external_encoders.archive import vetted_copy
from methods.external_encoders.fixed_batch import expect_shape, in_fixed_batches


class ExportedProgram(nn.Module):
    """A program as its author exported it; on another device it is moved there. It cannot be trained.

    Raises:
        ConfigError: not an exported program, one that would run code when opened and is not trusted, or one that takes
            anything else than one tensor.
    """

    trainable = False

    def __init__(self, path: Path, trust: bool):
        super().__init__()
        self.path = path
        content = path.open("rb") if trust else vetted_copy(path)
        try:
            with content:
                program = torch.export.load(content)
        except Exception as error:  # whatever torch makes of the file
            raise ConfigError(
                f"{path} cannot be opened as an exported program ({type(error).__name__}: {error}). Export it again with "
                f"torch {torch.__version__.split('+')[0]} or older."
            ) from error
        names = program.graph_signature.user_inputs
        nodes = {node.name: node for node in program.graph.nodes}
        if len(names) != 1 or not isinstance(names[0], str) or "val" not in nodes[names[0]].meta:
            raise ConfigError(
                f"{path} takes {len(names)} inputs; expected one tensor, the signals. Export it again with one."
            )
        shape = [size if isinstance(size, int) else None for size in nodes[names[0]].meta["val"].shape]
        self.expected = shape
        self._kept: dict[str, Any] = {"program": program, "device": torch.device("cpu")}
        self._kept["run"] = _callable(program)  # not a submodule: train() and a second optimiser have no place in it

    def forward(self, signals: Tensor) -> Any:
        expect_shape(self.path, self.expected, signals.shape)
        if signals.device != self._kept["device"]:
            from torch.export.passes import move_to_device_pass

            self._kept["program"] = move_to_device_pass(self._kept["program"], str(signals.device))
            self._kept |= {"run": _callable(self._kept["program"]), "device": signals.device}
        with torch.no_grad(), torch.autocast(signals.device.type, enabled=False):
            return in_fixed_batches(self._kept["run"], signals, self.expected[0])


def _callable(program: Any) -> Any:
    # Guards are Python source kept in the file: torch would compile and run it. Shapes are checked here instead.
    known = "check_guards" in inspect.signature(program.module).parameters
    return program.module(check_guards=False) if known else program.module()
