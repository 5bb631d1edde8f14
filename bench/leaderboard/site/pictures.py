"""Pictures of the pages, as :mod:`bench.explain.site_pictures` draws them into a cache: the input and blocks of a method,
and example recordings of a task."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Drawing:
    """An SVG file and its caption, which also says what it shows to those who do not see it."""

    file: Path
    caption: str


@dataclass(frozen=True)
class Block:
    """A part of a network.

    Attributes:
        name: path of the submodule, or that of the first to the last of equal ones; depth: 0 for the method's own parts.
        kind: name of its class; shape: of its output for one recording, empty where encoding does not pass it.
        parameters: their number, those of its parts included.
    """

    name: str
    depth: int
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True)
class Pictures:
    """Pictures of one page; ``missing`` says why there are none."""

    drawings: list[Drawing] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    missing: str = ""


@dataclass(frozen=True)
class SitePictures:
    """Pictures by the names of methods and tasks."""

    methods: Mapping[str, Pictures] = field(default_factory=dict)
    tasks: Mapping[str, Pictures] = field(default_factory=dict)


def placed(pictures: Pictures | None, folder: Path, name: str) -> dict[str, Any]:
    """What a page shows; its drawings are copied to ``folder/pictures/``, named after the page."""
    if pictures is None:
        return {"drawings": [], "blocks": [], "missing_pictures": ""}
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    shown = []
    for number, drawing in enumerate(pictures.drawings, 1):
        target = folder / "pictures" / f"{name}-{number}.svg"
        shutil.copyfile(drawing.file, target)
        shown.append((f"pictures/{target.name}", drawing.caption))
    return {"drawings": shown, "blocks": pictures.blocks, "missing_pictures": pictures.missing}
