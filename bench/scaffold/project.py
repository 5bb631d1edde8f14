"""``bench init``: write a commented ``bench.toml``."""

from __future__ import annotations

from pathlib import Path

from bench import registry
from bench.errors import ConfigError
from bench.project_file import NAME
from bench.scaffold.writer import TEMPLATES


def write_project(folder: Path) -> Path:
    """Write ``bench.toml`` into the folder, which is made if need be; returns its path.

    Raises:
        ConfigError: there is one already, or the folder cannot be written to.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    path = folder.expanduser() / NAME
    if path.exists():
        raise ConfigError(f"{path} exists already; nothing was written. Edit it, or move it away first.")
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True)
    text = environment.get_template(f"project/{NAME}.j2").render(datasets=list(registry.entries(registry.DATASETS)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}. Name another folder.") from error
    return path
