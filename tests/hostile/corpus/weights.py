"""Published weights that ``bench checkpoints import`` is given: safetensors, and what ``torch.save`` wrote."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Sequence

from ..case import Case, Sandbox


def imported(name: str, content: Callable[[Sandbox], bytes]):
    def make(box: Sandbox) -> Sequence[str]:
        box.write(name, content(box))
        return ("checkpoints", "import", "merl", name)

    return make


class Payload:
    """Unpickled, it creates the marker."""

    def __reduce__(self):
        import os

        return os.system, ('touch "$HOSTILE_MARKER"',)


class Evaluated:
    def __reduce__(self):
        return eval, ("open(__import__('os').environ['HOSTILE_MARKER'], 'w')",)


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype: str = "F32", shape: Sequence[int] = (1,), offsets: Sequence[int] = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def saved(value: object) -> bytes:
    import torch

    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def zipped(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def torch_zip(data: bytes, **more: bytes) -> bytes:
    return zipped({"archive/data.pkl": data, "archive/version": b"3\n", "archive/byteorder": b"little", **more})


def plain() -> bytes:
    import torch

    return saved({"weight": torch.zeros(64, 64)})


def changed(change: Callable[[str, bytes], dict[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of ``torch.save`` with each member replaced by others."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain())) as old, zipfile.ZipFile(out, "w", compression) as new:
        for member in old.namelist():
            for name, content in change(member, old.read(member)).items():
                new.writestr(name, content)
    return out.getvalue()


def with_code(name: str, content: bytes) -> dict[str, bytes]:
    return {name: pickle.dumps(Payload()) if name.endswith("data.pkl") else content}


def with_code_in_capitals(name: str, content: bytes) -> dict[str, bytes]:
    code = {name.replace("data.pkl", "DATA.PKL"): pickle.dumps(Payload())}
    return (code if name.endswith("data.pkl") else {}) | {name: content}


SAFETENSORS: dict[str, Callable[[Sandbox], bytes]] = {
    "empty": lambda box: b"",
    "short": lambda box: b"\1\2\3",
    "length-huge": lambda box: safetensors(b"{}", length=2**63),
    "length-beyond-file": lambda box: safetensors(b"{}", length=10_000),
    "not-json": lambda box: safetensors(b"{"),
    "deep": lambda box: safetensors(b'{"a":' * 100_000),
    "list": lambda box: safetensors([]),
    "no-tensors": lambda box: safetensors({}),
    "beyond": lambda box: safetensors({"a": tensor(shape=[2**40], offsets=[0, 2**42])}, bytes(4)),
    "negative": lambda box: safetensors({"a": tensor(offsets=[4, 0])}, bytes(4)),
    "overlap": lambda box: safetensors({"a": tensor(), "b": tensor()}, bytes(4)),
    "overflow": lambda box: safetensors({"a": tensor(shape=[2**32, 2**32])}, bytes(4)),
    "unknown-dtype": lambda box: safetensors({"a": tensor("F7")}, bytes(4)),
    "other-tensors": lambda box: safetensors({"a": tensor()}, bytes(4)),
    "escape-in-name": lambda box: safetensors({"\x1b[2J": tensor()}, bytes(4)),
    "hole": lambda box: safetensors({"a": tensor(offsets=[4, 8])}, bytes(8)),
    "rest": lambda box: safetensors({"a": tensor()}, bytes(64)),
    "twice-a-name": lambda box: safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "pickle-under-this-name": lambda box: pickle.dumps(Payload()),
}
PT: dict[str, Callable[[Sandbox], bytes]] = {
    "empty": lambda box: b"",
    "text": lambda box: b"<!DOCTYPE html>",
    "pickle-runs": lambda box: pickle.dumps(Payload()),
    "pickle-protocol-0": lambda box: pickle.dumps(Payload(), 0),
    "pickle-evaluates": lambda box: pickle.dumps(Evaluated()),
    "pickle-optimised": lambda box: pickletools.optimize(pickle.dumps({"a": Payload()})),
    "zip-runs": lambda box: torch_zip(pickle.dumps(Payload())),
    "zip-evaluates": lambda box: torch_zip(pickle.dumps(Evaluated())),
    "saved-object": lambda box: saved({"state_dict": {"a": 1}, "more": {1, 2}}),
    "saved-list": lambda box: saved([1, 2]),
    "saved-nothing": lambda box: saved({}),
    "saved-text": lambda box: saved({"a": "b"}),
    "saved-cut": lambda box: saved({"a": 1})[:-60],
    "zip-empty": lambda box: zipped({}),
    "zip-other": lambda box: zipped({"a.txt": b"a"}),
    "zip-of-code-before-another": lambda box: changed(with_code) + plain(),
    "zip-names-differ-by-case": lambda box: changed(with_code_in_capitals),
    "zip-expands": lambda box: changed(lambda name, content: {name: content}, zipfile.ZIP_DEFLATED),
    "zip-bomb-of-tensors": lambda box: changed(
        lambda name, content: {name: bytes(2**28) if "/data/" in name else content}, zipfile.ZIP_DEFLATED
    ),
    "zip-up": lambda box: zipped({"../../../../../escaped": b"a", "archive/data.pkl": b"a"}),
    "zip-bomb": lambda box: torch_zip(b"\x80\x02]" + bytes(2**26)),
    "pickle-bomb": lambda box: b"\x80\x04" + b"(" * 1_000_000 + b".",
    "pickle-long": lambda box: b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.",
    "script": lambda box: zipped(
        {"m/code/a.py": b"def f(): pass", "m/data.pkl": b"\x80\x02N.", "m/constants.pkl": b"\x80\x02)."}
    ),
}

CASES = [
    *(
        Case(f"safetensors-{name}", imported("weights.safetensors", content), words=("weights.safetensors",))
        for name, content in SAFETENSORS.items()
    ),
    *(Case(f"pt-{name}", imported("weights.pt", c), words=("weights.pt",)) for name, c in PT.items()),
    Case("absent", lambda box: ("checkpoints", "import", "merl", "nowhere.pt"), words=("nowhere.pt",)),
    Case("directory", lambda box: ("checkpoints", "import", "merl", "."), words=("no such file",)),
    Case("other-method", imported("weights.pt", lambda box: b""), words=("weights.pt",)),
]  # fmt: skip
