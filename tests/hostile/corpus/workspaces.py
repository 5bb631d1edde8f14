"""Workspaces of another version, or whose version file is damaged."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Sandbox
from .options import RUN

COMMANDS = {
    "run": RUN,
    "list": ("artifacts", "list"),
    "render": ("leaderboard", "render", "ptbxl_super"),
    "push": ("tracking", "push"),
}
DAMAGED = {
    "empty": b"",
    "number": b"1",
    "no-version": b"{}",
    "word": b'{"version": "one"}',
    "infinite": b'{"version": 1e999}',
    "not-utf8": b"\xff\xfe\x00",
    "nested": b"[" * 100_000,
}


def workspace(content: bytes, command: Sequence[str]):
    def make(box: Sandbox) -> Sequence[str]:
        box.workspace.mkdir(parents=True, exist_ok=True)
        (box.workspace / "workspace.json").write_bytes(content)
        return command

    return make


CASES = [
    *(
        Case(
            f"newer-{name}",
            workspace(b'{"version": 2, "made_by": "ecg-bench 9.0"}', command),
            words=("workspace.json", "version 2", "ecg-bench 9.0", "pip install --upgrade"),
        )
        for name, command in COMMANDS.items()
    ),
    *(
        Case(f"version-{name}", workspace(content, COMMANDS["list"]), words=("workspace.json", "Delete it"))
        for name, content in DAMAGED.items()
    ),
]
