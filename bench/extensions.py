"""Extensions that are one function or class each, through separate groups of entry points."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from bench.errors import BenchError, UnknownName, foreign_code
from bench.registry import check_built_in, left_out


def split_importer(name: str) -> Any:
    """The function that reads split files which others released, registered under ``bench.split_importers``.

    Raises:
        UnknownName: nobody registered it.
    """
    return _extension("bench.split_importers", "split importer", name)


def text_store(name: str = "textbooks") -> Any:
    """The class that keeps texts of the user's and finds passages in them, registered under ``bench.text_stores``.

    It is made by ``of_model(folder, model)``, and has ``ingest(files)`` and ``retrieve(statements, top)``.

    Raises:
        UnknownName: nobody registered it.
    """
    return _extension("bench.text_stores", "text store", name)


def _extension(group: str, word: str, name: str) -> Any:
    points = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    if (point := points.get(name)) is None:
        raise UnknownName(word, name, points)
    check_built_in(point)
    try:
        with foreign_code():
            return point.load()
    except Exception as error:
        raise BenchError(f"{word} {name!r} cannot be loaded: {left_out(point, point.group, error)}") from error
