"""Curves of a metric over the levels of each corruption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.corruptions import LEVELS, Condition, corruptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from bench.leaderboard.corrupted import CorruptedTable

COLUMNS = 4


def draw_corrupted(tables: Sequence[CorruptedTable]) -> Figure:
    """A panel per task and corruption: the metric at levels 0 (clean) to 5 with its 95 % band, a line per method."""
    from matplotlib.figure import Figure

    panels = [(table, name) for table in tables for name in table.corruptions]
    lines = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(3.1 * COLUMNS, 2.6 * lines + 0.8), layout="constrained")
    axes = figure.subplots(lines, COLUMNS, squeeze=False, sharey=len(tables) == 1).ravel()
    known = corruptions()
    methods = dict.fromkeys(row.method for table in tables for row in table.rows)
    colours = {method: f"C{number % 10}" for number, method in enumerate(methods)}
    lines_of: dict[str, Line2D] = {}
    for i, (axis, (table, name)) in enumerate(zip(axes, panels, strict=False)):
        for row in table.rows:
            levels = [0, *(level for level in LEVELS if Condition(name, level) in row.conditions)]
            values = [row.conditions[Condition(name, level) if level else Condition()] for level in levels]
            colour, means = colours[row.method], [value for value, _ in values]
            (lines_of[row.method],) = axis.plot(levels, means, color=colour, marker="o", ms=3, lw=1.3)
            bounds = [[getattr(interval, side) for _, interval in values] for side in ("low", "high")]
            axis.fill_between(levels, *bounds, color=colour, alpha=0.12, lw=0)
        axis.set_title(name if len(tables) == 1 else f"{table.title.split(' · ')[0]}: {name}", fontsize=9)
        axis.set_xticks([0, *LEVELS], ["clean", *(known[name].at(level).replace(" and ", "\n") for level in LEVELS)])
        axis.tick_params(labelsize=6.5)
        axis.grid(alpha=0.3)
        if i % COLUMNS == 0:
            axis.set_ylabel(table.metric.replace("_", " "), fontsize=8)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    figure.legend(
        list(lines_of.values()),
        list(lines_of),
        loc="outside upper center",
        ncols=min(6, len(lines_of)),
        fontsize=8,
        frameon=False,
    )
    return figure
