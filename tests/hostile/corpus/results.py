"""Stored results, damaged or edited: left out and named, while the others are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..case import Case, Sandbox

DEEP = 100_000
LIST = ("runs",)
VERIFY = ("artifacts", "verify", "--kind", "result")
RENDER = ("leaderboard", "render", "ptbxl_super", "--no-compare")


def damaged(change: Callable[[Path], object], *arguments: str):
    """The first of two results, changed."""

    def make(box: Sandbox) -> Sequence[str]:
        box.fill_workspace(box.shared.results)
        change(sorted((box.workspace / "results").iterdir())[0])
        return arguments or LIST

    return make


def replaced(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def edited(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """A JSON file of the result with something changed in it."""

    def apply(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value, indent=2))

    return apply


def flipped(name: str, share: float) -> Callable[[Path], object]:
    """One bit of a file flipped."""

    def apply(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[int(share * (len(content) - 1))] ^= 4
        (folder / name).write_bytes(content)

    return apply


def cut(name: str, share: float) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return apply


def better(value: dict[str, Any]) -> None:
    value["score"]["metrics"]["macro_auroc"]["value"] = 0.987


RESULT: dict[str, Callable[[Path], object]] = {
    "value-edited": edited("result.json", better),
    "real-claimed": edited("result.json", lambda value: value.update(data="real", profile="paper")),
    "field-more": edited("result.json", lambda value: value.update(more=1)),
    "empty": replaced("result.json", ""),
    "cut": cut("result.json", 0.5),
    "list": replaced("result.json", "[]"),
    "null": replaced("result.json", "null"),
    "no-utf8": replaced("result.json", b"\xff\xfe"),
    "deep": replaced("result.json", "[" * DEEP),
    "absent": lambda folder: (folder / "result.json").unlink(),
    "directory": lambda folder: ((folder / "result.json").unlink(), (folder / "result.json").mkdir()),
    "seal-absent": lambda folder: (folder / "artifact.json").unlink(),
    "seal-empty": replaced("artifact.json", ""),
    "seal-list": replaced("artifact.json", "[]"),
    "seal-deep": replaced("artifact.json", "[" * DEEP),
    "seal-no-files": edited("artifact.json", lambda value: value.pop("files")),
    "seal-files-a-list": edited("artifact.json", lambda value: value.update(files=[])),
    "seal-up": edited("artifact.json", lambda value: value["files"].update({"../x": {"bytes": 1, "sha256": "0" * 64}})),
    **{f"flipped-{k}": flipped("result.json", k / 8) for k in range(1, 8)},
    **{f"seal-flipped-{k}": flipped("artifact.json", k / 8) for k in range(1, 8)},
}
PREDICTIONS: dict[str, Callable[[Path], object]] = {
    "empty": replaced("predictions.parquet", b""),
    "text": replaced("predictions.parquet", "record_id\n"),
    "cut": cut("predictions.parquet", 0.7),
    "absent": lambda folder: (folder / "predictions.parquet").unlink(),
    "flipped": flipped("predictions.parquet", 0.4),
    "flipped-at-the-end": flipped("predictions.parquet", 0.99),
}
STRAY: dict[str, Callable[[Path], object]] = {
    "file": lambda folder: (folder.parent / "notes.txt").write_text("mine"),
    "empty-folder": lambda folder: (folder.parent / "old").mkdir(),
    "hidden": lambda folder: (folder.parent / ".DS_Store").write_text(""),
    "link-loop": lambda folder: (folder.parent / "loop").symlink_to("loop"),
}

CASES = [
    *(Case(f"runs-{name}", damaged(change), exit=0, words=("left out", "linear")) for name, change in RESULT.items()),
    *(
        Case(f"render-{name}", damaged(change, *RENDER), exit=0, words=("left out", "ptbxl_super.md"))
        for name, change in list(RESULT.items())[:10]
    ),
    *(
        Case(f"verify-{name}", damaged(change, *VERIFY), exit=1, words=("1 intact", "1 damaged"))
        for name, change in (RESULT | {f"predictions-{name}": change for name, change in PREDICTIONS.items()}).items()
    ),
    *(
        Case(f"rescore-predictions-{name}", damaged(change, "rescore"), exit=1, words=("predictions.parquet",))
        for name, change in PREDICTIONS.items()
    ),
    *(Case(f"stray-{name}", damaged(change), exit=0, words=("linear",)) for name, change in STRAY.items()),
    Case("no-such-key", damaged(lambda folder: None, "runs", "show", "zzzz"), words=("zzzz",)),
    Case("key-up", damaged(lambda folder: None, "runs", "show", "../results"), words=("../results",)),
    Case("rescore-untouched", damaged(lambda folder: None, "rescore"), exit=0, words=("2 results, 0 with other",)),
]  # fmt: skip
