"""Digests of code: what a method's numbers depend on, definition by definition.

A key covers the class and every top-level definition that it reaches: by name in its own module, and by import in its
own package and in the packages that register methods (a plugin may build on a built-in one). A module holds many
things; a change to one of them does not touch the keys of those who use another. What runs when a module is imported
(``torch.set_default_dtype(...)``) counts for every module that imports it, directly or not.

Comments, docstrings, layout, the words of errors and the descriptions of config fields do not count, so that a change
that cannot change a number keeps its results. Neither do the names and places of modules: an imported name counts by its
top package and its name there, and a digest is of the set of definitions, so that moving or renaming a module of the
harness changes no key. Data files next to a module (``.yaml``, ``.json``, ``.csv`` of the same stem) count as its code. A
name that is only known at run time cannot be followed: a method whose config names classes lists them in
:meth:`bench.method.Method.extra_code`.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.storage.artifacts import digest, file_digest
from bench.storage.syntax import Reference, bound_names, canonical, is_text, is_type_checking

if TYPE_CHECKING:
    from bench.method import Method
    from bench.modes.mode import Mode

HARNESS = __name__.split(".")[0]

Item = tuple[str, str]
"""(module, name of a top-level definition); an empty name is the whole module."""


@functools.cache
def source_digest(
    module: str,
    name: str = "",
    also: tuple[str, ...] = (),
    within: tuple[str, ...] = (),
    without: frozenset[Item] = frozenset(),
) -> str:
    """Digest of the code that ``module``'s definition ``name`` reaches; of the whole module without a name.

    Args:
        also: further roots that no import leads to: ``package.module`` or ``package.module:name``, of any package.
        within: follow no further than these packages. Without them the harness is followed only from a definition of it.
        without: definitions that are not followed: what a config does not choose.

    Raises:
        BenchError: the source of one of them cannot be read.
    """
    parts: set[str] = set()
    for reached, places in covered(module, name, also, within, without).items():
        source = _source(reached)
        assert source is not None
        alone = {i for i in places if source.is_one_definition(i)}
        parts |= {source.digest(i) for i in alone}
        if in_order := [source.canonical(i) for i in sorted(places - alone)]:
            parts.add(digest(in_order))
        if places:
            parts |= set(source.data)
    return digest(sorted(parts))


def method_digest(method: type[Method], config: Any) -> str:
    """Digest of the code that a method reaches under a config."""
    return source_digest(method.__module__, method.__qualname__.split(".")[0], tuple(method.extra_code(config)))


@functools.cache
def module_digest(module: str) -> str:
    """Digest of the code of one module alone: for the parts of the harness that a number depends on."""
    source = _source(module)
    if source is None:
        raise BenchError(f"the source of {module} cannot be read, so its results could not be keyed to it.")
    return digest([[source.canonical(i) for i in range(len(source.tree.body)) if i not in source.skipped], source.data])


def mode_digest(mode: Mode, objective: str) -> str:
    """Digest of the code by which a mode trains and answers: of ``run`` and ``Config``, and of what they reach of
    their package, of other modes and of training.

    Args:
        objective: ``module:class`` of what the kind of task has heads learn (:attr:`bench.kinds.Kind.objective`), which no
            import leads to. It counts for the modes that ask for an objective; what else a kind says (metrics, names) does
            not count.
    """
    (module, name), config = (
        (definition.__module__, definition.__qualname__.partition(".")[0]) for definition in (mode.run, mode.Config)
    )
    module_names = (module, config[0], objective.partition(":")[0])
    within = (
        "bench.modes",
        "bench.training",
        *(module_name.rpartition(".")[0] or module_name for module_name in module_names),
    )
    also: tuple[str, ...] = (":".join(config),)
    if covers(covered(module, name, also, within), "bench.training.objective", "objective_for"):
        also += (objective,)
    return source_digest(module, name, also, within, without=frozenset({("bench.modes.mode", "Mode")}))


def covered(
    module: str,
    name: str = "",
    also: Iterable[str] = (),
    within: tuple[str, ...] = (),
    without: frozenset[Item] = frozenset(),
) -> dict[str, set[int]]:
    """Module -> the statements of it that :func:`source_digest` covers, by their place in the module."""
    roots = [(module, name), *((m, n) for m, _, n in (entry.partition(":") for entry in also))]
    for root, wanted in roots:
        source = _source(root)
        if source is None or (wanted and wanted not in source.binds):
            raise BenchError(
                f"the source of {root}{f', {wanted}' if wanted else ''} cannot be read, so its results could not be keyed "
                f"to it."
            )
    of_harness = any(root.split(".")[0] == HARNESS for root, _ in roots)
    reached: dict[str, set[int]] = {}
    waiting: list[tuple[str, str | None]] = list(
        roots
    )  # a name, "" for the whole module, None for what its import runs
    seen: set[tuple[str, str | None]] = set()
    while waiting:
        item = module_name, wanted_name = waiting.pop()
        if within:
            outside = not any(module_name == package or module_name.startswith(f"{package}.") for package in within)
        else:
            outside = module_name.split(".")[0] == HARNESS and not of_harness
        source = None if outside else _source(module_name)
        if item in seen or item in without or source is None:
            continue
        seen.add(item)
        if module_name not in reached:
            reached[module_name] = set()
            waiting += [(module_name, None)]
        if wanted_name is None:  # importing a module runs it and its packages
            chosen: Iterable[int] = source.always
            waiting += [(parent, None) for parent in _parents(module_name)]
            waiting += [(target, None) for target in source.imported]
            waiting += [(target, "") for target in source.wholes]
        else:
            chosen = source.binds.get(wanted_name, ()) if wanted_name else range(len(source.tree.body))
        for i in chosen:
            if i not in source.skipped:
                reached[module_name].add(i)
                waiting += source.uses(i)
    return reached


def covers(reached: dict[str, set[int]], module: str, name: str) -> bool:
    """Whether the definition of ``name`` in ``module`` is among what was reached."""
    source = _source(module)
    return source is not None and set(source.binds.get(name, ())) <= reached.get(module, set()) != set()


def forget() -> None:
    """Read all sources again; for tests, which change them."""
    for cached in (source_digest, module_digest, _source, _text_digest, _method_packages, _file, _is_module):
        cached.cache_clear()


@functools.cache
def _method_packages() -> frozenset[str]:
    return frozenset(
        point.value.partition(":")[0].split(".")[0] for point in importlib.metadata.entry_points(group="bench.methods")
    )


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


@functools.cache
def _file(module: str) -> Path | None:
    """The file of a module. It is looked for next to its package's, since ``find_spec`` would import the package."""
    parent, _, last = module.rpartition(".")
    package = _file(parent) if parent else None
    if package is not None and package.name == "__init__.py":
        for path in (package.parent / last / "__init__.py", package.parent / f"{last}.py"):
            if path.exists():
                return path
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@functools.cache
def _source(module: str) -> Source | None:
    path = _file(module)
    if path is None:
        return None
    data_files = [path.with_suffix(suffix) for suffix in (".yaml", ".json", ".csv")]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return Source(module, package, ast.parse(path.read_bytes()), [file_digest(p) for p in data_files if p.exists()])


@dataclass
class Source:
    """One module: which statement binds which name, and what each of them uses.

    Attributes:
        binds: name -> places of the top-level statements that bind it.
        always: places of statements that do more than bind names: they count for every module that imports this module.
        skipped: places of docstrings, ``if TYPE_CHECKING`` and imports, which count through what they name.
        imported: modules that importing this one imports.
        wholes: modules of which anything may be used: ``from m import *``, ``import package.m``.
        aliases: name -> (module, name in it or None for the module itself), of top-level imports.
    """

    module: str
    package: str
    tree: ast.Module
    data: list[str]
    binds: dict[str, list[int]] = field(default_factory=dict)
    always: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    wholes: list[str] = field(default_factory=list)
    aliases: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    _canonical: dict[int, Any] = field(default_factory=dict)
    _digests: dict[int, str] = field(default_factory=dict)
    _uses: dict[int, list[Item]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, statement in enumerate(self.tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.skipped.add(i)
                self._note(statement)
                for alias in statement.names:
                    self.binds.setdefault((alias.asname or alias.name).split(".")[0], []).append(i)
            elif is_text(statement) or is_type_checking(statement):
                self.skipped.add(i)
            else:
                names = bound_names(statement)
                for name in names:
                    self.binds.setdefault(name, []).append(i)
                if not names or not isinstance(
                    statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
                ):
                    self.always.add(i)

    def _note(self, node: ast.Import | ast.ImportFrom) -> None:
        for bound, target, name in self._targets(node):
            if not bound:
                self.wholes += [target] if self._followed(target) else []
                continue
            self.aliases[bound] = (target, name)
            if self._followed(target):
                self.imported.add(f"{target}.{name}" if name and _is_module(f"{target}.{name}") else target)

    def _followed(self, module: str) -> bool:
        root = module.split(".")[0]
        return root in (self.module.split(".")[0], HARNESS) or root in _method_packages()

    def _targets(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str | None]]:
        """(bound name, module, name in it) of one import; None for the module itself, no bound name for all of it."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                dotted = "." in alias.name and not alias.asname
                yield "" if dotted else (alias.asname or alias.name), alias.name, None
            return
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            base_package = ".".join(parts[: len(parts) - node.level + 1])
            base = f"{base_package}.{node.module}" if node.module else base_package
        for alias in node.names:
            yield "" if alias.name == "*" else (alias.asname or alias.name), base, alias.name

    def canonical(self, i: int) -> Any:
        """A statement without layout, each name of a top-level definition in it as what it refers to."""
        if i not in self._canonical:
            statement = self.tree.body[i]
            aliases: dict[str, tuple[str, str | None]] = {
                name: (self.module, name) for name in self.binds
            } | self.aliases
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):  # inside a function
                    aliases |= {bound: (target, name) for bound, target, name in self._targets(node) if bound}
            used = aliases.keys() & {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            self._canonical[i] = canonical(statement, {name: self._reference(*aliases[name]) for name in used})
        return self._canonical[i]

    def digest(self, i: int) -> str:
        """Digest of one statement."""
        if i not in self._digests:
            self._digests[i] = digest(self.canonical(i))
        return self._digests[i]

    def is_one_definition(self, i: int) -> bool:
        """Whether a statement only binds names that no other statement of the module binds: its place does not matter."""
        names = bound_names(self.tree.body[i])
        return i not in self.always and all(len(self.binds[name]) == 1 for name in names)

    def _reference(self, module: str, name: str | None) -> Reference:
        """What a name refers to, without the module's place if it is the harness's or a method package's."""
        if not self._followed(module):
            return Reference(module, name, name is None)
        is_module = name is None or _is_module(f"{module}.{name}")
        package = module.split(".")[0]
        if is_module or package == HARNESS:
            return Reference(package, None if is_module else name, is_module)
        return Reference(package, name, False, _text_digest(module, name or ""))

    def uses(self, i: int) -> list[Item]:
        """The definitions that a statement names, here and in other modules that are followed."""
        if i not in self._uses:
            self._uses[i] = list(dict.fromkeys(self._find_uses(self.tree.body[i])))
        return self._uses[i]

    def _find_uses(self, statement: ast.stmt) -> Iterator[Item]:
        local = {bound: origin for bound, origin in self.aliases.items() if self._followed(origin[0])}
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):  # inside a function
                for _, target, name in self._targets(node):
                    if self._followed(target):
                        yield from _resolved(target, name, None)
        followed: set[int] = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in local:
                followed.add(id(node.value))
                yield from _resolved(*local[node.value.id], node.attr)
        for node in ast.walk(statement):
            if not isinstance(node, ast.Name) or id(node) in followed:
                continue
            if node.id == "globals":
                yield self.module, ""
            elif node.id in local:
                yield from _resolved(*local[node.id], None)
            elif node.id in self.binds:
                yield self.module, node.id


@functools.cache
def _text_digest(module: str, name: str) -> str:
    """Digest of a definition alone: tells apart two of one name in one package."""
    source = _source(module)
    return digest([canonical(source.tree.body[i], {}) for i in source.binds.get(name, ())] if source else [])


def _resolved(module: str, name: str | None, attribute: str | None) -> Iterator[Item]:
    """What ``name`` of ``module`` (or ``attribute`` of it, where it is a module) represents."""
    if name is not None and name != "*" and not _is_module(f"{module}.{name}"):
        yield module, name
        return
    target = module if name in (None, "*") else f"{module}.{name}"
    source = _source(target)
    if attribute is not None and source is not None and attribute in source.binds:
        yield target, attribute
    elif attribute is not None and _is_module(f"{target}.{attribute}"):  # import a.b; a.b.c(...)
        yield f"{target}.{attribute}", ""
    else:
        yield target, ""


@functools.cache
def _is_module(name: str) -> bool:
    """Whether a dotted name is a module, found without importing what it lies in."""
    parent, _, last = name.rpartition(".")
    package = _file(parent) if parent else None
    if package is None or package.name != "__init__.py":
        return False
    return (package.parent / f"{last}.py").exists() or (package.parent / last / "__init__.py").exists()
