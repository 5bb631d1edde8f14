"""Directions of metrics: lower or higher is better, or neither."""

import pytest

from bench.leaderboard.statistics.comparisons import is_directed, lower_is_better


@pytest.mark.parametrize(
    ("metric", "lower", "directed"),
    [
        ("macro_brier", True, True),
        ("brier_5y", True, True),
        ("macro_ece", True, True),
        ("macro_brier_resolution", False, True),
        ("macro_calibration_slope", False, False),
        ("calibration_intercept_5y", False, False),
        ("macro_prevalence", False, False),
        ("macro_auroc", False, True),
        ("rmse", True, True),
    ],
)
def test_direction(metric, lower, directed):
    assert (lower_is_better(metric), is_directed(metric)) == (lower, directed)
