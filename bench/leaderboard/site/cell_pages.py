"""A page for each finished cell, at an address that stays: its numbers, the command that repeats it, and its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cells.result import Result
from bench.errors import BenchError
from bench.leaderboard.cards import card_of
from bench.redaction import redact
from bench.tracking.description import command_of

_TEMPLATES = [Path(__file__).with_name("templates") / name for name in ("cell.html", "base.html")]


def cell_facts(result: Result) -> dict[str, Any]:
    """What the page of a cell shows. Its address is ``cells/KEY.html``; the key follows code, data and settings."""
    metrics = result.score["metrics"]
    per_class = result.score.get("per_class") or {}
    heads = list(dict.fromkeys(name for values in per_class.values() for name in values))
    support = result.score.get("support") or {}
    file = str(result.provenance.get("method_file") or "").partition(":")[0]
    return {
        "heading": result.title,
        "key": result.key,
        "method": result.method_name,
        "task": result.cell.task,
        "stamp": f"{result.data} data, profile {result.profile}",
        "contamination": result.contamination,
        "counts": {name: result.counts.get(name) for name in ("train", "validation", "test")},
        "command": _command(result),
        "where": file,
        "metrics": [(name, _number(entry.get("value")), _interval(entry)) for name, entry in metrics.items()],
        "class_heads": heads,
        "classes": [
            (name, support.get(name), [_number(values.get(head)) for head in heads])
            for name, values in per_class.items()
        ],
        "notes": [str(note) for note in result.score.get("notes") or ()],
    }


def is_written(result: Result, folder: Path) -> bool:
    """Whether a folder has the page of a cell, newer than the result and than what makes pages. Ten thousand pages and cards
    take a minute, so that those stay."""
    path = folder / f"{result.key}.html"
    if result.folder is None or not path.exists():
        return False
    written, sources = path.stat().st_mtime, [result.folder / "result.json", Path(__file__), *_TEMPLATES]
    return all(source.exists() and source.stat().st_mtime < written for source in sources)


def write_card(result: Result, folder: Path) -> bool:
    """Write the result card of a cell, as ``bench leaderboard export`` does, without predictions.

    Returns:
        whether there is one: names of a user's own may not fit into a card.
    """
    try:
        text = json.dumps(card_of(result), indent=1, sort_keys=True) + "\n"
    except ValueError:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result.key}.json").write_text(text, encoding="utf-8")
    return True


def same_address(results: Sequence[Result]) -> list[Result]:
    """Results with distinct keys; of those that share one, the first."""
    return list({result.key: result for result in reversed(results)}.values())


def _command(result: Result) -> str:
    try:
        return redact(command_of(result))
    except BenchError:  # its mode is of a package that is not installed here
        return ""


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) and not isinstance(value, bool) else "—"


def _interval(estimate: dict[str, Any]) -> str:
    low, high = estimate.get("low"), estimate.get("high")
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
