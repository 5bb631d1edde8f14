"""Modes of downstream training: ``zeroshot`` nothing, ``linear`` a head on the frozen encoder, ``knn`` nothing either (the
nearest labelled recordings answer), ``finetune`` everything, ``scratch`` everything from random weights."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

from bench.errors import ConfigError, UnknownName, folded

MODULES = {
    "zeroshot": "bench.modes.zeroshot",
    "linear": "bench.modes.linear",
    "knn": "bench.modes.knn",
    "finetune": "bench.modes.finetune",
    "scratch": "bench.modes.finetune",
    "linear-merl-released": "bench.modes.linear_merl_released",
}
"""Mode -> module with ``Config`` (pydantic) and ``run(CellRun) -> Outcome``."""

RELEASED_PROTOCOLS: dict[str, dict[str, str]] = {"merl-released": {"linear": "linear-merl-released"}}
"""Protocol of somebody's released code -> mode -> the mode that repeats it, looking at the test set as that code does.

The one door to test targets: no other mode gets them. What comes through it is stamped, and never shares a table."""


def honest_mode(mode: str) -> str:
    """The mode that a repeated protocol takes the place of; any other mode itself."""
    return next((m for modes in RELEASED_PROTOCOLS.values() for m, name in modes.items() if name == mode), mode)


def released_protocol(mode: str) -> str | None:
    """The protocol that a mode repeats; None for the modes that never see a test target."""
    return next((name for name, modes in RELEASED_PROTOCOLS.items() if mode in modes.values()), None)


def named_mode(name: str) -> str:
    """The mode that a user means by ``name``: case, hyphens and underscores do not matter (``zero-shot``).

    Raises:
        UnknownName: there is no such mode.
    """
    for mode in MODULES:
        if folded(mode) == folded(name):
            return mode
    raise UnknownName("mode", name, [mode for mode in MODULES if released_protocol(mode) is None])


OURS = "ours"


def modes_under(modes: Sequence[str], protocols: Sequence[str]) -> list[str]:
    """The modes under the protocols asked for: ``ours``, or somebody's released one.

    Raises:
        ConfigError: no such protocol, or one that none of the modes has. UnknownName: no such mode.
    """
    modes = [named_mode(mode) for mode in modes]
    chosen = []
    for name in protocols:
        if name not in (OURS, *RELEASED_PROTOCOLS):
            raise ConfigError(f"--protocol {name!r}: expected one of {', '.join((OURS, *RELEASED_PROTOCOLS))}.")
        known = RELEASED_PROTOCOLS.get(name, {})
        found = list(modes) if name == OURS else [known[mode] for mode in modes if mode in known]
        if not found:
            raise ConfigError(f"--protocol {name} is one of --mode {', '.join(known)}; asked: {', '.join(modes)}.")
        chosen += found
    return chosen


def mode_module(mode: str) -> ModuleType:
    """The module of a mode, imported.

    Raises:
        UnknownName: there is no such mode.
    """
    if mode not in MODULES:
        raise UnknownName("mode", mode, MODULES)
    return importlib.import_module(MODULES[mode])
