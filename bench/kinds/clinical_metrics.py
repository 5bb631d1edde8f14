"""Names of the clinical metrics of kinds whose targets are classes or an event: light, since listings import kinds.

:mod:`bench.scoring.clinical` computes them; docs/explanation/clinical_metrics.md explains them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.scoring.bootstrap import Scale

LEVELS = (90, 95)
"""Per cent of specificity (or sensitivity) at which the sensitivity (or specificity) is reported."""
THRESHOLDS = (5, 10, 20, 50)
"""Per cent of risk above which one would act, at which net benefit is reported."""
HORIZON = 5
"""Years within which an event of a survival task counts."""

CALIBRATED: dict[str, Scale] = {
    "brier": "log",
    "brier_reliability": "log",
    "brier_resolution": "plain",
    "brier_uncertainty": "log",
    "ece": "log",
    "calibration_slope": "plain",
    "calibration_intercept": "plain",
    **{f"net_benefit_at_{percent}": "plain" for percent in THRESHOLDS},
}
"""Metrics of probabilities, which validation data make of scores."""

CLINICAL: dict[str, Scale] = {
    "auprc": "logit",
    "prevalence": "logit",
    **{f"sensitivity_at_specificity_{percent}": "logit" for percent in LEVELS},
    **{f"specificity_at_sensitivity_{percent}": "logit" for percent in LEVELS},
    **CALIBRATED,
}
"""Metric -> the scale on which its interval is symmetric."""

LOWER_IS_BETTER = ("brier", "brier_reliability", "ece")
UNDIRECTED = ("prevalence", "brier_uncertainty", "calibration_slope", "calibration_intercept")
"""Metrics of which neither a higher nor a lower value is better."""

MACRO, AT_HORIZON = "macro_", f"_{HORIZON}y"


def macro() -> dict[str, Scale]:
    """The metrics as means over classes."""
    return {f"{MACRO}{name}": scale for name, scale in CLINICAL.items()}


def at_horizon() -> dict[str, Scale]:
    """The metrics of an event within :data:`HORIZON` years."""
    return {f"{name}{AT_HORIZON}": scale for name, scale in CLINICAL.items()}


def plain_name(metric: str) -> str:
    """The name without ``macro_`` and ``_5y``."""
    return metric.removeprefix(MACRO).removesuffix(AT_HORIZON)


def uncalibrated(metrics: Iterable[str]) -> list[str]:
    """Those that need no probabilities."""
    return [metric for metric in metrics if plain_name(metric) not in CALIBRATED]
