"""Whether opening a .pt2 archive would run code.

``torch.export.load`` (read in torch 2.13) unpickles without limits what the archive marks ``use_pickle``, custom objects,
and, if loading them as plain tensors fails, the sample inputs; it loads compiled libraries; it hands size expressions to
sympy, which evaluates them as Python; and it calls whatever attribute of ``torch`` a node names. Here an archive is let
through only if it has none of that: tensors, arithmetic on sizes, and operators of ``torch.ops``. This is a list of what
is allowed, written for what ``torch.export.save`` makes; it is no sandbox.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.errors import ConfigError

TARGETS = re.compile(
    r"torch\.ops\.(aten|prims|higher_order|quantized_decomposed|torchvision)\.(?!__)\w+(\.(?!__)\w+)?"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|neg|pos|abs|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|math\.[a-z]\w*|torch\.sym_[a-z]+"
)
CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
SIZES = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Name, ast.Call, ast.keyword, ast.Load)
SIZES_OPERATORS = (ast.operator, ast.unaryop, ast.cmpop)


def refuse_code(path: Path) -> None:
    """Return if opening the archive runs nothing but torch operators on tensors.

    Raises:
        ConfigError: it would, or might; the message says what was found.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = next(_reasons(archive), None)
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, RecursionError) as error:
        raise ConfigError(f"{path} is no archive of torch.export.save ({error}).") from error
    if found:
        raise ConfigError(
            f"{path} would run code when it is opened: {found}. If you trust who made it, add --trust; otherwise ask for "
            f"an export without it."
        )


def _reasons(archive: zipfile.ZipFile) -> Iterator[str]:
    names = {name.split("/", 1)[-1]: name for name in archive.namelist() if not name.endswith("/")}
    if "archive_format" not in names:
        yield "it is of the format before torch 2.9, whose tensors are pickles"
    if len(names) != len(archive.namelist()):
        yield "it holds two files of one name"
    for short, name in names.items():
        if short.startswith("models/"):
            yield from _in_model(json.loads(archive.read(name)))
        elif short.endswith("_config.json"):
            yield from _in_payload(json.loads(archive.read(name)))
        elif short.startswith("data/") and short.endswith(".pt"):
            yield from _in_tensors(short, archive.read(name))
        elif not short.startswith(("data/weights/", "data/constants/", ".data/", "extra/", "byteorder", "archive_")):
            yield f"it holds {short}"


def _in_payload(config: Any) -> Iterator[str]:
    for name, facts in config["config"].items():
        if facts.get("use_pickle") is not False or not str(facts["path_name"]).startswith(("weight_", "tensor_")):
            yield f"{name} is pickled"


def _in_tensors(name: str, content: bytes) -> Iterator[str]:
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # whatever is no plain tensor
        yield f"{name} is a pickle of more than tensors"


def _in_model(model: Any) -> Iterator[str]:
    for key in model["range_constraints"]:
        if not str(key).isidentifier():
            yield f"a size is named {key!r}"
    for key, value in _walk(model):
        if key in ("target", "as_operator") and isinstance(value, str) and not TARGETS.fullmatch(value):
            yield f"it calls {value!r}"
        elif key == "expr_str" and not _is_arithmetic(value):
            yield f"a size is {value!r}"
        elif key in ("in_spec", "out_spec") and isinstance(value, str) and value:
            yield from (
                f"it makes a {kind}" for k, kind in _walk(json.loads(value)) if k == "type" and kind not in CONTAINERS
            )
        elif key in ("as_custom_obj", "custom_obj"):
            yield "it holds an object of a class of its own"


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item.items()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _is_arithmetic(text: Any) -> bool:
    """Whether an expression is made of numbers, symbols and functions called by name, as sympy's ``srepr`` writes them."""
    try:
        tree = ast.parse(str(text), mode="eval")
    except SyntaxError:
        return False
    for node in ast.walk(tree):
        if not isinstance(node, (*SIZES, *SIZES_OPERATORS)):
            return False
        if isinstance(node, ast.Constant) and not _is_plain(node.value):
            return False
        if isinstance(node, ast.Name) and "__" in node.id:
            return False
        # Mod, FloorDiv, Symbol: classes of sympy and of torch begin with a capital, what is dangerous in Python does not
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id[:1].isupper()):
            return False
    return True


def _is_plain(value: Any) -> bool:
    """A number, or the name of a symbol: sympy evaluates other text as Python."""
    return isinstance(value, int | float) or (isinstance(value, str) and value.isidentifier() and "__" not in value)
