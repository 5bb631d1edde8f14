"""Names -> classes, through entry points only.

A distribution declares, under ``bench.methods``, ``bench.tasks``, ``bench.datasets``, ``bench.kinds`` or ``bench.modes``,
either one class (``mymethod = "mypackage.mymethod:MyMethod"``) or a whole package (``mine = "mypackage"``), all of whose
modules are then searched for classes with a ``name = "..."``. The search reads source text and imports nothing, so that
listing stays light and a broken plugin costs a warning and no more. The built-in ones use the same door.
"""

from __future__ import annotations

import ast
import difflib
import fnmatch
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import re
import warnings
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError, ConfigError, UnknownName, folded, foreign_code
from bench.reading import method_files
from bench.reading.built_in import DISTRIBUTION as DISTRIBUTION
from bench.reading.built_in import check_built_in
from bench.reading.class_source import classes_in, refuse_missing_class
from bench.reading.entry import Entry as Entry

METHODS, TASKS, DATASETS, KINDS, MODES = "bench.methods", "bench.tasks", "bench.datasets", "bench.kinds", "bench.modes"
_WORD = {METHODS: "method", TASKS: "task", DATASETS: "dataset", KINDS: "task kind", MODES: "mode"}
VARIANT = "@"  # in the name of a task: other labels of the same records
FILE = "a file"
"""The distribution of a method in a single file (:mod:`bench.reading.method_files`)."""
_BUILT_IN = {group: (importlib.metadata.EntryPoint("builtin", group, group),) for group in (KINDS, MODES)}
"""Registered in pyproject.toml like any other; an editable installation made before the groups existed does not know them."""


_EXTENDED = ("methods.", "tasks.", "bench.kinds.", "bench.modes.")
"""Modules of registered classes, which those of a plugin may extend."""

TO = "-to-"
"""Between the train task and the test task in the name of a transferred one (:mod:`bench.transfer`)."""

PLAIN_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""Names of methods that are registered while a process runs."""


def _modules_of(value: str) -> Iterator[str]:
    """The module an entry point names and, when it is a package, its direct modules and subpackages."""
    yield value
    spec = importlib.util.find_spec(value)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {value!r}")
    for folder in spec.submodule_search_locations or ():
        for child in sorted(os.scandir(folder), key=lambda c: c.name):
            if child.name.startswith(("_", ".")):
                continue
            if child.name.endswith(".py"):
                yield f"{value}.{child.name[:-3]}"
            elif child.is_dir() and (Path(child.path) / "__init__.py").exists():
                yield f"{value}.{child.name}"


def _entries_of(point: importlib.metadata.EntryPoint) -> Iterator[Entry]:
    module, _, wanted = point.value.partition(":")
    distribution = point.dist.name if point.dist else "unknown"
    for candidate in [module] if wanted else _modules_of(module):
        for class_name, source_class in classes_in(candidate).items():
            if wanted and class_name != wanted:
                continue
            attributes, functions = source_class.members((f"{candidate.split('.')[0]}.", *_EXTENDED))
            if "loss_of_embeddings" in functions:  # the contract's default makes the one from the other
                functions.add("pretraining_loss")
            name = attributes.get("name", point.name if wanted else None)
            if not isinstance(name, str):
                continue
            paragraphs = [" ".join(part.split()) for part in (ast.get_docstring(source_class.node) or "").split("\n\n")]
            summary = paragraphs[0].partition("Source:")[0].strip()
            source = next((part.partition("Source:")[2].strip() for part in paragraphs if "Source:" in part), "")
            source = source or str(attributes.get("source") or "")
            yield Entry(
                name,
                candidate,
                class_name,
                source_class.path,
                distribution,
                summary,
                source,
                attributes,
                frozenset(functions),
            )


def modes_of(entry: Entry) -> list[str]:
    """The modes a method offers, from the functions its class defines."""
    return modes_offered(entry.defines.__contains__, entry.attributes.get("only_modes"))


def _words(stated: str | Iterable[str]) -> Iterable[str]:
    """Several words, also where one is stated without a comma: ``("encode")``."""
    return (stated,) if isinstance(stated, str) else stated


def functions_of_modes() -> set[str]:
    """The functions of a method that some mode needs."""
    return {name for mode in entries(MODES).values() for name in _words(mode.attributes.get("needs_one_of", ()))}


def modes_offered(defines: Callable[[str], bool], only: Container[str] | None) -> list[str]:
    """The modes of which a method ``defines`` what they need, of ``only`` these where it says so. A mode that repeats a
    released protocol goes with the mode that it replaces."""
    return [
        name
        for name, mode in entries(MODES).items()
        if any(map(defines, _words(mode.attributes.get("needs_one_of", ()))))
        and mode.attributes.get("released_protocol") is None
        and (only is None or name in only or mode.attributes.get("offered_with") in only)
    ]


@functools.cache
def entries(group: str) -> dict[str, Entry]:
    """Everything registered in a group, by name. A plugin that cannot be read is warned about and left out.

    Raises:
        BenchError: two distributions register one name, or another package hides a built-in one.
    """
    by_name: dict[str, Entry] = {}
    points = {*importlib.metadata.entry_points(group=group), *_BUILT_IN.get(group, ())}
    for point in sorted(points, key=lambda p: (p.name, p.value)):
        check_built_in(point)
        try:
            with foreign_code():
                listed = list(_entries_of(point))
                if ":" in point.value and not listed:
                    refuse_missing_class(*point.value.split(":", 1))
        except Exception as error:  # finding a module imports its package, which may do anything
            warnings.warn(_left_out(point, group, error), stacklevel=2)
            continue
        for entry in listed:
            other = by_name.setdefault(entry.name, entry)
            if (other.module, other.qualname) != (entry.module, entry.qualname):
                raise BenchError(
                    f"two {_WORD[group]}s are named {entry.name!r}: {other.module}:{other.qualname} "
                    f"({other.distribution}) and {entry.module}:{entry.qualname} ({entry.distribution}). "
                    f"Uninstall one, or give it another name."
                )
    by_name = dict(sorted(by_name.items()))
    for name in method_files.remembered() if group == METHODS else ():
        _add_file(name, by_name)
    return by_name


def _add_file(name: str, known: dict[str, Entry]) -> str:
    """Add the method of a file to those known; its name.

    Raises:
        ConfigError: the file has no such class, several, or one without a name; or the name is taken.
    """
    point = method_files.point_of(name, METHODS)
    listed = [replace(entry, distribution=FILE) for entry in _entries_of(point) if entry.name]
    if len(listed) != 1:
        classes = ", ".join(entry.qualname for entry in listed)
        expected = (
            f"it has several methods ({classes}); name one, as {name}:{listed[0].qualname}"
            if listed
            else ('it has no such class with name = "..."')
        )
        raise ConfigError(f"method {name}: {expected}.")
    (entry,) = listed
    other = known.get(entry.name, entry)
    if (other.module, other.qualname) != (entry.module, entry.qualname):
        raise ConfigError(
            f"method {name}: {other.distribution} has a method named {entry.name!r}. Choose another name."
        )
    known[entry.name] = entry
    method_files.remember(f"{entry.path.resolve()}:{entry.qualname}", entry.name)
    return entry.name


CLOSE = 0.85
"""Similarity (:mod:`difflib`) from which a name is taken for a misspelled one of the same group."""


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name nobody registered.

    It says so where the name is that of something else: of a dataset (with the pattern of its tasks), of a method or task
    that another option takes, or of a package in this folder (``bench new``) that is not installed. Other groups are not
    read where a name of the same one is near (:data:`CLOSE`).
    """
    known = list(known)
    misspelled = bool(difflib.get_close_matches(name[:200], known, 1, CLOSE))
    others = {} if misspelled else _WORD  # to read what else is registered takes as long as all the rest
    if kind == "task" and others and (dataset := _registered_as(DATASETS, name)):
        return ConfigError(_tasks_of(dataset))
    written = re.fullmatch(r"[\w.-]+", name) and (Path(name) / "pyproject.toml").is_file()
    fix = f" The package in {name} has to be installed: pip install -e {name}." if written else ""
    if kind == "method" and ":" in name:
        fix += f" For a class in a file, name the file's path: ./{name.replace(':', '.py:')}."
    for group, word in others.items():
        if word != kind and (other := _registered_as(group, name)):
            fix += f" There is a {word} of that name: {other}."
    return UnknownName(kind, name, known, fix)


def _tasks_of(dataset: str) -> str:
    registered = {name: entry for name, entry in entries(TASKS).items() if VARIANT not in name}
    tasks = [name for name, entry in registered.items() if entry.attributes.get("dataset") == dataset]
    if not tasks:
        return (
            f"task {dataset!r}: {dataset} is a dataset without tasks; methods can pretrain on it: --corpus {dataset}."
        )
    pattern = f"{dataset}-*"
    all_match = sorted(tasks) == sorted(fnmatch.filter(registered, pattern))
    typed = f"'{pattern}'" if all_match else ",".join(tasks)
    return (
        f"task {dataset!r}: {dataset} is a dataset. Name one of its tasks ({', '.join(tasks)}), or all: --task {typed}."
    )


def _registered_as(group: str, name: str) -> str | None:
    known = entries(group)
    if name in known:
        return name
    alike = [candidate for candidate in known if folded(candidate) == folded(name)]
    return alike[0] if len(alike) == 1 else None


def named(group: str, name: str) -> str:
    """The registered name that ``name`` means: case, hyphens, underscores and blanks do not matter where that is clear.

    Raises:
        ConfigError: nobody registered it (:func:`unknown`); a file (``./mine.py:Mine``) without such a method.
    """
    if group == METHODS and method_files.is_method_file(name):
        return _add_file(name, entries(METHODS))
    registered = _registered_as(group, name)
    if registered is None and group == TASKS and (both := transfer_of(name)):
        return TO.join(both)
    if registered is None:
        raise unknown(_WORD[group], name, entries(group))
    return registered


def transfer_of(name: str) -> tuple[str, str] | None:
    """The train and the test task that the name of a transferred task joins; None for any other name.

    Raises:
        ConfigError: one of the two is not registered.
    """
    train, to, test = name.lower().replace("_", "-").partition(TO)
    return (named(TASKS, train), named(TASKS, test)) if to else None


def is_transferred(name: str) -> bool:
    """Whether a name joins two registered tasks, and is not one itself."""
    train, to, test = name.partition(TO)
    known = entries(TASKS)
    return name not in known and bool(to) and train in known and test in known


def single(names: Iterable[str]) -> list[str]:
    """Names of tasks, each transferred one as the two tasks that it joins."""
    return list(dict.fromkeys(part for name in names for part in name.split(TO)))


def load(group: str, name: str) -> Any:
    """The class registered under ``name``.

    Raises:
        UnknownName: nobody registered it. BenchError: its module cannot be imported.
    """
    known = entries(group)
    if name not in known:
        if group == TASKS and (both := transfer_of(name)):
            return importlib.import_module("bench.transfer").transferred(*both)
        raise unknown(_WORD[group], name, known)
    entry = known[name]
    try:
        with foreign_code():
            return entry.load()
    except Exception as error:  # a plugin's module may do anything when it is imported
        reason = str(error) if isinstance(error, ImportError | BenchError) else f"{type(error).__name__}: {error}"
        raise BenchError(
            f"{_WORD[group]} {name!r} ({entry.module} of {entry.distribution}) cannot be imported: {reason}. Fix or "
            "uninstall it; set BENCH_TRACEBACK=1 for the traceback."
        ) from error


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")


def spelled_out(group: str, patterns: Iterable[str]) -> set[str]:
    """The registered names that are asked for by name, and not only by a wildcard."""
    return set(match(group, [pattern for pattern in patterns if not _is_pattern(pattern)]))


def _matching(known: Iterable[str], pattern: str) -> list[str]:
    return [name for name in fnmatch.filter(known, pattern) if VARIANT not in name or VARIANT in pattern]


def match(group: str, patterns: Iterable[str]) -> list[str]:
    """The registered names that match any of the patterns (``ptbxl-*``), in the order asked, without repeats; as for
    :func:`named` in case and hyphens. Variants of a task are meant by patterns with an ``@`` alone (``ptbxl-*@noise10``)."""
    known = entries(group)
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if _is_pattern(pattern):
            hits = _matching(known, pattern) or _matching(known, pattern.lower().replace("_", "-"))
            if not hits:
                raise unknown(_WORD[group], pattern, known)
        else:
            hits = [named(group, pattern)]
        chosen.update(dict.fromkeys(hits))
    return list(chosen)


def resource_folders(group: str) -> list[Path]:
    """Folders of data files (``bench.splits``, ``bench.leaderboards``) that installed packages offer."""
    folders = []
    for point in importlib.metadata.entry_points(group=group):
        check_built_in(point)
        try:
            with foreign_code():
                spec = importlib.util.find_spec(point.value)
        except Exception as error:  # finding a module imports its package, which may do anything
            warnings.warn(_left_out(point, group, error), stacklevel=2)
            continue
        folders += [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []
    return folders


def _left_out(point: importlib.metadata.EntryPoint, group: str, error: Exception) -> str:
    what = str(error) if isinstance(error, BenchError) else " ".join(f"{type(error).__name__}: {error}".split())
    package = point.dist.name if point.dist else point.module
    return (
        f"plugin {point.name} = {point.value} ({group}) of {package} was left out: {what.removesuffix('.')}. "
        f"Fix the package, or uninstall it: pip uninstall {package}"
    )


def split_importer(name: str) -> Any:
    """The function that reads split files which others released, registered under ``bench.split_importers``.

    Raises:
        UnknownName: nobody registered it.
    """
    return _extension("bench.split_importers", "split importer", name)


def text_store() -> Any:
    """The class that keeps texts of the user's and finds passages in them, registered under ``bench.text_stores``.

    It is made by ``of_model(folder, model)``, and has ``ingest(files)`` and ``retrieve(statements, top)``.

    Raises:
        UnknownName: nobody registered it.
    """
    return _extension("bench.text_stores", "text store", "textbooks")


def _extension(group: str, word: str, name: str) -> Any:
    points = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    if (point := points.get(name)) is None:
        raise UnknownName(word, name, points)
    check_built_in(point)
    try:
        with foreign_code():
            return point.load()
    except Exception as error:
        raise BenchError(f"{word} {name!r} cannot be loaded: {_left_out(point, point.group, error)}") from error
