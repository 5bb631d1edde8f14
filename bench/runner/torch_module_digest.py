"""The digest of a torch module that a user passes as an object: weights, structure, attributes and code.

Two processes give the same module the same digest. What cannot be part of it is refused, so that no result is found under
the key of another module. Attributes of classes of installed packages that cannot be part of it are left out.
"""

from __future__ import annotations

import ast
import enum
import functools
import hashlib
import inspect
import itertools
import linecache
import pickle
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterator, Mapping, Set
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import BenchError, ConfigError, unforeseen
from bench.storage.artifacts import digest

AS_TEXT = (enum.Enum, torch.dtype, torch.device, torch.layout, PurePath, range, slice, np.dtype)
HOOKS = ("_forward_hooks", "_forward_pre_hooks")
"""Attributes of torch's modules whose functions change what a module returns."""
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def torch_module_digest(module: nn.Module) -> str:
    """Digest of a module's weights, buffers, structure, attributes, and the code of classes and functions that it reaches.

    Raises:
        ConfigError: the source of a class or function cannot be read, or an attribute cannot be part of a digest.
    """
    describer = _Describer()
    try:
        description = describer.module(module, type(module).__name__)
        return digest([description, sorted(describer.code)])
    except BenchError:
        raise
    except Exception as error:  # attributes and properties of the module may do anything
        raise ConfigError(
            f"{type(module).__name__} cannot be keyed, so its results could be mistaken for those of another module: "
            f"{unforeseen(error)}."
        ) from error


class _Describer:
    """Describes values in JSON.

    Attributes:
        code: names and sources of the classes and functions met.
    """

    def __init__(self) -> None:
        self.code: set[tuple[str, str]] = set()
        self._seen: set[Any] = set()
        self._open: list[int] = []

    def module(self, module: nn.Module, where: str) -> Any:
        """A module with all of its parts."""
        tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        weights = [[name, self.value(value, f"{where}.{name}")] for name, value in tensors]
        parts = []
        for name, part in module.named_modules(remove_duplicate=False):
            cls = type(part)
            self._class(cls)
            path = f"{where}.{name}" if name else where
            parts.append([name, cls.__qualname__, _script_of(part), list(self._attributes(part, path))])
        return ["module", weights, parts]

    def _attributes(self, part: nn.Module, where: str) -> Iterator[list[Any]]:
        of_torch = vars(nn.Module()).keys() | {"_compiled_call_impl"}
        for name, value in vars(part).items():
            if name in HOOKS:
                yield [name, [self.value(hook, f"{where}.{name}") for hook in value.values()]]
            elif name not in of_torch:
                try:
                    yield [name, self.value(value, f"{where}.{name}")]
                except ConfigError:
                    if not _is_installed(type(part).__module__):
                        raise

    def value(self, value: Any, where: str) -> Any:
        """Any value of an attribute.

        Raises:
            ConfigError: it has no description that is the same in every process.
        """
        if isinstance(value, AS_TEXT):
            return [type(value).__qualname__, str(value)]
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return hex(value)
        if isinstance(value, float | complex | np.generic):
            return [type(value).__name__, repr(value)]
        if id(value) in self._open:
            return ["seen", len(self._open) - self._open.index(id(value))]
        self._open.append(id(value))
        try:
            return self._composed(value, where)
        finally:
            self._open.pop()

    def _composed(self, value: Any, where: str) -> Any:
        kind = type(value).__qualname__
        if isinstance(value, bytes | bytearray):
            return [kind, _sha256(bytes(value))]
        if isinstance(value, Tensor):
            content = _sha256(_bytes_of(value, where))
            return ["tensor", str(value.dtype), list(value.shape), content]
        if isinstance(value, np.ndarray) and value.dtype != object:
            return ["array", str(value.dtype), list(value.shape), _sha256(np.ascontiguousarray(value).tobytes())]
        if isinstance(value, list | tuple | np.ndarray):
            return [kind, [self.value(item, f"{where}[{i}]") for i, item in enumerate(value)]]
        if isinstance(value, Mapping):
            pairs = [[self.value(name, where), self.value(item, f"{where}[{name!r}]")] for name, item in value.items()]
            return [kind, pairs]
        if isinstance(value, Set):
            return [kind, sorted(digest(self.value(item, where)) for item in value)]
        if isinstance(value, nn.Module):
            return self.module(value, where)
        if isinstance(value, functools.partial):
            return [kind, self.value([value.func, value.args, value.keywords], where)]
        if isinstance(value, FUNCTIONS):
            return self._function(value, where)
        if isinstance(value, type):
            self._class(value)
            return [kind, value.__qualname__]
        return self._object(value, where)

    def _object(self, value: Any, where: str) -> Any:
        cls = type(value)
        if not _is_installed(cls.__module__) and hasattr(value, "__dict__"):
            self._class(cls)
            return [cls.__qualname__, self.value(vars(value), where)]
        try:
            return [cls.__qualname__, _sha256(pickle.dumps(value, protocol=4))]
        except Exception as error:  # whatever the object's own code raises
            raise ConfigError(
                f"{where} is a {cls.__name__}, which cannot be part of the key of results ({unforeseen(error)}). Keep "
                f"numbers, text, lists, dicts or tensors in the module instead."
            ) from error

    def _class(self, cls: type) -> None:
        """Add the source of a class and its bases, and of what their methods name."""
        for base in cls.__mro__:
            if base in self._seen or base.__module__.partition(".")[0] in ("torch", "builtins", "abc", "typing"):
                continue
            self._seen.add(base)
            self._add_source(base, base.__module__)
            if not _is_installed(base.__module__):
                for name, member in vars(base).items():
                    for function in _functions_in(member):
                        self._globals(function, f"{base.__qualname__}.{name}")

    def _function(self, function: Any, where: str) -> Any:
        if isinstance(function, types.MethodType):
            return ["method", function.__name__, self.value(function.__self__, where)]
        if isinstance(function, types.FunctionType) and not _is_installed(function.__module__):
            if function not in self._seen:
                self._seen.add(function)
                self._add_source(function, function.__module__)
                self._globals(function, where)
            enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
            # The source of a lambda is the line that it is in, which may hold two.
            code = self._compiled(function.__code__, where) if function.__name__ == "<lambda>" else None
            return ["function", function.__qualname__, code, self.value([function.__defaults__, enclosed], where)]
        return ["function", str(function.__module__), function.__qualname__]

    def _compiled(self, code: types.CodeType, where: str) -> Any:
        constants = [
            self._compiled(constant, where) if isinstance(constant, types.CodeType) else self.value(constant, where)
            for constant in code.co_consts
        ]
        return [code.co_code.hex(), list(code.co_names), constants]

    def _globals(self, function: types.FunctionType, where: str) -> None:
        """Add what a function names at the top level of its module: functions and classes, and plain values."""
        names = set(_names_in(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            value = function.__globals__[name]
            own = [value]
            if isinstance(value, types.ModuleType):
                inside = () if _is_installed(value.__name__) else sorted(names & vars(value).keys())
                own = [vars(value)[attribute] for attribute in inside]
            for each in own:
                if isinstance(each, type):
                    self._class(each)
                elif isinstance(each, (*FUNCTIONS, bool, int, float, str, list, tuple, dict, Tensor, np.ndarray)):
                    self.code.add((name, digest(self.value(each, f"{where}: {name}"))))

    def _add_source(self, definition: Any, module: str) -> None:
        try:
            self.code.add((definition.__qualname__, textwrap.dedent(_source_of(definition))))
        except (OSError, TypeError) as error:
            if not _is_installed(module):
                raise ConfigError(
                    f"the source of {definition.__qualname__} cannot be read, so results could not be keyed to it. Write "
                    f"it in a file or a notebook cell."
                ) from error
            self.code.add((definition.__qualname__, module))


def _source_of(definition: Any) -> str:
    """The source of a function or class, also of one in a notebook cell.

    Raises:
        OSError, TypeError: it cannot be found.
    """
    try:
        return inspect.getsource(definition)
    except (OSError, TypeError):
        if isinstance(definition, type):
            for function in itertools.chain.from_iterable(map(_functions_in, vars(definition).values())):
                if (source := _class_around(function, definition.__name__)) is not None:
                    return source
        raise


def _class_around(function: types.FunctionType, name: str) -> str | None:
    """The source of the class that a function is written in.

    Python looks for the file of a class's module, and a notebook has none; the file of a function is its cell.
    """
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename))
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef) and node.name == name]
    for node in classes:
        if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
            return ast.get_source_segment(text, node)
    return None


def _functions_in(member: Any) -> Iterator[types.FunctionType]:
    """The functions of a member of a class: a method, a static or class method, a property."""
    members = (member.fget, member.fset) if isinstance(member, property) else (getattr(member, "__func__", member),)
    yield from (function for function in members if isinstance(function, types.FunctionType))


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


@functools.cache
def _is_installed(module: str | None) -> bool:
    """Whether a module comes with Python or an installed package: users do not change its code."""
    if module is None or module in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and (
        Path(file).is_relative_to(sysconfig.get_path("stdlib"))
        or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
    )


def _script_of(part: nn.Module) -> str | None:
    """The code of a part that torch.jit has compiled; None for others, and for a part that is not called."""
    try:
        return str(part.code) if isinstance(part, torch.jit.ScriptModule) else None
    except RuntimeError:
        return None


def _bytes_of(value: Tensor, where: str) -> bytes:
    if value.is_meta or nn.parameter.is_lazy(value):
        raise ConfigError(f"{where} has no values yet. Run the module once, or load its weights, before it is passed.")
    plain = value.detach().cpu()
    plain = plain.to_dense() if plain.layout != torch.strided else plain
    plain = plain.dequantize() if plain.is_quantized else plain
    plain = plain.resolve_conj().resolve_neg().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy().tobytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
