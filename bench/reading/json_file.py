"""JSON files with limits on size and depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.reading.text_file import read_text


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: not a readable text file. ValueError: not UTF-8, not JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds one object.

    Raises:
        OSError, ValueError: as :func:`read_json`, or something other than an object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__}; expected a JSON object")
    return content
