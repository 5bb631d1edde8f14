"""Modes of downstream training, one object per mode, found by name like methods.

A plugin adds a mode by an entry point in the group ``bench.modes`` (a class, or a package of them); the built-in ones are
registered in the same way. Outside this room no code compares a mode with a string: what differs between modes is an
attribute or a method of :class:`Mode`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from bench import registry
from bench.errors import BenchError, ConfigError
from bench.modes.mode import Mode
from bench.renamed import renamed_attribute

__all__ = ["OURS", "Mode", "facts", "load", "looks_at_test", "modes_under", "names"]

OURS = "ours"


def names() -> list[str]:
    """The modes that can be asked for by name; ``--protocol`` asks for the others."""
    return [name for name in registry.entries(registry.MODES) if not facts(name).released_protocol]


@functools.cache
def load(name: str) -> Mode:
    """The mode of this name, to run it; one object per process.

    Raises:
        UnknownName: nobody registered it. BenchError: its module cannot be imported, or the class is not a complete mode.
    """
    mode = registry.load(registry.MODES, name)
    if not (isinstance(mode, type) and issubclass(mode, Mode) and hasattr(mode, "Config") and mode.run != Mode.run):
        raise BenchError(
            f"mode {name!r} ({mode.__module__}:{mode.__qualname__}): expected a subclass of bench.modes.Mode with Config "
            f"and run, as in docs/how-to/new-mode.md."
        )
    return mode()


def looks_at_test(protocol: str) -> bool:
    """Whether a released protocol chooses on the test set; True of one that nobody registered here."""
    known = [mode for mode in map(facts, registry.entries(registry.MODES)) if mode.released_protocol == protocol]
    return not known or any(mode.looks_at_test for mode in known)


@functools.cache
def facts(name: str) -> Mode:
    """What the mode of this name states, from its source alone; the defaults if it is not registered here, as
    for results of a plugin that is not installed."""
    entry = registry.entries(registry.MODES).get(name)
    stated = (
        {} if entry is None else {key: value for key, value in entry.attributes.items() if key in Mode.__annotations__}
    )
    mode: Mode = type(Mode.__name__, (Mode,), {"needs_one_of": (), **stated, "name": name})()
    return mode


def modes_under(modes: Sequence[str], protocols: Sequence[str]) -> list[str]:
    """The modes under the protocols asked for: ``ours``, or a released one.

    Raises:
        ConfigError: no such protocol, or one that none of the modes has. UnknownName: no such mode.
    """
    modes = [registry.named(registry.MODES, mode) for mode in modes]
    released = _released_protocols()
    chosen = []
    for name in protocols:
        if name not in (OURS, *released):
            raise ConfigError(f"--protocol {name!r}: expected one of {', '.join((OURS, *released))}.")
        known = released.get(name, {})
        under = list(modes) if name == OURS else [known[mode] for mode in modes if mode in known]
        if not under:
            raise ConfigError(f"--protocol {name} is one of --mode {', '.join(known)}; asked: {', '.join(modes)}.")
        chosen += under
    return chosen


def _released_protocols() -> dict[str, dict[str, str]]:
    protocols: dict[str, dict[str, str]] = {}
    for mode in map(facts, registry.entries(registry.MODES)):
        if mode.released_protocol:
            protocols.setdefault(mode.released_protocol, {})[mode.honest] = mode.name
    return protocols


def _modules() -> dict[str, str]:
    return {name: entry.module for name, entry in registry.entries(registry.MODES).items()}


_REPLACED: dict[str, tuple[str, Callable[[], Any]]] = {
    "MODULES": ("bench.modes.names() and bench.modes.load(name)", _modules),
    "RELEASED_PROTOCOLS": ("bench.modes.facts(mode).released_protocol", _released_protocols),
    "honest_mode": ("bench.modes.facts(mode).honest", lambda: lambda mode: facts(mode).honest),
    "mode_module": ("bench.modes.load(mode)", lambda: lambda mode: importlib.import_module(_modules()[mode])),
    "named_mode": ("bench.registry.named(MODES, name)", lambda: functools.partial(registry.named, registry.MODES)),
    "released_protocol": (
        "bench.modes.facts(mode).released_protocol",
        lambda: lambda mode: facts(mode).released_protocol,
    ),
}
"""Old name -> its replacement, and the old value; removed in version 0.3."""


def __getattr__(name: str) -> Any:
    return renamed_attribute(__name__, name, _REPLACED)
