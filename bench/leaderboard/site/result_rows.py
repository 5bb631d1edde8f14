"""Finished cells as the pages of their method and task show them: means over replicates, and the single cells."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench import modes
from bench.cells.result import Result
from bench.errors import BenchError
from bench.leaderboard.comparability import stamps_of
from bench.leaderboard.match_results import corpus_of, stated_config
from bench.leaderboard.site.view_models import CellView
from bench.leaderboard.summary import Summary, summarise
from bench.signals.leads import LEADS, name_leads
from bench.splitting.split import load_split
from bench.storage.artifacts import digest


def result_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """A row for each method, task, mode, labelled share and lead subset with one config; ``cells`` are its single results."""
    stamps = stamps_of(results)
    groups: dict[Any, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda r: (stamps[r.key].rank, r.cell, r.key)):
        cell = result.cell
        place = (cell.task, cell.mode, cell.fraction, cell.fraction_rule, cell.leads)
        config = digest(
            [stated_config(result).get("method", {}), stated_config(result).get(cell.mode, {}), corpus_of(result)]
        )
        groups[(stamps[result.key], result.method_name, place, config)].append(result)
    return [_row(group, str(stamp)) for (stamp, *_), group in groups.items()]


@functools.cache
def _folds_of(split: str) -> int:
    """How many folds a split has; 1 where its file is not here."""
    try:
        return len(load_split(split).folds)
    except BenchError:
        return 1


def _folds(group: Sequence[Result]) -> int:
    return max(_folds_of(str(group[0].split.get("name"))), *(result.cell.fold + 1 for result in group))


def _row(group: Sequence[Result], kind: str) -> dict[str, Any]:
    first = group[0]
    cell, metric = first.cell, next(iter(first.score["metrics"]))
    newest = {result.cell: result for result in sorted(group, key=lambda r: str(r.provenance.get("started", "")))}
    summary = summarise(list(newest.values()), metric, folds=_folds(group))
    labels = "none" if not modes.facts(cell.mode).uses_labels else f"{100 * cell.fraction:g} %"
    if labels != "none" and cell.fraction < 0.001:
        labels = f"{cell.fraction:.3g}"
    bounded = summary.low is not None and summary.high is not None
    return {
        "method": first.method_name,
        "task": cell.task,
        "mode": cell.mode,
        "fraction": cell.fraction,
        "labels": labels,
        "leads": "all" if cell.leads == LEADS else name_leads(cell.leads),
        "metric": metric,
        "value": summary.value,
        "low": summary.low if bounded else None,
        "high": summary.high if bounded else None,
        "missing": summary.missing,
        "whisker": _whisker(summary),
        "interval": f"{summary.low:.3f} to {summary.high:.3f}" if bounded else "",
        "records": summary.n_records,
        "kind": kind,
        "contamination": ", ".join(sorted({result.contamination for result in group})),
        "cells": [_single(result, metric) for result in group],
    }


def _whisker(summary: Summary) -> CellView:
    """Estimate and interval on a scale from 0 to 1; nothing is drawn for other values."""

    def at(value: float | None) -> float | None:
        return round(100 * value, 1) if value is not None and 0 <= value <= 1 else None

    return CellView(at=at(summary.value), low=at(summary.low), high=at(summary.high))


def _single(result: Result, metric: str) -> dict[str, Any]:
    cell = result.cell
    numbers = {"seed": cell.seed, "draw": cell.draw, "training": cell.training, "fold": cell.fold}
    drawn = ", ".join(f"{name} {number}" for name, number in numbers.items() if name in ("seed", "fold") or number)
    return {"drawn": drawn, "value": result.score["metrics"][metric]["value"], "key": result.key}
