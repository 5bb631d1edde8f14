"""Reliability diagrams and decision curves of a board's page, where a column shows a metric of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.kinds.clinical_metrics import CALIBRATED, plain_name
from bench.leaderboard.site.charts import Chart
from bench.leaderboard.statistics.column_tests import Results
from bench.leaderboard.statistics.paired_scores import PairedScores

if TYPE_CHECKING:
    from bench.leaderboard.collect import Line, Table
    from bench.scoring.clinical_curves import Calibrated


def clinical_charts(table: Table, lines: Sequence[Line], columns: Sequence[int], results: Results) -> list[Chart]:
    """Two charts for each task and mode of which a column shows a metric of probabilities: calibration of all pairs of
    recording and class, and net benefit as a mean over classes. Each row is its first seed."""
    questions: dict[tuple, int] = {}
    for index in columns:
        column = table.board.columns[index]
        metric = column.metric or table.board.metric
        if plain_name(metric) in CALIBRATED and column.task and not column.mean_of:
            questions.setdefault((column.task, column.mode, column.fraction, column.leads), index)
    charts = []
    for (task, mode, *_), index in questions.items():
        rows = []
        for line in lines:
            keys = line.summaries[index].keys
            classes = _classes([results[key] for key in keys if key in results])
            if classes is not None:
                rows.append((table.name(line), classes))
        if rows:
            title = f"{task}, {mode or 'as the row says'}"
            charts += [_reliability(title, rows), _decision(title, rows)]
    return charts


def _classes(shown: Sequence[Any]) -> Calibrated | None:
    from bench.scoring.clinical_curves import calibrated

    if not shown:
        return None
    first = min(shown, key=lambda result: (result.cell.fold, result.cell.seed, result.cell.draw, result.cell.training))
    try:
        paired = PairedScores.of(first)
    except BenchError:
        return None  # predictions are not available: the row has no curve
    return calibrated(first.score["kind"], paired.targets, paired.scores, paired.names, paired.validation)


def _reliability(title: str, rows: Sequence[tuple[str, Calibrated]]) -> Chart:
    from bench.scoring.clinical_curves import pooled

    traces: list[dict[str, Any]] = []
    for number, (name, classes) in enumerate(rows):
        points = pooled(classes)
        mean, observed = ([round(float(x), 5) for x in values] for values in (points.mean, points.observed))
        traces.append(_trace(name, mean, observed, number) | {"mode": "lines+markers"})
    traces.append(_line("perfect calibration", [0, 1], [0, 1]))
    return _chart(f"{title}: calibration", traces, "predicted probability", "observed share")


def _decision(title: str, rows: Sequence[tuple[str, Calibrated]]) -> Chart:
    from bench.scoring.clinical_curves import THRESHOLDS, decision_curve

    traces: list[dict[str, Any]] = []
    at = [round(float(x), 2) for x in THRESHOLDS]
    everyone, top = None, 0.0
    for number, (name, classes) in enumerate(rows):
        own, everyone = decision_curve(classes)
        top = max(top, float(own.max()))
        traces.append(_trace(name, at, [round(float(y), 5) for y in own], number))
    assert everyone is not None
    traces.append(_line("treat all", at, [round(float(y), 5) for y in everyone]))
    traces.append(_line("treat none", [0, 1], [0, 0]))
    chart = _chart(f"{title}: net benefit", traces, "threshold probability", "net benefit per recording")
    chart["layout"]["yaxis"]["range"] = [-0.2 * top, 1.1 * top]
    return chart


def _trace(name: str, x: list[float], y: list[float], number: int) -> dict[str, Any]:
    few = {"visible": True if number < 5 else "legendonly"}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y} | few


def _line(name: str, x: list[float], y: list[float]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": {"dash": "dot", "width": 1}}


def _chart(title: str, traces: list[dict[str, Any]], x: str, y: str) -> Chart:
    return {
        "title": title,
        "describe": f"{title}: {y} against {x}. Five rows are drawn; others are chosen in the legend.",
        "data": traces,
        "layout": {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}},
    }
