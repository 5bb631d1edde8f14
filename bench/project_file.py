"""``bench.toml``: settings of a project. Options override the environment, and the environment overrides the file.

The file of the current folder counts, else the nearest one above it, up to the folder that holds ``.git`` or the home
folder. ``BENCH_TOML`` names another, or with an empty value none. Paths are relative to the file's folder.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.errors import ConfigError, UnknownName, short_repr
from bench.reading.paths import written_path
from bench.reading.text_file import read_text, said

NAME = "bench.toml"
MIN_SIMULATED = 50
"""Recordings of the smallest simulated cohort: a smaller one has splits without patients."""
MAX_SIMULATED = 1_000_000
"""Recordings of the largest one: more than the largest public collection has, and about 250 GB."""
MAX_JOBS = 10_000


@dataclass(frozen=True)
class Project:
    """What a ``bench.toml`` says; None where it is silent.

    Attributes:
        path: the file, or None if there is none.
        workspace: where everything made is kept.
        artifacts: URL of an object store that several machines share finished artifacts through.
        profile: ``paper``, ``small`` or ``smoke``.
        tracking_uri: of MLflow.
        simulated_records: size of the simulated cohorts.
        jobs: cells that run in parallel.
        data_root: folder with one subfolder per dataset.
        data: dataset -> its own folder.
    """

    path: Path | None = None
    workspace: Path | None = None
    artifacts: str | None = None
    profile: Literal["paper", "small", "smoke"] | None = None
    tracking_uri: str | None = None
    simulated_records: int | None = None
    jobs: int | None = None
    data_root: Path | None = None
    data: Mapping[str, Path] = field(default_factory=dict)


KEYS: dict[str, type] = {
    "workspace": str,
    "artifacts": str,
    "profile": str,
    "tracking_uri": str,
    "simulated_records": int,
    "jobs": int,
    "data": dict,
}


def project() -> Project:
    """The project of the current folder; an empty one where there is no file.

    Raises:
        ConfigError: the file is not TOML, or a value is of the wrong kind. UnknownName: a key nobody reads.
    """
    path = _find()
    return Project() if path is None else _read(path, path.stat().st_mtime_ns)


def _find() -> Path | None:
    named = os.environ.get("BENCH_TOML")
    if named is not None:
        if not named:
            return None
        path = written_path(named, "BENCH_TOML").absolute()
        if not path.is_file():
            raise ConfigError(f"BENCH_TOML names {path}, which is not a file. Write one with bench init, or unset it.")
        return path
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the current folder was deleted. Change to another: cd FOLDER.") from None
    try:
        home = Path.home()
    except RuntimeError:  # a user without an entry, as in containers
        home = None
    for folder in (here, *here.parents):
        path = folder / NAME
        if path.is_file():
            return path
        if os.path.lexists(path):
            raise ConfigError(f"{path} is not a readable file. Correct it, or delete it and write one with bench init.")
        if (folder / ".git").exists() or folder == home:
            return None
    return None


@functools.lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Project:
    import tomllib

    try:
        content = tomllib.loads(read_text(path))
    except RecursionError:
        raise ConfigError(
            f"{path} cannot be read as TOML: values are nested too deeply; expected keys such as jobs = 4."
        ) from None
    except (OSError, ValueError) as error:  # not UTF-8, not TOML, a number of more digits than Python reads
        raise ConfigError(
            f"{path} cannot be read as TOML: {said(error)}. Fix the file: bench init writes a valid one."
        ) from error
    for key, value in content.items():
        if key not in KEYS:
            raise UnknownName(f"key of {path}", key, KEYS)
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise ConfigError(f"{path}: {key} = {short_repr(value)}; expected {_words(KEYS[key])}.")
        if isinstance(value, str) and not value.strip():
            raise ConfigError(f"{path}: {key} is empty; give it a value, or remove the line.")
    if content.get("profile", "paper") not in ("paper", "small", "smoke"):
        raise ConfigError(f"{path}: profile = {short_repr(content['profile'])}; expected paper, small or smoke.")
    for key, least, most in (("simulated_records", MIN_SIMULATED, MAX_SIMULATED), ("jobs", 1, MAX_JOBS)):
        if not least <= content.get(key, least) <= most:
            raise ConfigError(
                f"{path}: {key} = {short_repr(content[key])}; expected {least} or more, at most {most:,}."
            )
    folders = {name: _folder(path, f"data.{name}", value) for name, value in content.pop("data", {}).items()}
    if "workspace" in content:
        content["workspace"] = _folder(path, "workspace", content["workspace"])
    return Project(path=path, data_root=folders.pop("root", None), data=folders, **content)


def _folder(path: Path, key: str, value: Any) -> Path:
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {key} = {short_repr(value)}; expected a folder, as text.")
    return path.parent / written_path(value, f"{path}: {key}")


def _words(kind: type) -> str:
    return {str: "text, in quotes", int: "a whole number", dict: "a table, [data]"}[kind]
