"""Curves over layers and over numbers of labels, as specifications for Plotly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench import modes
from bench.errors import BenchError
from bench.leaderboard import number_format
from bench.leaderboard.curves import AXES, Curve, axis_of, curve_of, needed_words
from bench.leaderboard.match_results import latest
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.charts import Chart
from bench.leaderboard.statistics.column_tests import Results

if TYPE_CHECKING:
    from bench.cells.result import Result
    from bench.leaderboard.collect import Line, Table


def curve_charts(table: Table, lines: Sequence[Line], columns: Sequence[int], results: Results) -> list[Chart]:
    """A chart for each column whose results have curves; rows without their predictions have none.

    The legend of a few-label curve states the labels that its row needs to match its own training from scratch, where a
    column of the board has that.
    """
    charts = []
    for index in columns:
        column = table.board.columns[index]
        scale = number_format.scale_of(table.board, column)
        traces: list[dict[str, Any]] = []
        axis = None
        for line in lines:
            chosen = [result for result in _results(line, index, results) if axis_of(result)]
            if not chosen:
                continue
            axis = axis_of(chosen[0])
            reference = _scratch(table, line, index, columns, results) if axis == "shots" else []
            try:
                curve = curve_of(table.name(line), chosen, reference)
            except BenchError:
                continue  # predictions are not available
            traces.append(_trace(curve, scale))
        if traces and axis is not None:
            metric = metric_name(column.metric or table.board.metric)
            title = f"{column.name}: {metric} by {AXES[axis]}"
            ticks = sorted({x for trace in traces for x in trace["x"]})
            x_axis: dict[str, Any] = {"title": {"text": AXES[axis]}}
            if axis == "shots":
                x_axis |= {"type": "log", "tickvals": ticks, "ticktext": [f"{x:g}" for x in ticks]}
            charts.append(
                {
                    "title": title,
                    "describe": f"{title}, a line per method; bench ladder prints the numbers.",
                    "data": traces,
                    "layout": {"xaxis": x_axis, "yaxis": {"title": {"text": metric}}},
                }
            )
    return charts


def _results(line: Line, index: int, results: Results) -> list[Result]:
    return latest([results[key] for key in line.summaries[index].keys if key in results])


def _scratch(table: Table, line: Line, index: int, columns: Sequence[int], results: Results) -> list[Result]:
    """The row's results of training from scratch on all labels of the same task."""
    wanted = table.board.columns[index]
    for other in columns:
        column = table.board.columns[other]
        same = (column.task, column.leads) == (wanted.task, wanted.leads) and (column.fraction or 1.0) == 1
        if same and column.mode and not modes.facts(column.mode).uses_checkpoint:
            return [result for result in _results(line, other, results) if result.folder]
    return []


def _trace(curve: Curve, scale: float) -> dict[str, Any]:
    values = list(curve.points.values())
    name = curve.method
    if curve.needed is not None:
        name += f"; {needed_words(curve.needed, list(curve.points))} to match scratch"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(curve.points),
        "y": [round(value * scale, 6) for value, _ in values],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [round((interval.high - value) * scale, 6) for value, interval in values],
            "arrayminus": [round((value - interval.low) * scale, 6) for value, interval in values],
            "thickness": 1,
        },
        **({"text": list(curve.names)} if curve.names else {}),
    }
