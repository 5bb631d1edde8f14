"""One row per class of a result, for tables and CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from bench.cells.result import Result


def class_values(result: Result) -> list[dict[str, Any]]:
    """One row per class: ``class``, ``positives`` in test, its metrics, the ``threshold`` of its decisions (chosen on
    validation data), and of a zero-shot result ``seen``, ``nearest`` and ``similarity``; None where there is no value.

    Every row has the same columns. In multilabel tasks ``f1`` and ``accuracy`` are of the decisions score >= threshold;
    in multiclass tasks of the highest score, each class against the rest. Where labels are unknown, ``known`` is the number
    of those that count.
    """
    score = result.score
    names = list(dict.fromkeys(name for values in score["per_class"].values() for name in values))
    prompts = result.provenance.get("prompts")
    words = dict(zip(score["per_class"], prompts, strict=True)) if prompts else {}
    seen = result.seen.get("classes", {})
    return [
        {"class": label, "words": words.get(label), "positives": score["support"].get(label)}
        | {name: values.get(name) for name in names}
        | {"threshold": (score["thresholds"] or {}).get(label)}
        | {name: seen.get(label, {}).get(name) for name in ("seen", "nearest", "similarity")}
        for label, values in score["per_class"].items()
    ]


def write_class_values(result: Result, path: Path | None) -> str:
    """The rows as CSV, written to ``path`` if there is one; values in full precision."""
    rows = class_values(result)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if path is not None:
        path.write_text(text.getvalue(), encoding="utf-8")
    return text.getvalue()
