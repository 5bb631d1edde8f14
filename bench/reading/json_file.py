"""JSON files with limits on size and depth."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.reading.text_file import read_text

DEEPEST = 100


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: not a readable text file. ValueError: not UTF-8, not JSON, or nested deeper than :data:`DEEPEST`.
    """
    return parse_json(read_text(path))


def object_or_empty(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty where the file is missing or damaged, or holds something else."""
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not UTF-8, not JSON, or nested deeper than :data:`DEEPEST`.
    """
    too_deep = f"values are nested deeper than {DEEPEST} levels"
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    level = [content]
    for _ in range(DEEPEST):
        level = [child for item in level for child in _children(item)]
        if not level:
            return content
    raise ValueError(too_deep)


def _children(item: Any) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


def read_json_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds one object.

    Raises:
        OSError, ValueError: as :func:`read_json`, or something other than an object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__}; expected a JSON object")
    return content
