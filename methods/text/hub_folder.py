"""Refuse folders of ``transformers`` that ask for anything except their weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.reading.json_file import read_json_object
from bench.reading.path_part import path_part
from bench.reading.text_file import said


def refuse_code_and_other_folders(folder: Path) -> None:
    """Return if opening the folder reads no weights elsewhere and fetches no code (kernels, base models of adapters).

    ``trust_remote_code=False`` covers only the Python files that ``auto_map`` names.

    Raises:
        DataError: a file that cannot be read, or one that names something outside the folder.
    """
    if (folder / "adapter_config.json").exists():
        raise DataError(
            f"{folder / 'adapter_config.json'} belongs to an adapter, whose base model is elsewhere. Merge both on the "
            "machine where you made them, and name the folder of the whole model."
        )
    for path in sorted([folder / "config.json", *folder.glob("*.index.json")]):
        try:
            content = read_json_object(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {said(error)}. Fetch it again from the publisher.") from error
        for key, value in _fields(content):
            if key.endswith("_implementation") and "/" in str(value):
                raise DataError(
                    f"{path}: {key} is {value!r}, code that would be fetched and run. Remove the field, or use --trust "
                    f"where a method offers it."
                )
        shards = content.get("weight_map", {}) if path.name.endswith(".index.json") else {}
        for name in sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else ():
            path_part(name, f"{path}: a file of weights")


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from ((str(key), field_value) for key, field_value in item.items())
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
