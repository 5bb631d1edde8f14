"""A copy of a .pt2 archive that runs no code when it is opened.

``torch.export.load`` (read in torch 2.13) unpickles without limits what the archive marks ``use_pickle``, custom objects,
and, if loading them as plain tensors fails, the sample inputs; it loads compiled libraries; it hands size expressions to
sympy, which evaluates them as Python; and it calls whatever attribute of ``torch`` a node names. Here an archive is let
through only if it has none of that: tensors, arithmetic on sizes, and operators of ``torch.ops``. This is a list of what
is allowed, written for what ``torch.export.save`` makes; it is no sandbox.

torch finds names without regard to case and believes other offsets than ``zipfile`` does, so one file can be two archives.
Therefore torch never reads the file itself, only a new archive made of the bytes that were checked.
"""

from __future__ import annotations

import ast
import io
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bench.errors import ConfigError
from bench.training.tensor_file import read_tensors

TARGETS = re.compile(
    r"torch\.ops\.(aten|prims|higher_order|quantized_decomposed|torchvision)\.(?!__)\w+(\.(?!__)\w+)?"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|neg|pos|abs|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|math\.[a-z]\w*|torch\.sym_[a-z]+"
)
CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
SIZES = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Name, ast.Call, ast.keyword, ast.Load)
SIZES_OPERATORS = (ast.operator, ast.unaryop, ast.cmpop)

_MODEL = re.compile(r"models/\w+\.json")
_PAYLOAD = re.compile(r"data/(weights|constants)/\w+_config\.json")
_PICKLED = re.compile(r"data/(weights|constants|sample_inputs)/\w+\.pt")
_PLAIN = re.compile(r"data/(weights|constants)/(weight|tensor)_\d+|\.data/\w+|byteorder|archive_(format|version)")
LONGEST_JSON = 256 << 20
"""Bytes of the largest graph or table of weights that is parsed."""


class _Refused(Exception):
    """What the archive would run."""


def vetted_copy(path: Path) -> IO[bytes]:
    """The archive again, written from its checked content, as a temporary file; closing it removes it.

    Raises:
        ConfigError: opening it would run something other than torch operators on tensors, or might; the message says
            what was found.
    """
    copy = tempfile.TemporaryFile(suffix=".pt2")  # noqa: SIM115  the caller closes it
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as vetted:
            for short, member in _members(archive, path.stat().st_size).items():
                _copy_member(archive, member, short, vetted)
    except _Refused as error:
        copy.close()
        raise ConfigError(
            f"{path} would run code when it is opened: {error}. If you trust its author, add --trust; otherwise ask "
            "for an export without code."
        ) from error
    except (zipfile.BadZipFile, zlib.error, *_MALFORMED) as error:
        copy.close()
        raise ConfigError(f"{path} is not an archive of torch.export.save ({error}).") from error
    copy.seek(0)
    return copy


_MALFORMED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
    EOFError,
    RecursionError,
    RuntimeError,
)
"""Raised by the standard library and by the checks below for content of another form."""


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their name below its only folder, each name once."""
    members: dict[str, zipfile.ZipInfo] = {}
    folders, folded = set(), set()
    for member in archive.infolist():
        folder, _, short = member.filename.partition("/")
        folders.add(folder)
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename!r} is compressed, which torch does not do")
        if short.casefold() in folded:
            raise _Refused(f"it holds two files of one name, {short!r}")
        folded.add(short.casefold())
        if not short.startswith("extra/"):  # texts for the author's programs; not needed here
            members[short] = member
    if min((member.header_offset for member in archive.infolist()), default=0) > 0:
        raise _Refused("other bytes lie before its first file")
    if len(folders) > 1:
        raise ValueError("it holds more than one folder")
    if sum(member.file_size for member in members.values()) > size:
        raise ValueError("its files are larger than itself")
    if "archive_format" not in members:
        raise _Refused("it is of the format before torch 2.9, whose tensors are pickles")
    return members


def _copy_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, short: str, vetted: zipfile.ZipFile) -> None:
    name = f"model/{short}"
    if _PLAIN.fullmatch(short):
        large = member.file_size > zipfile.ZIP64_LIMIT
        with archive.open(member) as source, vetted.open(name, "w", force_zip64=large) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    elif _PICKLED.fullmatch(short):
        vetted.writestr(name, _tensors_again(short, archive.read(member)))
    elif (is_model := _MODEL.fullmatch(short)) or _PAYLOAD.fullmatch(short):
        if member.file_size > LONGEST_JSON:
            raise ValueError(f"{short} has {member.file_size >> 20} MiB; expected at most {LONGEST_JSON >> 20}")
        content = json.loads(archive.read(member).decode())
        for reason in _in_model(content) if is_model else _in_payload(content):
            raise _Refused(reason)
        vetted.writestr(name, json.dumps(content))
    else:
        raise _Refused(f"it holds {short}")


def _in_payload(config: Any) -> Iterator[str]:
    for name, facts in config["config"].items():
        if facts.get("use_pickle") is not False or not str(facts["path_name"]).startswith(("weight_", "tensor_")):
            yield f"{name} is pickled"


def _tensors_again(name: str, content: bytes) -> bytes:
    """A file of ``torch.save`` that holds the same tensors, written here: torch unpickles without limits what it cannot
    read as tensors."""
    import torch

    written = io.BytesIO()
    try:
        torch.save(read_tensors(io.BytesIO(content)), written)
    except Exception as error:  # of many classes
        raise _Refused(f"{name} is a pickle of more than tensors") from error
    return written.getvalue()


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
            yield "it holds an object of a separate class"


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
