"""Read the fields of configs from their source, so that a wrong ``--set`` is refused before torch is imported.

Where the source does not state the fields beyond doubt nothing is refused here: the imported classes decide.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import ConfigError, UnknownName
from bench.runner.overrides import Override, not_run

MODEL = ("pydantic", "BaseModel")
WITHOUT_FIELDS = ("collections", "datetime", "enum", "numpy", "pathlib", "pydantic", "typing")
"""Packages whose names in an annotation add no nested fields; of others that cannot be known."""


class _Unclear(Exception):
    """Only an import can tell."""


@dataclass(frozen=True, eq=False)
class _Class:
    module: str
    node: ast.ClassDef


def refuse_unknown_fields(overrides: Sequence[Override], methods: Iterable[str], modes: Sequence[str]) -> None:
    """Refuse a setting that no method or mode of a run has, as far as their sources tell.

    Raises:
        UnknownName: the field, with the nearest ones. ConfigError: a field of a method that is not run.
    """
    entries = {name: registry.entries(registry.METHODS)[name] for name in methods}
    if not overrides or any("combine" in entry.defines for entry in entries.values()):  # its members run too
        return
    fields = {name: config_fields(entry) for name, entry in entries.items()}
    of_modes = {name: config_fields(entry) for name, entry in registry.entries(registry.MODES).items()}
    if None in fields.values() or None in of_modes.values():
        return
    of_methods = {field for known in fields.values() for field in known or ()}
    for override in overrides:
        path, scope = ".".join(override.path), override.scope
        if scope is None:
            if path not in of_methods:
                nested = {f"{mode}.{field}" for mode, known in of_modes.items() for field in known or ()}
                raise UnknownName("config field", path, of_methods | nested)
        elif scope in fields and path not in (known := fields[scope] or ()):
            raise UnknownName(f"config field of {scope}", path, known)
        elif scope in modes and path not in (known := of_modes[scope] or ()):
            raise UnknownName(f"config field of mode {scope}", path, known)
        elif scope not in (*of_modes, *fields):
            raise ConfigError(not_run(override, sorted(fields)))


def config_fields(entry: registry.Entry) -> set[str] | None:
    """Dotted paths of every field of the config of a method or mode, nested ones included; None where the source does not
    state them."""
    try:
        owner = _named(entry.module, entry.qualname)
        config = _member(owner, "Config") if isinstance(owner, _Class) else None
        return set(_paths(config, "")) if isinstance(config, _Class) else None
    except (_Unclear, OSError, SyntaxError, ValueError, ImportError, RecursionError):
        return None


def _paths(config: _Class, prefix: str) -> Iterator[str]:
    for name, (module, annotation) in _annotations(config).items():
        yield prefix + name
        nested = _meaning(module, annotation)
        if isinstance(nested, _Class) and _is_model(nested):
            yield from _paths(nested, f"{prefix}{name}.")


def _annotations(config: _Class) -> dict[str, tuple[str, ast.expr]]:
    """Field -> the module of its annotation and the annotation; those of bases first."""
    annotations: dict[str, tuple[str, ast.expr]] = {}
    for base in reversed(config.node.bases):
        meaning = _meaning(config.module, base)
        if isinstance(meaning, _Class):
            annotations |= _annotations(meaning)
        elif meaning != MODEL:
            raise _Unclear
    for item in config.node.body:
        if isinstance(item, ast.If | ast.Try | ast.With | ast.For):
            raise _Unclear
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        if not item.target.id.startswith("_") and "ClassVar" not in ast.unparse(item.annotation):
            annotations[item.target.id] = config.module, item.annotation
    return annotations


def _is_model(owner: _Class) -> bool:
    meanings = [_meaning(owner.module, base) for base in owner.node.bases]
    return any(meaning == MODEL or (isinstance(meaning, _Class) and _is_model(meaning)) for meaning in meanings)


def _member(owner: _Class, name: str) -> Any:
    """What the attribute ``name`` of a class is; None where neither it nor a base that can be read has it."""
    for item in owner.node.body:
        if isinstance(item, ast.ClassDef) and item.name == name:
            return _Class(owner.module, item)
        if isinstance(item, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in item.targets):
            return _meaning(owner.module, item.value)
    for base in owner.node.bases:
        meaning = _meaning(owner.module, base, strict=False)
        if isinstance(meaning, _Class) and (member := _member(meaning, name)) is not None:
            return member
    return None


def _meaning(module: str, node: ast.expr, strict: bool = True) -> Any:
    """The class that an expression names, :data:`MODEL`, or None for what has no fields.

    Args:
        strict: refuse names of packages that cannot be read.
    """
    if isinstance(node, ast.Name):
        return _named(module, node.id, strict)
    if isinstance(node, ast.Attribute):
        owner = _meaning(module, node.value, strict)
        return _member(owner, node.attr) if isinstance(owner, _Class) else None
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Annotated"):
        raise _Unclear
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        raise _Unclear
    return None


def _named(module: str, name: str, strict: bool = True) -> Any:
    scope = _scope(module)
    if name not in scope:
        if strict and not hasattr(builtins, name):
            raise _Unclear
        return None
    meaning = scope[name]
    if not isinstance(meaning, tuple):
        return meaning
    source, imported = meaning
    if (source, imported) == MODEL:
        return MODEL
    if source.partition(".")[0] in _readable():
        return _named(source, imported, strict) if imported else None
    if strict and source.partition(".")[0] not in WITHOUT_FIELDS:
        raise _Unclear
    return None


def _readable() -> frozenset[str]:
    groups = (registry.METHODS, registry.MODES)
    return frozenset({"bench", *(e.module.partition(".")[0] for g in groups for e in registry.entries(g).values())})


@functools.cache
def _scope(module: str) -> dict[str, Any]:
    """Top-level names of a module: a class, (module, name in it) of an import, or None for anything else."""
    path = _file(module)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: dict[str, Any] = {}
    for item in ast.parse(path.read_bytes()).body:
        if isinstance(item, ast.ClassDef):
            names[item.name] = _Class(module, item)
        elif isinstance(item, ast.ImportFrom):
            source = "." * item.level + (item.module or "")
            source = importlib.util.resolve_name(source, package) if item.level else source
            names |= {alias.asname or alias.name: (source, alias.name) for alias in item.names}
        elif isinstance(item, ast.Import):
            names |= {(a.asname or a.name).partition(".")[0]: (a.name, "") for a in item.names}
        elif isinstance(item, ast.Assign):
            names |= {target.id: None for target in item.targets if isinstance(target, ast.Name)}
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            names[item.target.id] = None
    return names


def _file(module: str) -> Path:
    """The file of a module, found by the folder of its top package: to ask for a nested one imports what is above it."""
    top, *parts = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.origin:
        raise _Unclear
    if not parts:
        return Path(spec.origin)
    path = Path(spec.origin).parent.joinpath(*parts)
    return path / "__init__.py" if (path / "__init__.py").is_file() else path.with_suffix(".py")
