"""Results as a plot of estimates with their intervals: one panel for each mode, labelled share and subset of leads."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.leaderboard.contamination import MARKS
from bench.leaderboard.statistics.comparisons import lower_is_better

FEW_ROWS = 60
"""Rows up to which all panels are open."""
STEPS = (1, 2, 2.5, 5, 10)
TICKS = 5
"""At most so many steps between the ends of a scale."""


@dataclass(frozen=True)
class PlotRow:
    """A row of a panel; ``at``, ``low`` and ``high`` are per cent of its width."""

    name: str
    link: str
    mark: str
    text: str
    at: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Panel:
    """Rows of one mode, labelled share, subset of leads and kind of data, best first.

    ``kind`` is empty where all panels have the same; ``ticks`` are (per cent, words).
    """

    heading: str
    metric: str
    kind: str
    ticks: list[tuple[float, str]]
    rows: list[PlotRow]
    is_open: bool


def panels(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """Panels of :func:`bench.leaderboard.site.result_rows.result_rows`, in their order; those of one metric share a scale."""
    shown = [row for row in rows if row["value"] is not None]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    of_metric: dict[str, list[float]] = defaultdict(list)
    for row in shown:
        groups[(row["kind"], row["mode"], row["labels"], row["leads"], row["metric"])].append(row)
        of_metric[row["metric"]] += [v for v in (row["value"], row["low"], row["high"]) if v is not None]
    scales = {metric: scale(values) for metric, values in of_metric.items()}
    several = len({row["kind"] for row in shown}) > 1
    return [
        _panel(group, scales[group[0]["metric"]], several, is_open=number == 0 or len(shown) <= FEW_ROWS)
        for number, group in enumerate(groups.values())
    ]


def scale(values: Sequence[float]) -> list[float]:
    """Round numbers at equal distances, from below the smallest value to above the largest."""
    low, high = min(values), max(values)
    rough = (high - low or abs(high) or 1.0) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in STEPS if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, max(last, first + 1) + 1)]


def _panel(group: Sequence[dict[str, Any]], ticks: Sequence[float], several_kinds: bool, is_open: bool) -> Panel:
    first = group[0]

    def at(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - ticks[0]) / (ticks[-1] - ticks[0]), 1)

    def row(facts: dict[str, Any]) -> PlotRow:
        text = f"{facts['value']:.3f}" + (f" ({facts['interval']})" if facts["interval"] else "")
        return PlotRow(
            name=facts["name"],
            link=facts["link"] if facts["linked"] else "",
            mark=MARKS.get(facts["contamination"], "?"),
            text=text,
            at=at(facts["value"]) or 0.0,
            low=at(facts["low"]),
            high=at(facts["high"]),
        )

    sign = 1 if lower_is_better(first["metric"]) else -1
    heading = first["mode"] if first["labels"] == "none" else f"{first['mode']}, {first['labels']} of the labels"
    return Panel(
        heading=heading + ("" if first["leads"] == "all" else f", leads {first['leads']}"),
        metric=first["metric"],
        kind=first["kind"] if several_kinds else "",
        ticks=[(at(tick) or 0.0, f"{tick:g}") for tick in ticks],
        rows=[row(facts) for facts in sorted(group, key=lambda facts: sign * facts["value"])],
        is_open=is_open,
    )
