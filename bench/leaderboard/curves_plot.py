"""Curves over layers and over numbers of labels, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.leaderboard.curves import CurveTable

COLUMNS = 2


def draw_curves(tables: Sequence[CurveTable]) -> Figure:
    """A panel per table: a line per method with its 95 % band; dashed: the method trained from scratch on all labels."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(tables))
    lines = -(-len(tables) // columns)
    figure = Figure(figsize=(6 * columns, 4 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    methods = dict.fromkeys(curve.method for table in tables for curve in table.curves)
    colours = {method: f"C{number % 10}" for number, method in enumerate(methods)}
    for axis, table in zip(axes, tables, strict=False):
        for curve in table.curves:
            points, colour = list(curve.points), colours[curve.method]
            values = [curve.points[point][0] for point in points]
            bounds = [[curve.points[point][1][side] for point in points] for side in (0, 1)]
            axis.plot(points, values, color=colour, marker="o", ms=3, label=curve.method)
            axis.fill_between(points, *bounds, color=colour, alpha=0.12, lw=0)
            if curve.method in table.scratch:
                axis.axhline(table.scratch[curve.method][0], color=colour, ls="--", lw=1)
        ticks = sorted({point for curve in table.curves for point in curve.points})
        if table.axis == "shots":
            axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.set_title(table.title, fontsize=8)
        axis.set_xlabel(table.axis_words)
        axis.set_ylabel(table.metric.replace("_", " "))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    for axis in axes[len(tables) :]:
        axis.set_visible(False)
    return figure
