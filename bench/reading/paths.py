"""Paths that a user writes in an option, the environment or a file."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import ConfigError, shortened


def written_path(text: str | os.PathLike[str], what: str) -> Path:
    """The path that ``what`` (an option or key, with its value where that helps) gives, with ``~`` replaced.

    Raises:
        ConfigError: empty, a home folder nobody has, or a path that this system cannot look up.
    """
    text = os.fspath(text)
    if not text.strip():
        raise ConfigError(f"{what}: the path is empty. Name a folder (. is the current one), or leave it out.")
    try:
        path = Path(text).expanduser()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # the caller says what it needs there
    except RuntimeError as error:
        raise ConfigError(
            f"{what}: {shortened(text, 100)}: there is no such home folder. Write the whole path."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{what}: {shortened(text, 100)}: not a path that can be looked up ({reason.lower()}). Name another."
        ) from error
    return path
