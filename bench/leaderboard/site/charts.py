"""Curves of a board's page, as specifications for Plotly: labelled fractions, lead subsets, survival by risk group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bench import kinds
from bench.errors import BenchError
from bench.leaderboard import number_format
from bench.leaderboard.board import Column
from bench.leaderboard.match_results import latest
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.statistics.column_tests import Results
from bench.leaderboard.statistics.paired_scores import matrix
from bench.signals.leads import LEADS

if TYPE_CHECKING:
    import numpy as np

    from bench.cells.result import Result
    from bench.leaderboard.collect import Line, Table

Chart = dict[str, Any]
"""``title``, ``describe`` (in words, for those who do not see it), ``data`` and ``layout`` of Plotly."""


def curves(table: Table, lines: Sequence[Line], columns: Sequence[int]) -> list[Chart]:
    """A chart for each task of which the board shows several labelled fractions, or several lead subsets."""
    by_fraction: dict[tuple, list[int]] = defaultdict(list)
    by_leads: dict[tuple, list[int]] = defaultdict(list)
    for index in columns:
        column = table.board.columns[index]
        if column.mean_of or not (column.task or column.tasks):
            continue
        task = column.task or ", ".join(column.tasks)
        metric = column.metric or table.board.metric
        by_fraction[(task, column.mode, column.leads, metric)].append(index)
        by_leads[(task, column.mode, column.fraction, metric)].append(index)

    def fraction(column: Column) -> float:
        return 100 * (column.fraction or 1.0)

    def leads(column: Column) -> float:
        return float(len(column.leads or LEADS))

    return [
        *_charts(table, lines, by_fraction, fraction, "labelled training records (%)", "log"),
        *_charts(table, lines, by_leads, leads, "leads shown", "linear"),
    ]


def _charts(
    table: Table,
    lines: Sequence[Line],
    columns_by_question: dict[tuple, list[int]],
    position: Callable[[Column], float],
    axis: str,
    kind: str,
) -> list[Chart]:
    charts = []
    for (task, mode, _, metric), indices in columns_by_question.items():
        at = {i: position(table.board.columns[i]) for i in indices}
        if len(set(at.values())) < 2 or len(set(at.values())) < len(indices):
            continue
        order = sorted(indices, key=at.__getitem__)
        traces = []
        for line in lines:
            ours = [(at[i], i, line.summaries[i]) for i in order if line.summaries[i].value is not None]
            if ours:
                scale = number_format.scale_of(table.board, table.board.columns[order[0]])
                traces.append(_whiskers(table.name(line), [(x, s) for x, _, s in ours], scale))
            printed = [(at[i], p.value) for i in order if (p := number_format.published(line.row, i)) is not None]
            if table.shows_published and len(printed) > 1:
                traces.append(_published(table.name(line), printed, bool(ours)))
        traces.sort(key=lambda trace: "symbol" in trace.get("marker", {}))  # ours, then what was published
        if traces:
            title = f"{task}, {mode or 'as the row says'}: {metric_name(metric)}"
            ticks = sorted(set(at.values()))
            charts.append(
                {
                    "title": title,
                    "describe": f"{title} against {axis}; the numbers are in the table.",
                    "data": traces,
                    "layout": {
                        "xaxis": {
                            "title": {"text": axis}, "type": kind, "tickvals": ticks,
                            "ticktext": [f"{v:g}" for v in ticks],
                        },
                        "yaxis": {"title": {"text": metric_name(metric)}},
                    },
                }
            )  # fmt: skip
    return charts


def _whiskers(name: str, points: Sequence[tuple[float, Any]], scale: float) -> dict[str, Any]:
    bounded = all(s.low is not None and s.high is not None for _, s in points)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [x for x, _ in points],
        "y": [s.value * scale for _, s in points],
    } | (
        {
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [(s.high - s.value) * scale for _, s in points],
                "arrayminus": [(s.value - s.low) * scale for _, s in points],
                "thickness": 1,
            }
        }
        if bounded
        else {}
    )


def _published(name: str, points: Sequence[tuple[float, float]], ours_too: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{name} (published)",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"dash": "dot", "width": 1},
        "marker": {"symbol": "diamond-open"},
        "visible": True if not ours_too else "legendonly",
    }


# -- survival ----------------------------------------------------------------------------------------------------------


def survival_charts(table: Table, lines: Sequence[Line], columns: Sequence[int], results: Results) -> list[Chart]:
    """Kaplan-Meier curves of each survival task: the high-risk group of each row, and everybody else.

    The groups are those of :func:`bench.scoring.survival_curves.high_risk`, cut within each fold (risks of two folds have
    no common zero) and put together over the folds of the first repeat, so that nobody counts twice.
    """
    charts = []
    for index in columns:
        column = table.board.columns[index]
        traces: list[dict[str, Any]] = []
        for line in lines:
            shown = [results[key] for key in line.summaries[index].keys if key in results]
            shown_kinds = [kinds.known(r.score.get("kind")) for r in shown]
            if not shown_kinds or any(kind is None or not kind.follow_up for kind in shown_kinds):
                continue
            try:
                followed = _followed(shown)
            except BenchError:
                continue  # predictions are not available: the row has no curve
            traces += _kaplan_meier(table.name(line), *followed, first=not traces)
        if traces:
            title = f"{column.name}: survival by predicted risk (p: log-rank)"
            charts.append(
                {
                    "title": title,
                    "describe": f"Kaplan-Meier curves: {title}. The first row is drawn; others are chosen in the legend.",
                    "data": traces,
                    "layout": {
                        "xaxis": {"title": {"text": "years"}, "rangemode": "tozero"},
                        "yaxis": {"title": {"text": "share without the event"}},
                    },
                }
            )
    return charts


def _followed(results: Sequence[Result]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Years, events and who is in the high-risk group, each person once."""
    import numpy as np

    from bench.scoring.survival_curves import high_risk

    seed = min(r.cell.seed for r in results)
    seen: set[str] = set()
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for result in sorted(latest(results), key=lambda r: r.cell.fold):
        if result.cell.seed != seed:
            continue
        columns = result.prediction_columns()
        test = columns["partition"] == "test"
        records = set(columns["record_id"][test])
        if seen & records:
            break  # the next repeat begins
        seen |= records
        outcome = matrix(columns, "target")[test]
        years, event = outcome[:, 0].astype(float), outcome[:, 1].astype(float)
        parts.append((years, event, high_risk(columns["score"][test].astype(float), event)))
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))  # type: ignore[return-value]


def _kaplan_meier(name: str, years: np.ndarray, event: np.ndarray, high: np.ndarray, first: bool) -> list[dict]:
    from bench.scoring.survival_curves import kaplan_meier, log_rank

    p = log_rank(years, event, high)
    title = f"{name}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}" if p == p else name
    traces = []
    for group, chosen, dash in ((f"high risk ({int(high.sum()):,})", high, "solid"), ("others", ~high, "dash")):
        if not chosen.any():
            continue
        curve = kaplan_meier(years[chosen], event[chosen])
        step = max(1, len(curve.times) // 400)  # more points than a screen has are no better
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{title}: {group}",
                "legendgroup": name,
                "x": [0.0, *(round(float(x), 4) for x in curve.times[::step])],
                "y": [1.0, *(round(float(y), 5) for y in curve.survival[::step])],
                "line": {"shape": "hv", "dash": dash},
                "visible": True if first else "legendonly",
            }
        )
    return traces
