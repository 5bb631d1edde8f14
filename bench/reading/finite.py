"""Refuse numbers of a config that are not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel


def not_finite(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Dotted path and value of every float in a model, or in the collections and models that it holds, that is infinite
    or not a number."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path, value
        return
    if isinstance(value, BaseModel | Mapping):
        items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, Mapping) else value
    elif isinstance(value, list | tuple | set | frozenset):
        items = enumerate(value)
    else:
        return
    for name, item in items:
        yield from not_finite(item, f"{path}.{name}" if path else str(name))
