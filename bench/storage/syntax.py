"""Statements of a module: the names that they bind, and their form without layout, comments and words."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True)
class Reference:
    """What a name refers to: ``name`` of a package, or a module of it, whose attributes then count by name."""

    package: str
    name: str | None
    is_module: bool
    definition: str = ""


def bound_names(statement: ast.stmt) -> set[str]:
    """Names that a top-level statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        places = [leaf for target in statement.targets for leaf in _leaves(target)]
        # TABLE["x"] = f changes what others see: that is more than binding a name
        return {leaf.id for leaf in places if isinstance(leaf, ast.Name)} if _only_names(places) else set()
    if isinstance(statement, ast.AnnAssign):
        return {statement.target.id} if isinstance(statement.target, ast.Name) else set()
    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names |= {n.name for n in ast.walk(statement) if isinstance(n, inner)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _leaves(element)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _only_names(targets: Iterable[ast.expr]) -> bool:
    return all(isinstance(target, ast.Name) for target in targets)


def is_type_checking(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_profile(statement: ast.stmt) -> bool:
    """Whether it states a method's settings for the profile ``small``, which a key covers with the config that they make."""
    return (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.target.id == "small"
        and "ClassVar" in ast.unparse(statement.annotation)
        and isinstance(statement.value, ast.Dict)
    )


def canonical(node: Any, references: Mapping[str, Reference]) -> Any:
    """A syntax tree without positions, docstrings, comments or empty fields: equal on every Python version."""
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Name) and (reference := references.get(node.id)):
            return ["refers", *astuple(reference)]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            reference = references.get(node.value.id)
            if reference is not None and reference.is_module:
                return ["refers", reference.package, node.attr, False, ""]
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):  # the words of an error change no number
            node = ast.Raise(node.exc.func)
        fields = {}
        for name, value in ast.iter_fields(node):
            if (
                isinstance(node, ast.Call)
                and name == "keywords"
                and ast.unparse(node.func) in ("Field", "pydantic.Field")
            ):
                value = [keyword for keyword in value if keyword.arg != "description"]
            if name == "body" and isinstance(value, list) and value and is_text(value[0]):
                value = value[1:]
            if isinstance(node, ast.ClassDef) and name == "body":  # what it returns is in the corpus's facts
                value = [
                    item for item in value if getattr(item, "name", None) != "label_columns" and not _is_profile(item)
                ]
            if isinstance(value, list):  # an import counts through the names that refer to it
                value = [item for item in value if not isinstance(item, ast.Import | ast.ImportFrom)]
            if value not in (None, []) and name not in ("ctx", "type_comment"):
                fields[name] = canonical(value, references)
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [canonical(item, references) for item in node]
    return node if isinstance(node, str | int | bool) else repr(node)
