"""Remember the keys of plans, so that a run whose cells are all finished imports no method, and so no torch.

A key covers code, settings and data (:mod:`bench.runner.keys`). To compute it imports the methods, which takes seconds.
``bench run`` therefore keeps the keys of each plan in the workspace, sealed, with everything they were computed from:

- the options and the data source as given, the project's file, and the folders that hold data;
- the interpreter, its environment variables and search path, and the names and versions of what is installed;
- each file of the packages that register something with bench, and each module elsewhere that was loaded;
- files and folders that a config or ``--checkpoint`` names, and imported partitions;
- the digest of each prepared store.

A later process looks at the same things and uses the keys if all are equal; otherwise it computes the keys. A process that
has imported methods always computes them: its classes may differ from those on disk.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import stat
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.cell import Cell
from bench.errors import BenchError
from bench.project_file import project
from bench.runner.plan import Plan, RunOptions, checkpoint_method
from bench.storage.artifacts import digest, file_digest, read_sealed, seal, write_json, writing
from bench.training.find_checkpoint import published_file

if TYPE_CHECKING:
    from bench.data.source import DataSource
    from bench.runner.session import Session

FILE = "keys.json"
METHODS_MODULE = "bench.method.contract"
"""Every module with a method imports it."""
LATER = ("recompute", "cached_only", "retry_failed", "limit", "track", "log_models", "jobs")
"""Options that decide what becomes of a plan's cells, and not which they are."""
LARGE = 1 << 22
"""Bytes above which the size and the time of change of a file count instead of its content."""
MANY = 20_000
"""Files of one folder above which nothing is remembered."""
OF_THE_TERMINAL = ("_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "WINDOWID")
OF_THE_TERMINAL_TOO = ("SSH_", "TERM", "TMUX", "VSCODE_", "XDG_SESSION_")
"""Environment variables, and beginnings of their names, that change with each terminal."""


@dataclass(frozen=True)
class RememberedPlan:
    """The cells of a plan with their keys, in order; the digests of the stores that must still be the same."""

    keys: dict[Cell, str]
    left_out: list[str]
    stores: dict[str, str]


class KeyMemory:
    """The remembered keys of a workspace, as one process may use them; made before the process imports methods."""

    def __init__(self, source: DataSource):
        self.source = source
        self._started = time.time()
        self._code = None if _methods_are_imported() else code_state()
        self._surroundings = digest([self._code, _process_state()])

    def recall(self, options: RunOptions) -> RememberedPlan | None:
        """The keys of the plan; None where they are unknown, or something that they depend on has changed."""
        if self._code is None or _methods_are_imported():
            return None
        try:
            value = json.loads(read_sealed(self._folder(options), FILE))
            if value["surroundings"] != self._surroundings or value["files"] != states(value["files"]):
                return None
            cells = {Cell.from_dict(cell): str(key) for cell, key in value["cells"]}
            return RememberedPlan(cells, list(value["left_out"]), dict(value["stores"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def remember(self, options: RunOptions, session: Session, planned: Plan, keys: Mapping[Cell, str]) -> None:
        """Keep the keys of a plan, unless something may have changed while they were computed."""
        stores = session.stores_read()
        if self._code is None or stores is None or set(keys) != set(planned.cells):
            return
        loaded = list(_loaded_from_elsewhere())
        given = [published_file(checkpoint_method(text)[1], text) for text in options.checkpoints]
        named = [*_named_by_configs(session, planned.cells), *session.checkpoints.values(), *filter(None, given)]
        files = states([*loaded, *map(str, named), str(self.source.workspace.splits)])
        changed = any(_changed_since(Path(path), self._started) for path in loaded)
        if files is None or changed or code_state() != self._code:
            return
        value = {
            "surroundings": self._surroundings,
            "files": files,
            "stores": stores,
            "cells": [[cell.to_dict(), keys[cell]] for cell in planned.cells],
            "left_out": planned.left_out,
        }
        with contextlib.suppress(OSError, BenchError), writing(self._folder(options), replace=True) as folder:
            write_json(folder / FILE, value)
            seal(folder, "keys", {"cells": len(keys)})

    def _folder(self, options: RunOptions) -> Path:
        source = self.source
        base = source.base
        chosen = {name: value for name, value in asdict(options).items() if name not in LATER}
        data = {
            "kind": source.kind,
            "base": base and [str(base), sorted(entry.name for entry in os.scandir(base) if entry.is_dir())],
            "roots": {name: [str(root), root.is_dir()] for name, root in source.roots.items()},
            "simulated_records": source.simulated_records,
            "on_bad_record": source.on_bad_record,
        }
        return source.workspace.cache / "keys" / digest([chosen, data])


def code_state() -> str | None:
    """Digest of the files of all packages that register something with bench; None where that cannot be determined."""
    files = states(_package_paths())
    return None if files is None else digest(files)


def _process_state() -> str:
    """Digest of the interpreter, its environment, and what is installed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_THE_TERMINAL and not name.startswith(OF_THE_TERMINAL_TOO)
    }
    points = sorted((point.group, point.name, point.value) for point in _entry_points())
    file = project().path
    named = file and [str(file), file_digest(file)]
    return digest([sys.version, sys.path, os.getcwd(), named, environment, points, list(_installed())])


def states(paths: Iterable[str]) -> dict[str, Any] | None:
    """The state of each file or folder: see :func:`_state`; None where a folder is too large to look through."""
    try:
        return {path: _state(Path(path).expanduser()) for path in paths}
    except (OSError, RuntimeError):  # not readable; no home folder
        return None


def _state(path: Path) -> Any:
    """The digest of a file's content; of a folder, of all names and states in it; None where there is nothing.

    Raises:
        OSError: a file that cannot be read, or a folder with too many.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(facts.st_mode):
        small = stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGE
        return file_digest(path) if small else [facts.st_size, facts.st_mtime_ns, facts.st_ino]
    states_within = []
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        states_within += [(os.path.join(folder, name), _state(Path(folder, name))) for name in sorted(names)]
        if len(states_within) > MANY:
            raise OSError(f"{path} holds more than {MANY:,} files")
    return digest(states_within)


def _refuse(error: OSError) -> None:
    raise error


def _changed_since(path: Path, started: float) -> bool:
    try:
        return path.stat().st_mtime >= started
    except OSError:
        return True


def _methods_are_imported() -> bool:
    return METHODS_MODULE in sys.modules


def _entry_points() -> Iterator[importlib.metadata.EntryPoint]:
    for distribution in importlib.metadata.distributions():
        yield from (point for point in distribution.entry_points if point.group.startswith("bench."))


def _package_paths() -> list[str]:
    packages = {"bench", *(point.value.partition(":")[0].split(".")[0] for point in _entry_points())}
    return [path for package in sorted(packages) for path in _paths_of(package)]


def _paths_of(package: str) -> list[str]:
    """Folders of a package; of a module, its file and the data files that count as its code. Nothing is imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None or not (spec.origin or spec.submodule_search_locations):
        return []
    folders = list(spec.submodule_search_locations or ())
    return folders or [str(Path(str(spec.origin)).with_suffix(suffix)) for suffix in (".py", ".yaml", ".json", ".csv")]


def _installed() -> Iterator[list[Any]]:
    """Names of what can be imported, and when distributions were installed; their folders' names hold their versions."""
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                named = [entry for entry in entries if entry.is_dir() or entry.name.endswith((".py", ".so", ".pth"))]
                yield [folder, sorted([e.name, _installation_time(e)] for e in named if e.name != "__pycache__")]
        except OSError:  # a zip file, or a folder that does not exist
            yield [folder, _state(Path(folder))]


def _installation_time(entry: os.DirEntry[str]) -> int:
    return entry.stat().st_mtime_ns if entry.name.endswith(("-info", ".pth")) else 0


def _loaded_from_elsewhere() -> Iterator[str]:
    """Files of loaded modules that lie neither in those packages, nor in the interpreter's library, nor where packages are
    installed."""
    library = (*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")), *_package_paths())
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and not file.startswith(library) and not _is_installed(file):
            yield file


def _is_installed(path: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)


def _named_by_configs(session: Session, cells: Iterable[Cell]) -> Iterator[str]:
    """Every text in the configs, as some name files, and the packages of the code that the configs choose."""
    for name in dict.fromkeys(cell.method for cell in cells):
        method, config = session.method(name)
        yield from _texts(config.model_dump(mode="json"))
        for chosen in method.extra_code(config):
            yield from (p for p in _paths_of(chosen.partition(":")[0].split(".")[0]) if not _is_installed(p))
    for mode, name in dict.fromkeys((cell.mode, cell.method) for cell in cells):
        yield from _texts(session.mode_config(mode, session.method(name)[0]).model_dump(mode="json"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
