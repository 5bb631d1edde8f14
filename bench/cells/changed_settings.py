"""The ``--set`` values of a run that could change one of its results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench import registry
from bench.cells.result import Result


def scope_and_field(path: str, methods: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """The mode or method named first in a dotted path, or None, and the parts of the field's path."""
    parts = tuple(path.strip().split("."))
    scoped = len(parts) > 1 and (parts[0] in registry.entries(registry.MODES) or parts[0] in methods)
    return (parts[0], parts[1:]) if scoped else (None, parts)


def is_of_pretraining(scope: str | None, field: Sequence[str]) -> bool:
    """Whether only pretraining reads a field: of ``pretrain``, or of a stage such as ``mdm_pretrain``."""
    return field[0].endswith("pretrain") and scope not in registry.entries(registry.MODES)


def changed_settings(result: Result) -> list[str]:
    """The ``FIELD=VALUE`` of the run that could change the result: one run has several methods and modes, and a field is of
    one method, of one mode, or of those methods that have it."""
    return [text for text in map(str, result.provenance.get("overrides") or ()) if _concerns(_path(text), result)]


def set_by_hand(result: Result) -> list[str]:
    """:func:`changed_settings` without those that a sweep chose."""
    swept = (result.provenance.get("sweep") or {}).get("space", {})
    return [text for text in changed_settings(result) if _path(text) not in swept]


def _path(text: str) -> str:
    return text.partition("=")[0].strip()


def _concerns(path: str, result: Result) -> bool:
    scope, field = scope_and_field(path, {*registry.entries(registry.METHODS), result.cell.method})
    if result.inputs.get("members"):  # methods that run with this one
        return True
    if is_of_pretraining(scope, field) and not result.checkpoint:
        return False
    if scope is not None:
        return scope in (result.cell.mode, result.cell.method)
    return _has(result.config.get("method", {}), field)


def _has(config: Any, field: Sequence[str]) -> bool:
    for part in field:
        if not isinstance(config, Mapping) or part not in config:
            return False
        config = config[part]
    return True
