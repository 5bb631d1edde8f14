"""Estimates of the time and memory of jobs: as recorded in this workspace, otherwise rough.

Nothing but the order of jobs, and how many run in parallel, depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.cells.cell import Cell
from bench.modes import Mode
from bench.reading.json_file import object_or_empty
from bench.storage.artifacts import write_json

MEMORY = 3 << 29
"""Bytes of a job of which nothing is recorded: what torch and a small network come to."""


@dataclass
class Costs:
    """Recorded seconds and bytes of kinds of jobs; the newest stand."""

    path: Path
    profile: str
    _known: dict[str, list[float]] = field(default_factory=dict)
    _new: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, profile: str) -> Costs:
        return cls(root / "costs.json", profile, object_or_empty(root / "costs.json"))

    def _names(self, kind: str, cell: Cell) -> list[str]:
        """The same cell but for seed, fold and leads; else the same method and mode elsewhere."""
        mode = cell.mode if kind == "cell" else ""
        exact = f"{self.profile}|{kind}|{cell.method}|{mode}|{cell.task}|{cell.fraction:g}"
        return [exact, f"{self.profile}|{kind}|{cell.method}|{mode}"]

    def find(self, kind: str, cell: Cell) -> tuple[float, int] | None:
        """(seconds, bytes) as recorded."""
        for name in self._names(kind, cell):
            if name in self._known:
                seconds, memory = self._known[name]
                return seconds, int(memory)
        return None

    def note(self, kind: str, cell: Cell, seconds: float, memory: int) -> None:
        """Remember what a job took; :meth:`save` writes it."""
        for name in self._names(kind, cell):
            self._new[name] = [round(seconds, 2), float(memory)]

    def save(self) -> None:
        """Add to what is recorded; the file saves time and no more, so a disk that is full is no error."""
        if self._new:
            try:
                write_json(self.path, object_or_empty(self.path) | self._new)
            except OSError:
                return


def estimate(kind: str, mode: Mode, records: int, fraction: float, epochs: int) -> float:
    """Seconds of a job of which nothing is recorded. Rough: what trains a network is long, what scores one is not."""
    thousands = records / 1000
    if kind == "checkpoint":
        return 5 * thousands * epochs
    if kind == "features":
        return 2 + thousands
    trained = 2.0 if mode.trains else 0.01 if mode.reads_features else 0.0
    return 2 + thousands * (0.5 + trained * fraction * epochs)
