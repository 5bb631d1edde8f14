"""Pages of tables that no board describes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cells.result import Result
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.site.charts import Chart
from bench.reading.json_file import read_json
from bench.storage.artifacts import digest, write_json
from bench.storage.code_digest import module_digest

DRAWN = 5
"""Methods that a chart draws at first; others are chosen in its legend."""


@dataclass(frozen=True)
class Matrix:
    """One table: rows are (name, cells), and a cell is lines of text, the first of which is shown bold.

    Attributes:
        cell: the title of the cells (:func:`bench.leaderboard.cell_groups.cell_groups`) where each row is a method in them.
    """

    title: str
    heads: list[str]
    rows: list[tuple[str, list[list[str]]]]
    notes: list[str]
    charts: list[Chart] = field(default_factory=list)
    cell: str = ""


@dataclass(frozen=True)
class MatrixPage:
    """A page: ``name`` of the file, heading, a sentence on what it shows, a sentence for the index."""

    name: str
    heading: str
    lead: str
    summary: str
    matrices: list[Matrix]

    def content(self) -> dict[str, Any]:
        """What ``matrix.html`` shows."""
        charts = any(matrix.charts for matrix in self.matrices)
        return {"heading": self.heading, "lead": self.lead, "matrices": self.matrices, "charts": charts}


def kept_matrices(cache: Path | None, module: str, inputs: Any, make: Callable[[], list[Matrix]]) -> list[Matrix]:
    """The matrices of some inputs, from the cache if they are there.

    Args:
        module: the module that makes them, whose code is part of the key.
        inputs: what they depend on, as JSON.
    """
    if cache is None:
        return make()
    path = cache / f"matrices-{digest([module, module_digest(module), inputs])}.json"
    if path.is_file():
        try:
            return [Matrix(**matrix) for matrix in read_json(path)]
        except (OSError, ValueError, TypeError):
            pass  # damaged: made again
    matrices = make()
    with contextlib.suppress(OSError):  # a workspace that is only read
        cache.mkdir(parents=True, exist_ok=True)
        write_json(path, [asdict(matrix) for matrix in matrices])
    return matrices


def statuses_of(results: Iterable[Result]) -> dict[str, set[str]]:
    """Method, as :func:`bench.leaderboard.cell_groups.cell_groups` names it -> contamination of its results."""
    return {group.method: {result.contamination for result in group.results} for group in cell_groups(results)}


def estimate(value: float, interval: Any, sign: str = "") -> str:
    """Value and interval in words."""
    if interval.low != interval.low:  # too few patients with a class
        return f"{value:{sign}.3f} [no interval]"
    return f"{value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def points(name: str, x: list[float], values: list[tuple[float, Any]], number: int, mode: str) -> dict[str, Any]:
    """A trace of Plotly: values with their intervals.

    Args:
        number: of the method; the first few are drawn.
        mode: of Plotly, such as ``lines+markers``.
    """
    trace: dict[str, Any] = {"type": "scatter", "mode": mode, "name": name, "x": x}
    trace["y"] = [round(value, 5) for value, _ in values]
    trace["visible"] = True if number < DRAWN else "legendonly"
    if all(interval.low == interval.low for _, interval in values):
        trace["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [round(interval.high - value, 5) for value, interval in values],
            "arrayminus": [round(value - interval.low, 5) for value, interval in values],
            "thickness": 1,
        }
    return trace
