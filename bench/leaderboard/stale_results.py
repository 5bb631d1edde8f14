"""Results whose code has changed since they were computed: a board that is frozen marks them as stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from bench import kinds, modes, registry
from bench.cells.result import Result
from bench.errors import BenchError
from bench.storage.artifacts import digest

MARK = "Δ"
STALE = "stale"
"""The field of a result's provenance that names what has changed since."""


def with_stale(results: Sequence[Result]) -> list[Result]:
    """The results, those whose code is no longer what it was with a list of what changed. Imports their methods."""
    known: dict[str, Any] = {}
    return [
        replace(result, provenance=result.provenance | {STALE: changed})
        if (changed := _changed(result, known))
        else result
        for result in results
    ]


def is_stale(result: Result) -> bool:
    """Whether a result was marked when its board was frozen."""
    return bool(result.provenance.get(STALE))


def _changed(result: Result, known: dict[str, Any]) -> list[str]:
    """Parts of a result's key that the installed code no longer has; what cannot be compared is not named."""
    stored, parts = result.inputs, {"code": _code, "mode": _mode}
    words = {"code": "the method", "mode": "the mode's training"}
    changed = []
    for name, compute in parts.items():
        if not stored.get(name):
            continue
        part = digest([name, result.cell.method, result.cell.mode, result.cell.task, result.config])
        if part not in known:
            try:
                known[part] = compute(result)
            except (BenchError, ValidationError):  # a plugin that is absent, or a field that is gone
                known[part] = None
        if known[part] != stored[name]:
            changed.append(words[name])
    return changed


def _code(result: Result) -> str:
    from bench.storage.code_digest import method_digest

    method = registry.load(registry.METHODS, result.cell.method)
    return method_digest(method, method.Config.model_validate(result.config["method"]))


def _mode(result: Result) -> str:
    from bench.storage.code_digest import mode_digest

    mode = modes.load(result.cell.mode)
    config = mode.Config.model_validate(result.config[result.cell.mode])
    kind = kinds.load(str(result.score.get("kind")))
    return digest([mode_digest(mode, kind.objective), config])


def stale_notes(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A note with the rows that have stale results, and how many of each."""
    counts = {label: (sum(map(is_stale, results)), len(results)) for label, results in used.items()}
    rows = [f"{label} ({stale} of {every})" for label, (stale, every) in counts.items() if stale]
    if not rows:
        return []
    meaning = (
        "the code of the method or of the mode has changed since, so that the same commands may give other numbers"
    )
    return [f"{MARK} stale: {meaning} (stale results of the row): {', '.join(rows)}."]
