"""Metrics as a reader knows them: ``macro AUROC`` for ``macro_auroc``."""

from __future__ import annotations

COSTS = {
    "cost_parameters_m": "million parameters",
    "cost_gflops": "GFLOPs per recording",
    "cost_recordings_per_second": "recordings per second",
    "cost_pretraining_hours": "hours of pretraining",
    "cost_downstream_seconds": "seconds of downstream training",
}
ABBREVIATIONS = {"auroc", "auprc", "auc", "rmse", "mae", "mcc", "eer", "map", "ece", "tpr", "fpr"}
WORDS = {"f1": "F1", "c": "C", "cindex": "C-index", "r2": "R²"}


def metric_name(metric: str) -> str:
    """The words of a metric's name; an unknown one is written with blanks."""
    if metric in COSTS:
        return COSTS[metric]
    parts = [part.upper() if part in ABBREVIATIONS else WORDS.get(part, part) for part in metric.split("_")]
    return " ".join(parts).replace("C index", "C-index")
