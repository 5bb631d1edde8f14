"""Regression: numbers in units."""

from __future__ import annotations

from typing import ClassVar

from bench.kinds.kind import Kind


class Regression(Kind):
    """Numbers in units, one or several; scores are predictions in the same units [record, target]."""

    name = "regression"
    metrics: ClassVar = {"pearson_r": "fisher", "r2": "complement", "rmse": "log", "mae": "log"}
    grouped_metrics = ("pearson_r", "r2")
    objective = "bench.training.objective:RegressionObjective"
    measure = "bench.scoring.kinds:measured_values"
    targets = "float64 [example, target], NaN where a value is unknown"
    target_dimensions, target_letter, scored_as = 2, "f", "float64"
    unknown_targets = measured_values = True
