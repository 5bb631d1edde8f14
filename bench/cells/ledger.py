"""The ledger of a workspace, ``ledger.jsonl``: one line per scored cell, with task, method and user.

A split that is scored again and again is fitted by choice, even where every cell is honest. Cells that were finished before
are not scored and do not count; ``--recompute`` and results that were deleted since do.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import provenance
from bench.cells.cell import Cell
from bench.progress import counted
from bench.reading.json_file import parse_json
from bench.storage.workspace import Workspace

NAME = "ledger.jsonl"
LONGEST_LINE = 4096


@dataclass(frozen=True)
class Scored:
    """How often a task's test split was scored: cells, the methods they are of, and the users who ran them."""

    times: int
    methods: int
    users: int

    def sentence(self, task: str) -> str:
        """For a note of a board."""
        methods, users = counted(self.methods, "method"), counted(self.users, "user")
        times = f"The test split of {task} was scored {counted(self.times, 'time')}"
        return f"{times} in this workspace, with {methods} by {users}."

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def record(workspace: Workspace, cell: Cell, split: str, data: str, key: str) -> None:
    """Add a scored cell. A ledger that cannot be written costs a warning, not the result.

    Args:
        split: the digest of the split. data: ``real`` or ``simulated``.
    """
    entry = {
        "time": provenance.now(), "user": _user(), "task": cell.task, "fold": cell.fold, "split": split, "data": data,
        "method": cell.method, "mode": cell.mode, "key": key,
    }  # fmt: skip
    line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
    try:
        handle = os.open(workspace.root / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line)  # one write to the end of the file: processes do not mix their lines
        finally:
            os.close(handle)
    except OSError as error:
        warnings.warn(
            f"{workspace.root / NAME} cannot be written ({error}): this scoring is not counted.", stacklevel=2
        )


Counts = Mapping[tuple[str, str], Scored]
"""(``real`` or ``simulated``, task) -> how often its test split was scored."""


def scored(workspace: Workspace) -> dict[tuple[str, str], Scored]:
    """How often the test split of each task was scored; empty without a ledger."""
    entries: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for entry in _entries(workspace.root / NAME):
        entries[str(entry.get("data")), str(entry.get("task"))].append(entry)
    return {
        data_and_task: Scored(len(of_task), *(len({str(e.get(name)) for e in of_task}) for name in ("method", "user")))
        for data_and_task, of_task in sorted(entries.items())
    }


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that can be read: one that was cut off when a disk was full is left out."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            while line := file.readline(LONGEST_LINE):
                with contextlib.suppress(ValueError):
                    entry = parse_json(line)
                    if isinstance(entry, dict):
                        yield entry
    except FileNotFoundError:
        return


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
