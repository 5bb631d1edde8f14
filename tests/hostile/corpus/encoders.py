"""Encoders of strangers: exported programs, ONNX graphs, folders of transformers, factories."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Sequence

from ..case import Case, Sandbox
from .weights import Evaluated, Payload, torch_zip, zipped

DEEP = 100_000


def encoder(path: str, write: Callable[[Sandbox], object], *options: str):
    """A run of an encoder by its path, on a prepared cohort."""

    def make(box: Sandbox) -> Sequence[str]:
        box.fill_workspace(box.shared.prepared)
        write(box)
        return (
            "run", "-m", "encoder", "-t", "ptbxl-super", "--mode", "linear", "--simulated-records", "50", "--no-track",
            "--set", f"encoder.path={path}", "--set", "encoder.fs=100", *options,
        )  # fmt: skip

    return make


def pt2(content: Callable[[Sandbox], bytes]):
    return encoder("model.pt2", lambda box: box.write("model.pt2", content(box)))


def entries(box: Sandbox) -> dict[str, bytes]:
    with zipfile.ZipFile(box.shared.exported) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def stored(content: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content:
            archive.writestr(name, data)
    return out.getvalue()


def changed(part: str, change: Callable[[bytes], bytes]):
    """The honest program with the entries whose names hold ``part`` changed."""

    def content(box: Sandbox) -> bytes:
        found = entries(box)
        assert any(part in name for name in found), f"no entry with {part} in {sorted(found)}"
        return stored([(name, change(data) if part in name else data) for name, data in found.items()])

    return content


def more(name: str, data: bytes, first: bool = False):
    """The honest program with one more entry."""

    def content(box: Sandbox) -> bytes:
        found = entries(box)
        root = next(iter(found)).split("/")[0]
        own = [(name.replace("ROOT", root), data)]
        return stored([*own, *found.items()] if first else [*found.items(), *own])

    return content


def model(change: Callable[[str], str]):
    """The program's graph, as text."""

    def edited(data: bytes) -> bytes:
        after = change(data.decode())
        assert after != data.decode(), "the case changes nothing in the graph"
        return after.encode()

    return changed("/models/", edited)


PICKLED = json.dumps(
    {"config": {"a": {"path_name": "weight_0", "is_param": True, "use_pickle": True, "tensor_meta": None}}}
)
PT2: dict[str, Callable[[Sandbox], bytes]] = {
    "empty": lambda box: b"",
    "text": lambda box: b"<!DOCTYPE html>",
    "pickle": lambda box: pickle.dumps(Payload()),
    "zip-empty": lambda box: zipped({}),
    "torch-save": lambda box: torch_zip(pickle.dumps(Payload())),
    "cut": lambda box: box.shared.exported.read_bytes()[:-100],
    "two-zips": lambda box: torch_zip(pickle.dumps(Evaluated())) + box.shared.exported.read_bytes(),
    "bytes-before": lambda box: bytes(100) + box.shared.exported.read_bytes(),
    "name-in-capitals": more("ROOT/data/weights/MODEL_WEIGHTS_CONFIG.json", PICKLED.encode(), first=True),
    "pickled-weights": changed("_weights_config", lambda data: data.replace(b'"use_pickle": false', b'"use_pickle": true')),
    "code-next-to": more("ROOT/code/a.py", b"import os"),
    "library": more("ROOT/data/aotinductor/model/a.so", b"\x7fELF"),
    "custom-object": more("ROOT/data/constants/custom_obj_0", pickle.dumps(Payload())),
    "sample-inputs": changed("sample_inputs", lambda data: pickle.dumps(Payload())),
    "graph-deep": changed("/models/", lambda data: b"[" * DEEP),
    "graph-empty": changed("/models/", lambda data: b""),
    "graph-list": changed("/models/", lambda data: b"[]"),
    "calls-system": model(lambda text: text.replace("torch.ops.aten.conv1d.default", "os.system")),
    "calls-load": model(lambda text: text.replace("torch.ops.aten.conv1d.default", "torch.load")),
    "calls-eval": model(lambda text: text.replace("torch.ops.aten.conv1d.default", "builtins.eval")),
    "up": more("ROOT/../../../../../escaped", b"a"),
    "absolute": more("/ROOT/escaped", b"a"),
    "bomb": lambda box: zipped({"model/archive_format": b"pt2", "model/models/model.json": bytes(2**28)}),
}  # fmt: skip
ONNX: dict[str, bytes] = {
    "empty": b"",
    "text": b"<!DOCTYPE html>",
    "zeros": bytes(1000),
    "length-huge": b"\x08\x08\x3a\xff\xff\xff\xff\x0f",
}
PATHS: dict[str, tuple[str, tuple[str, ...]]] = {
    "absent": ("nowhere.pt2", ("nowhere.pt2",)),
    "empty": ("", ("path",)),
    "pickle": ("weights.pkl", ("pickle",)),
    "checkpoint": ("weights.ckpt", ("pickle",)),
    "safetensors": ("weights.safetensors", ("weights without a network",)),
    "factory": ("payload:run", ("--trust",)),
    "factory-system": ("os:getcwd", ("--trust",)),
    "url": ("https://example.com/model.pt2", ("path",)),
    "device": ("/dev/zero", ("path",)),
    "nul": ("a\\0.pt2", ("path",)),
}

CASES = [
    Case("pt2-bytes-after", pt2(lambda box: box.shared.exported.read_bytes() + bytes(100)), exit=0),
    *(Case(f"pt2-{name}", pt2(content), exit=(1, 2), words=("model.pt2",)) for name, content in PT2.items()),
    *(
        Case(
            f"onnx-{name}",
            encoder("model.onnx", lambda box, content=content: box.write("model.onnx", content)),
            exit=(1, 2),
            words=("model.onnx",),
        )
        for name, content in ONNX.items()
    ),
    *(
        Case(
            f"path-{name}",
            encoder(path, lambda box: box.write("payload.py", "import os; os.system('touch \"$HOSTILE_MARKER\"')")),
            exit=(1, 2),
            words=words,
        )
        for name, (path, words) in PATHS.items()
    ),
    Case(
        "folder-with-code",
        encoder("net", lambda box: (
            box.write("net/config.json", '{"auto_map": {"AutoModel": "code.Net"}, "model_type": "own"}'),
            box.write("net/code.py", "import os; os.system('touch \"$HOSTILE_MARKER\"')"),
        )),
        exit=(1, 2),
        words=("net",),
    ),
    Case("folder-empty", encoder("net", lambda box: (box.folder / "net").mkdir()), exit=(1, 2), words=("net",)),
    Case("folder-pickle", encoder("net", lambda box: (
        box.write("net/config.json", '{"model_type": "vit"}'),
        box.write("net/pytorch_model.bin", torch_zip(pickle.dumps(Payload()))),
    )), exit=(1, 2), words=("net",)),
    Case("folder-deep", encoder("net", lambda box: box.write("net/config.json", "[" * DEEP)), exit=(1, 2), words=("net",)),
]  # fmt: skip
