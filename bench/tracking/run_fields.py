"""Fields of the MLflow run of a finished cell: params, tags, metrics and times."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from bench.cells.changed_settings import changed_settings, set_by_hand
from bench.cells.result import Result
from bench.redaction import is_secret, redact
from bench.signals.leads import name_leads
from bench.storage.artifacts import file_digest

KEY_TAG = "bench.key"
RESULT_TAG = "bench.result_sha256"
TYPE_TAG = "bench.type"
"""``result``, ``pretraining``, ``sweep`` or ``trial``: the kinds of run of one experiment."""
CHOSEN_BY_TAG = "sweep.study"
"""The study that chose a result's settings."""
LONGEST_TAG = 5000
"""Characters of a tag that every MLflow takes with a new run."""
MAX_CLASSES = 200
"""With more classes (identification has one a person) the per-class values stay in ``result.json``."""

MAX_EPOCHS = 500
"""Of a longer training, every n-th epoch is logged."""

_NOT_ALLOWED = re.compile(r"[^\w\-. ]")  # mlflow would take / and : too, but reads / as a folder


def run_name(result: Result) -> str:
    """``merl 10% s1 · linear · ptbxl-super · linear.lr=0.01``: method, share of labels, seed, ... come first, since MLflow's
    pages show about seventeen characters. All labels and seed 0 are left out; ``r1`` is the second replicate."""
    method, task, mode, *others = result.title.split(" · ")
    cell = result.cell
    if cell.seed and cell.seed in (cell.draw, cell.training):
        others = [f"r{cell.seed}" if part == f"seed {cell.seed}" else part for part in others]
        others = [part for part in others if part not in (f"draw {cell.seed}", f"training {cell.seed}")]
    others = [part.replace("seed ", "s") for part in others if part not in ("100%", "seed 0")]
    return redact(" · ".join([" ".join([method, *others]), mode, task, *set_by_hand(result)]))[:250]


def params_of(result: Result) -> dict[str, str]:
    """The cell's coordinates and its flattened config: what one filters and compares runs by."""
    cell = result.cell
    coordinates = {
        "method": cell.method,
        "task": cell.task,
        "mode": cell.mode,
        "leads": name_leads(cell.leads),
        "fraction": cell.fraction,
        "fraction_rule": cell.fraction_rule,
        "seed": cell.seed,
        **({"draw": cell.draw, "training": cell.training} if cell.draw or cell.training else {}),
        "fold": cell.fold,
    }
    return as_text(coordinates | {f"config.{name}": value for name, value in flatten(result.config).items()})


def tags_of(result: Result) -> dict[str, str]:
    """At most 25 with those that MLflow and links to other runs add: identity, circumstances, and the tags that MLflow's
    pages read. Everything else is in the artifact ``result.json``."""
    provenance = result.provenance
    tags: dict[str, Any] = {
        TYPE_TAG: "result",
        KEY_TAG: result.key,
        "profile": result.profile,
        "data": result.data,
        "contamination": result.contamination,
        "overrides": " ".join(changed_settings(result)),
        "left_out": ", ".join(result.score.get("left_out") or ()),
        "split.name": result.split.get("name"),
        "split.digest": result.split.get("digest"),
        "split.complete": result.split.get("complete"),
        "checkpoint.key": result.checkpoint.get("key"),
        "checkpoint.corpus": (result.checkpoint.get("corpus") or {}).get("dataset"),
        "selection.epoch": result.selection.get("epoch"),
        "board": provenance.get("board"),
        CHOSEN_BY_TAG: (provenance.get("sweep") or {}).get("study"),
        "predictions_sha256": result.predictions_digest,
        "mlflow.source.name": "bench",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": provenance.get("git_commit"),
    }
    if result.folder is not None:
        tags[RESULT_TAG] = file_digest(result.folder / "result.json")
    return as_text({name: value for name, value in tags.items() if value not in (None, "")})


def metrics_of(result: Result) -> dict[str, float]:
    """``macro_auroc``, ``macro_auroc_low``, ``macro_auroc_high``, ``per_class/NORM/auroc``, ``ceiling_c_index`` of a
    simulated cohort; without undefined ones."""
    score = result.score
    metrics: dict[str, Any] = {}
    for name, estimate in score["metrics"].items():
        metrics[name] = estimate.get("value")
        metrics[f"{name}_low"], metrics[f"{name}_high"] = estimate.get("low"), estimate.get("high")
    for name, value in (result.provenance.get("ceiling") or {}).items():
        metrics[f"ceiling_{name}"] = value
    metrics["n_records"] = score.get("n_records")
    metrics["selection_value"] = result.selection.get("value")
    per_class = score.get("per_class") or {}
    if len(per_class) <= MAX_CLASSES:
        for label, values in per_class.items():
            for name, value in values.items():
                metrics[f"per_class/{metric_name(label)}/{name}"] = value
    return {name: float(value) for name, value in metrics.items() if _is_number(value)}


def curves_of(result: Result) -> list[tuple[str, float, int]]:
    """``curve/loss``, ``curve/validation``: (name, value, epoch) of the training of head or model, at most 500 epochs; and
    ``curve/chosen``, the validation value at the chosen epoch. Without epochs (``solver=exact``) penalties are counted."""
    rows = result.history()
    chosen = result.selection.get("epoch")
    steps = [int(row.get("epoch", index)) for index, row in enumerate(rows, 1)]
    points = []
    for index, (step, row) in enumerate(zip(steps, rows, strict=True)):
        if index % -(-len(rows) // MAX_EPOCHS) and step not in (chosen, steps[-1]):
            continue
        values = {name: value for name, value in row.items() if name != "epoch"}
        if step == chosen and "validation" in row:
            values["chosen"] = row["validation"]
        points += [(f"curve/{metric_name(name)}", v, step) for name, v in values.items() if math.isfinite(v)]
    return points


def run_span(result: Result) -> tuple[int, int]:
    """Start and end of the cell, in milliseconds since 1970: a rebuilt MLflow shows the runs in their true order."""
    started = result.provenance.get("started")
    try:
        start = datetime.datetime.fromisoformat(str(started))
    except ValueError:
        start = datetime.datetime.fromtimestamp(0, datetime.UTC)
    if start.tzinfo is None:
        start = start.replace(tzinfo=datetime.UTC)
    seconds = sum(v for v in (result.provenance.get("seconds") or {}).values() if _is_number(v))
    first = int(start.timestamp() * 1000)
    return first, first + int(seconds * 1000)


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names; lists stay whole."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = item
    return flat


def metric_name(name: str) -> str:
    """A name, or a part of one, as MLflow takes it."""
    return _NOT_ALLOWED.sub("_", name)


def as_text(values: Mapping[str, Any]) -> dict[str, str]:
    """MLflow's params and tags are text, under names of a restricted alphabet; credentials are masked."""
    text = {}
    for name, value in values.items():
        written = value if isinstance(value, str) else json.dumps(value, default=str)
        text[metric_name(name)[:250]] = "***" if is_secret(name) and value else redact(written)
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
