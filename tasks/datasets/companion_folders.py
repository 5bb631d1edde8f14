"""Find the files of a companion publication: in a dataset's folder, in the companion's folder there, or next to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def companion_folders(root: Path, names: Sequence[str]) -> list[Path]:
    """The folders in which a companion's files may lie, in the order in which they are searched.

    Args:
        root: the dataset's folder.
        names: of the companion's own folder.
    """
    parent = root.resolve().parent
    return [root, *(root / name for name in names), *(parent / name for name in names)]


def find_companion(root: Path, file: str, names: Sequence[str]) -> Path | None:
    """A companion's file, by its path below the companion's folder; None where no folder has it."""
    paths = (folder / file for folder in companion_folders(root, names))
    return next((path for path in paths if path.is_file()), None)
