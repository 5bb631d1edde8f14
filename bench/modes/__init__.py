"""What is trained downstream: ``zeroshot`` nothing, ``linear`` a head on the frozen encoder, ``finetune`` everything,
``scratch`` everything from random weights."""

from __future__ import annotations

import importlib
from types import ModuleType

from bench.errors import UnknownName

MODULES = {
    "zeroshot": "bench.modes.zeroshot",
    "linear": "bench.modes.linear",
    "finetune": "bench.modes.finetune",
    "scratch": "bench.modes.finetune",
}
"""Mode -> module with ``Config`` (pydantic), ``SMOKE`` (overrides of the smoke profile) and ``run(CellRun) -> Outcome``."""


def mode_module(mode: str) -> ModuleType:
    """The module of a mode, imported.

    Raises:
        UnknownName: there is no such mode.
    """
    if mode not in MODULES:
        raise UnknownName("mode", mode, MODULES)
    return importlib.import_module(MODULES[mode])
