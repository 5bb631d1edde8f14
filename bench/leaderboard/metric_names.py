"""Metrics as a reader knows them: ``macro AUROC`` for ``macro_auroc``."""

from __future__ import annotations

import re
from functools import cache

COSTS = {
    "cost_parameters_m": "million parameters",
    "cost_gflops": "GFLOPs per recording",
    "cost_recordings_per_second": "recordings per second",
    "cost_pretraining_hours": "hours of pretraining",
    "cost_downstream_seconds": "seconds of downstream training",
    "cost_pretraining_kwh": "kWh of pretraining",
    "cost_downstream_kwh": "kWh of downstream training",
}
ABBREVIATIONS = {"auroc", "auprc", "auc", "rmse", "mae", "mcc", "eer", "map", "ece", "tpr", "fpr"}
WORDS = {"f1": "F1", "c": "C", "cindex": "C-index", "r2": "R²", "brier": "Brier"}
PHRASES = [
    (r"(sensitivity|specificity) at (sensitivity|specificity) (\d+)", r"\1 at \3 % \2"),
    (r"net benefit at (\d+)", r"net benefit at \1 % risk"),
    (r"\bBrier(?= 5y$|$)", "Brier score"),
    (r" 5y$", " (5 years)"),
    (r"\bC index\b", "C-index"),
]
"""Pattern -> what is written instead, in names of several words."""


@cache
def metric_name(metric: str) -> str:
    """The words of a metric's name; an unknown one is written with blanks."""
    if metric in COSTS:
        return COSTS[metric]
    parts = [part.upper() if part in ABBREVIATIONS else WORDS.get(part, part) for part in metric.split("_")]
    name = " ".join(parts)
    for pattern, words in PHRASES:
        name = re.sub(pattern, words, name)
    return name
