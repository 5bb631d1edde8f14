"""Find a checkpoint that a user names."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import ConfigError
from bench.reading.paths import written_path


def published_file(written: str | os.PathLike[str], option: str) -> Path | None:
    """The path that a user named, if it is a file: weights as their authors published them.

    Args:
        option: what the user wrote, for messages.
    """
    path = written_path(written, option)
    return path if path.is_file() else None


def find_checkpoint(written: str | os.PathLike[str], checkpoints: Path, option: str, or_file: bool = False) -> Path:
    """The folder of a checkpoint: a path, or the name of a folder in ``checkpoints``.

    Args:
        option: what the user wrote, for messages.
        or_file: whether a published file could have been named as well, for the message.

    Raises:
        ConfigError: there is none.
    """
    folders = (written_path(written, option), checkpoints / written)
    for folder in folders:
        if (folder / "provenance.json").is_file():
            return folder
    raise ConfigError(
        f"{option}: no checkpoint at {folders[0]} or {folders[1]}. Expected a folder with model.safetensors, config.yaml "
        f"and provenance.json{', or the file that the authors published' if or_file else ''}."
    )
