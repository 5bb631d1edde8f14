"""Panels of intervals on a task's page."""

import pytest

from bench.leaderboard.site.interval_plot import FEW_ROWS, panels, scale

ROW = {
    "name": "merl", "link": "../methods/merl.html", "linked": True, "kind": "real", "mode": "linear", "labels": "1 %",
    "leads": "all", "metric": "macro_auroc", "value": 0.8, "low": 0.7, "high": 0.9, "interval": "0.700 to 0.900",
    "contamination": "none",
}  # fmt: skip


def test_rows_are_grouped_by_mode_and_share_and_the_best_is_first():
    rows = [
        ROW,
        ROW | {"name": "byol", "value": 0.85},
        ROW | {"labels": "100 %", "leads": "I, II"},
        ROW | {"mode": "zeroshot", "labels": "none", "contamination": "test records"},
        ROW | {"name": "lacking", "value": None, "low": None, "high": None},
    ]
    first, second, third = panels(rows)
    assert [row.name for row in first.rows] == ["byol", "merl"]
    assert (first.heading, second.heading, third.heading) == (
        "linear, 1 % of the labels", "linear, 100 % of the labels, leads I, II", "zeroshot",
    )  # fmt: skip
    assert [panel.rows[0].mark for panel in (first, third)] == ["", "‡"]
    assert first.rows[1].text == "0.800 (0.700 to 0.900)"
    assert [text for _, text in first.ticks] == ["0.7", "0.75", "0.8", "0.85", "0.9"]
    assert (first.rows[1].low, first.rows[1].at, first.rows[1].high) == (0.0, 50.0, 100.0)
    assert first.kind == ""  # all are of one kind


def test_where_lower_is_better_the_lowest_is_first_and_a_row_without_interval_has_a_dot():
    rows = [
        ROW | {"name": n, "metric": "mae", "value": v, "low": None, "high": None, "interval": ""}
        for n, v in (("a", 9.0), ("b", 7.0))
    ]
    (panel,) = panels(rows)
    assert [(row.name, row.low) for row in panel.rows] == [("b", None), ("a", None)]


def test_many_rows_open_the_first_panel_alone():
    rows = [ROW | {"labels": f"{k} %"} for k in range(FEW_ROWS + 1)]
    assert [panel.is_open for panel in panels(rows)] == [True] + [False] * FEW_ROWS
    assert all(panel.is_open for panel in panels(rows[:-1]))
    assert panels([]) == []


@pytest.mark.parametrize("values", [[0.5], [0.0], [0.61, 0.94], [-3.0, 4.5], [1e-9, 2e-9], [120.0, 180000.0]])
def test_a_scale_holds_its_values_between_few_round_numbers(values):
    ticks = scale(values)
    assert ticks[0] <= min(values) and ticks[-1] >= max(values)
    assert 2 <= len(ticks) <= 8
