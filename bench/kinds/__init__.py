"""Kinds of tasks, one object per kind, found by name like methods.

A plugin adds a kind by an entry point in the group ``bench.kinds`` (a class, or a package of them); the five built-in ones
are registered in the same way. Outside this room no code compares a kind with a string: what differs between kinds is a
property or a method of :class:`Kind`.
"""

from __future__ import annotations

import functools
from typing import Any

from bench import registry
from bench.errors import BenchError
from bench.kinds.kind import Kind

__all__ = ["Kind", "known", "load", "of_entry"]


@functools.cache
def load(name: str) -> Kind:
    """The kind of this name; one object per process.

    Raises:
        UnknownName: nobody registered it. BenchError: its module cannot be imported.
    """
    kind = registry.load(registry.KINDS, name)
    if not (isinstance(kind, type) and issubclass(kind, Kind)):
        raise BenchError(
            f"task kind {name!r} ({kind.__module__}:{kind.__qualname__}): expected a subclass of bench.kinds.Kind."
        )
    return kind()


def known(name: Any) -> Kind | None:
    """The kind of this name; None if it is not registered here, as for results of a plugin that is not installed."""
    return load(name) if name in registry.entries(registry.KINDS) else None


def of_entry(entry: registry.Entry) -> str:
    """The name of a task's kind, from its source alone; multilabel where the source does not state it."""
    return str(entry.attributes.get("kind", "multilabel"))
