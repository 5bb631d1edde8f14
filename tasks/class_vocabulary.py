"""The findings that classes of different datasets mean, so that a probe can be tested on another dataset.

``class_vocabulary.csv`` next to this file has a line per finding and a column per coding: the classes that mean it,
separated by ``|``. A class in several lines means any of their findings. ``AF?`` may mean the finding, but is no safe word
for it: a record with it is neither positive nor negative. Codes and their equivalence: label tables of CinC 2021 (BSD-2),
the AHA/ACC/HRS list of 2007 and the publishers' own tables; the notes state what is approximate.
"""

from __future__ import annotations

import csv
import functools
from importlib import resources

from bench.errors import UnknownName

ABOUT = ("finding", "words", "note")
"""Columns that are no coding."""


@functools.cache
def vocabulary() -> list[dict[str, str]]:
    """The lines of the table, each by column."""
    text = resources.files("tasks").joinpath("class_vocabulary.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), strict=True))


def meanings(coding: str) -> dict[str, tuple[str, ...]]:
    """Class -> the findings that it may mean, in a coding of the table (:attr:`bench.task.Task.meanings`).

    Raises:
        UnknownName: the table has no such coding.
    """
    lines = vocabulary()
    if coding in ABOUT or coding not in lines[0]:
        raise UnknownName("coding of the class vocabulary", coding, [name for name in lines[0] if name not in ABOUT])
    classes: dict[str, tuple[str, ...]] = {}
    for line in lines:
        for name in filter(None, line[coding].split("|")):
            unsure = "?" if name.endswith("?") else ""
            name = name.removesuffix("?")
            classes[name] = (*classes.get(name, ()), unsure + line["finding"])
    return classes
