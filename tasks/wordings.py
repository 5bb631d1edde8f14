"""Wordings of classes for zero-shot prompts, from ``wordings.yaml`` next to this file."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any


@functools.cache
def _file() -> dict[str, Any]:
    import yaml

    return yaml.safe_load(resources.files("tasks").joinpath("wordings.yaml").read_text(encoding="utf-8"))


def wordings(coding: str = "ptbxl") -> dict[str, tuple[str, ...]]:
    """Class -> its wordings, 20 or more each (:attr:`bench.task.Task.wordings`).

    Args:
        coding: whose names of the classes: ``ptbxl``, or one of ``synonyms`` in the file.
    """
    content = _file()
    phrases = content["superclasses"] | content["rhythms"]
    if coding != "ptbxl":
        phrases = {name: phrases[of] for name, of in content["synonyms"][coding].items()}
    return {name: tuple(f.format(p) for p in listed for f in content["frames"]) for name, listed in phrases.items()}
