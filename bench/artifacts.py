"""Content-addressed folders: a key is a digest of what determines the content; a folder appears whole or not at all."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError


def digest(value: Any, length: int = 32) -> str:
    """Hex digest of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_jsonable, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=length // 2).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jsonable(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | set | frozenset):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a key")


def _canonical(node: Any) -> Any:
    """A syntax tree without positions, docstrings, comments or empty fields: equal on every Python version."""
    if isinstance(node, ast.AST):
        fields = {}
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
                value = value[1:]
            if value not in (None, []) and name not in ("ctx", "type_comment"):
                fields[name] = _canonical(value)
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    return node if isinstance(node, str | int | bool) else repr(node)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _module_file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ".".join(module.split(".")[: -node.level])
                prefix = f"{base}.{node.module}" if node.module else base
            else:
                prefix = node.module or ""
            yield prefix
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


@functools.cache
def source_digest(module: str) -> str:
    """Digest of the code of a module and of every module of the same top-level package that it imports, directly or not.

    Comments, docstrings and layout do not count, so that a change that cannot change a number keeps its results.
    Data files beside a module (``.yaml``, ``.json``, ``.csv`` of the same stem) count as its code.
    """
    root = module.split(".")[0]
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name.split(".")[0] != root:
            continue
        path = _module_file(name)
        if path is None:
            continue
        tree = ast.parse(path.read_bytes())
        beside = [file_digest(p) for s in (".yaml", ".json", ".csv") if (p := path.with_suffix(s)).exists()]
        seen[name] = digest([_canonical(tree), beside])
        waiting += _imports(tree, name)
    if not seen:
        raise BenchError(f"the source of {module} cannot be read, so its results could not be keyed to it.")
    return digest(sorted(seen.items()))


def module_digest(module: str) -> str:
    """Digest of the code of one module alone: for the parts of the harness that a number depends on."""
    path = _module_file(module)
    if path is None:
        raise BenchError(f"the source of {module} cannot be read, so its results could not be keyed to it.")
    return digest(_canonical(ast.parse(path.read_bytes())))


@contextlib.contextmanager
def writing(final: Path) -> Iterator[Path]:
    """A temporary folder beside ``final`` that takes its name if the block ends well, and vanishes if it does not.

    If another process finished the same artifact meanwhile, theirs stands: equal keys mean equal content.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield temporary
        try:
            os.rename(temporary, final)
        except OSError:
            if not final.is_dir():
                raise
    except OSError as error:
        if error.errno in (28, 30, 122):  # ENOSPC, EROFS, EDQUOT
            raise BenchError(
                f"{final} could not be written: {error.strerror}. Nothing half-written was kept; free some space or name "
                f"another folder with --workspace, then run the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, through a temporary name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=2, default=_jsonable, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def once(final: Path, make: Callable[[Path], None]) -> Path:
    """The artifact ``final``, made by ``make(folder)`` if it is not there yet; concurrent callers make it once."""
    from filelock import FileLock

    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.parent / f".{final.name}.lock"):
        if not final.is_dir():
            with writing(final) as folder:
                make(folder)
    return final
