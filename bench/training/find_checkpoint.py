"""Find a checkpoint that a user names."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import ConfigError
from bench.reading.paths import written_path


def find_checkpoint(written: str | os.PathLike[str], checkpoints: Path, option: str) -> Path:
    """The folder of a checkpoint: a path, or the name of a folder in ``checkpoints``.

    Args:
        option: what the user wrote, for messages.

    Raises:
        ConfigError: there is none.
    """
    folders = (written_path(written, option), checkpoints / written)
    for folder in folders:
        if (folder / "provenance.json").is_file():
            return folder
    raise ConfigError(
        f"{option}: no checkpoint at {folders[0]} or {folders[1]}. Expected a folder with model.safetensors, config.yaml "
        f"and provenance.json."
    )
