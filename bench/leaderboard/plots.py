"""Plots of result tables: intervals per method, and curves over labelled fractions."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import ConfigError
from bench.leaderboard.metric_names import metric_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NEEDED = ("method", "task", "mode", "fraction", "metric", "value", "low", "high")


def plot(table: pd.DataFrame, kind: Literal["intervals", "labels"] | None = None, metric: str | None = None) -> Figure:
    """Draw a table of results, as :func:`bench.api.run` and :func:`bench.api.results` return it.

    Args:
        table: one row per metric of each cell, with the columns ``method, task, mode, fraction, metric, value, low, high``.
            Several seeds, folds or lead subsets of one place are averaged, values and bounds alike: bounds cover test
            patients, not what differs between seeds. Boards have intervals for both.
        kind: ``intervals``: a panel per task and mode, a value with its 95 % interval per method (and fraction);
            ``labels``: a panel per task and mode, value against labelled fraction. None: ``labels`` where a method has
            results at several fractions.
        metric: which to draw; None takes the first of each task.

    Returns:
        a matplotlib figure; notebooks show it, ``figure.savefig("plot.svg")`` writes it.

    Raises:
        ConfigError: a column is missing, no row has the metric, or ``labels`` is asked of a single fraction.
    """
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise ConfigError(f"plot: the table lacks the columns {', '.join(missing)}; expected a table of bench.run().")
    rows = table[table["value"].notna()]
    if metric is None:
        first = rows.groupby("task", sort=False)["metric"].first()
        rows = rows[rows["metric"] == rows["task"].map(first)]
    else:
        rows = rows[rows["metric"] == metric]
    if rows.empty:
        known = ", ".join(dict.fromkeys(table["metric"])) or "none"
        raise ConfigError(f"plot: no row with a value of metric {metric}; the table has: {known}.")
    several = rows.groupby(["task", "mode", "method"])["fraction"].nunique().max() > 1
    if kind == "labels" and not several:
        raise ConfigError("plot: kind='labels' needs results at several fractions, such as fractions=[0.01, 0.1, 1].")
    places = ["task", "mode", "metric", "method", "fraction"]
    means = rows.groupby(places, sort=False)[["value", "low", "high"]].mean().reset_index()
    return _draw(means, _curves if kind == "labels" or (kind is None and several) else _intervals)


def _draw(means: pd.DataFrame, draw: Callable[[Any, pd.DataFrame, str], None]) -> Figure:
    panels = list(means.groupby(["task", "mode", "metric"], sort=False))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    height = 1.2 + 0.3 * max(len(panel) for _, panel in panels)
    figure = _shown_in_notebooks(5 * columns, lines * min(max(height, 2.5), 8))
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis, ((task, mode, metric), panel) in zip(axes, panels, strict=False):
        axis.set_title(f"{task} · {mode}")
        draw(axis, panel, str(metric))
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    return figure


def _shown_in_notebooks(width: float, height: float) -> Figure:
    """An empty figure; sides in inches. Notebooks show others only after an import of pyplot, which needs a window system."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png")
            return picture.getvalue()

    return ShownFigure(figsize=(width, height), layout="constrained")


def _intervals(axis: Any, panel: pd.DataFrame, metric: str) -> None:
    """A value and its interval per line, best first."""
    several = panel["fraction"].nunique() > 1
    panel = panel.sort_values("value")
    names = [f"{row.method} {row.fraction:.3g}" if several else row.method for row in panel.itertuples()]
    errors = [panel["value"] - panel["low"], panel["high"] - panel["value"]]
    axis.errorbar(panel["value"], range(len(panel)), xerr=errors, fmt="o", capsize=3)
    axis.set_yticks(range(len(panel)), names)
    axis.set_xlabel(f"{metric_name(metric)} (95 % interval)")


def _curves(axis: Any, panel: pd.DataFrame, metric: str) -> None:
    """Value against labelled fraction, a curve per method."""
    for method, curve in panel.groupby("method", sort=False):
        curve = curve.sort_values("fraction")
        (line,) = axis.plot(curve["fraction"], curve["value"], marker="o", label=method)
        axis.fill_between(curve["fraction"], curve["low"], curve["high"], alpha=0.15, color=line.get_color())
    axis.set_xscale("log")
    axis.set_xlabel("labelled fraction of the training records")
    axis.set_ylabel(f"{metric_name(metric)} (95 % interval)")
    axis.legend()
