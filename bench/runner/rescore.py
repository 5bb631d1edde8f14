"""Compute the metrics of finished cells again from their stored predictions, and compare."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bench import kinds, modes, registry
from bench.cells.result import Result, columns_of, write_result
from bench.cells.seen_classes import SeenClasses
from bench.errors import DataError
from bench.runner.run_cell import scored_metrics
from bench.scoring.score import BOOTSTRAP, score


def rescored(result: Result, table: pd.DataFrame | None = None) -> dict[str, Any]:
    """The score of a result's stored predictions, as it is computed today.

    Args:
        table: the predictions, where they do not lie next to the result.

    Raises:
        DataError: the predictions are not those that were stored, or not of this task as it is now.
    """
    task = registry.load(registry.TASKS, result.cell.task)()
    table = result.predictions() if table is None else table
    parts = {name: table[table.partition == name] for name in ("validation", "test")}
    values = {name: (columns_of(part, "target"), columns_of(part, "score")) for name, part in parts.items()}
    targets, scores = values["test"]
    looks_at_test = modes.facts(result.cell.mode).looks_at_test
    targets_and_scores = values["test" if looks_at_test else "validation"]
    selecting = targets_and_scores if len(targets_and_scores[0]) else None  # nothing is chosen, so none was scored
    names = kinds.load(task.kind).class_names(list(task.classes), np.arange(scores.shape[-1]))
    return score(
        task.kind,
        targets,
        scores,
        names,
        parts["test"].patient_id.to_numpy(str),
        validation=selecting,
        bootstrap=BOOTSTRAP,
        metrics=scored_metrics(task.kind, looks_at_test),
        groups={**task.groups, **SeenClasses(result.seen.get("classes", {})).groups},
    ).to_dict()


def differences(stored: Any, now: Any, where: str = "") -> list[str]:
    """List the fields in which two JSON values differ: ``metrics.macro_auroc.value: 0.81 is now 0.82``."""
    if isinstance(stored, dict) and isinstance(now, dict):
        names = dict.fromkeys([*stored, *now])
        return [
            line
            for name in names
            for line in differences(stored.get(name), now.get(name), f"{where}.{name}" if where else str(name))
        ]
    if isinstance(stored, tuple | list) and isinstance(now, tuple | list):
        stored, now = list(stored), list(now)
    if isinstance(stored, float) and isinstance(now, float) and math.isclose(stored, now, rel_tol=1e-9, abs_tol=1e-12):
        return []  # sums of another machine end in other digits
    return [] if stored == now else [f"{where}: {_shown(stored)} is now {_shown(now)}"]


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def with_score(result: Result, new_score: dict[str, Any]) -> Result:
    """Replace the stored score of a result; its predictions stay."""
    if result.folder is None:
        raise DataError(f"result {result.key} was not read from a folder.")
    curve = result.curve()
    rescored = replace(result, score=new_score)
    return write_result(
        result.folder.parent, rescored, result.predictions(), result.history(), () if curve is None else curve
    )
