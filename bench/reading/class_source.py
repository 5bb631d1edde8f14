"""Classes of a module, read from its source without importing it: literal attributes and the functions they define."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import ConfigError


@dataclass(frozen=True)
class ClassSource:
    """A class in the source of a module."""

    node: ast.ClassDef
    module: str
    path: Path
    bases: list[tuple[str, str]]  # (module, class name)
    constants: dict[str, Any]  # literal names of the module, which class attributes may refer to

    def members(self, packages: tuple[str, ...]) -> tuple[dict[str, Any], set[str]]:
        """Literal attributes, and names of functions, of the class and of its bases in these packages (``"methods."``).

        The ``name`` of a base is not inherited.
        """
        attributes = _literals(self.node.body, self.constants)
        functions = {item.name for item in self.node.body if isinstance(item, ast.FunctionDef)}
        for module, name in self.bases:
            base = classes_in(module).get(name) if f"{module}.".startswith(packages) else None
            if base is not None:
                inherited, more = base.members(packages)
                attributes = {**{k: v for k, v in inherited.items() if k != "name"}, **attributes}
                functions |= more
        return attributes, functions


@functools.cache
def classes_in(module: str) -> dict[str, ClassSource]:
    """The classes at the top level of a module, by name; none where it has no Python source."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return {}
    return _classes_of(module, Path(spec.origin), os.stat(spec.origin).st_mtime_ns)


def refuse_missing_class(module: str, name: str) -> None:
    """Raise where a module does not define a class.

    Raises:
        ModuleNotFoundError: there is no such module. ConfigError: it has no such class, with those that it has.
    """
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    classes = [known for known in classes_in(module) if not known.startswith("_")]
    if name not in classes:
        near = difflib.get_close_matches(name, classes, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Classes of {module}: {', '.join(classes) or 'none'}."
        raise ConfigError(f"{module} defines no class {name!r}.{hint}")


@functools.lru_cache(maxsize=1024)
def _classes_of(module: str, path: Path, changed: int) -> dict[str, ClassSource]:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:  # ValueError: a zero byte, before Python 3.12
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = getattr(error, "msg", None) or error
        raise ConfigError(f"{path}{line}: {said}. Python cannot read the file.") from error
    names = _imported_names(tree, module)
    constants = _literals(tree.body, {})
    return {
        node.name: ClassSource(
            node,
            module,
            path,
            [names[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in names],
            constants,
        )
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def _imported_names(tree: ast.Module, module: str) -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.ClassDef):
            names[node.name] = (module, node.name)
    return names


def _literals(body: list[ast.stmt], constants: dict[str, Any]) -> dict[str, Any]:
    """What a module or class body assigns literally, or by the names of such constants."""
    literals: dict[str, Any] = {}
    for item in body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            try:
                literals[target.id] = _literal(value, constants | literals)
            except (ValueError, TypeError, KeyError):
                continue
    return literals


def _literal(value: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(value, ast.Name):
        return known[value.id]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):  # tables put together
        return _literal(value.left, known) | _literal(value.right, known)
    return ast.literal_eval(value)
