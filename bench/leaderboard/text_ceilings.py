"""Text ceilings on a board: the number next to a row, its mark, and the section of rows that read labels written out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench import modes
from bench.cells.result import Result
from bench.contamination.text_ceiling import states_labels

SECTION = "Labels written out"
"""The group of rows that were pretrained on texts of the task's dataset that state its labels."""
MARK = "≡"
Ceilings = Mapping[str, Mapping[str, Any]]
"""Task -> ``value``, ``low``, ``high`` (over folds: mean, lowest, highest), or ``missing``; the corpus and its ``text``."""


def ceilings_of(results: Iterable[Result]) -> dict[str, dict[str, Any]]:
    """The text ceilings of a row's results, by task; empty where nothing was pretrained with text."""
    by_task: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        if ceiling := result.contamination_evidence.get("text_ceiling"):
            by_task[result.cell.task].append(ceiling)
    return {task: _joined(ceilings) for task, ceilings in sorted(by_task.items())}


def _joined(ceilings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [c for c in ceilings if c.get("value") is not None]
    if not known:
        return dict(ceilings[0])
    value = math.fsum(c["value"] for c in known) / len(known)
    ends = {end: [c[end] for c in known if c.get(end) is not None] for end in ("low", "high")}
    bounds = {"low": min(ends["low"], default=None), "high": max(ends["high"], default=None)}
    return known[0] | bounds | {"value": value}


def in_words(ceilings: Ceilings) -> bool:
    """Whether the texts of a row state the labels of one of its tasks."""
    return any(states_labels(dict(ceiling)) for ceiling in ceilings.values())


def shown(ceilings: Ceilings) -> str:
    """``1.000 [0.998, 1.000] ≡``; a range where tasks differ, and — where it cannot be computed."""
    known = [c for c in ceilings.values() if c.get("value") is not None]
    if not known:
        return "—" if ceilings else ""
    mark = f" {MARK}" if in_words(ceilings) else ""
    if len(known) == 1:
        return f"{_words(known[0])}{mark}"
    lowest, highest = (choose(c["value"] for c in known) for choose in (min, max))
    return f"{lowest:.3f} to {highest:.3f}{mark}"


def _words(ceiling: Mapping[str, Any]) -> str:
    low, high = ceiling.get("low"), ceiling.get("high")
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{ceiling['value']:.3f}{interval}"


def text_notes(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """What the ceilings are, the rows whose text states the labels, and the rows without a ceiling, with the reason."""
    stating: dict[tuple[str, ...], list[str]] = defaultdict(list)
    computed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    missing: dict[str, list[str]] = defaultdict(list)
    read: dict[str, int] = defaultdict(int)
    for label, results in used.items():
        for task, ceiling in ceilings_of(results).items():
            if ceiling.get("value") is None:
                rows = missing[str(ceiling.get("missing", "not stored"))]
                rows += [label] * (label not in rows)
                continue
            states = states_labels(ceiling)
            where = (task, f"{ceiling.get('text')} of {ceiling.get('corpus')}", _words(ceiling))
            (stating if states else computed)[where].append(label)
            if states:
                read[task] = max(read[task], *(_recordings(r) for r in results if r.cell.task == task))
    notes = []
    for (task, text, number), labels in stating.items():
        notes.append(
            f"{MARK} text states the labels: a bag of words of the texts ({text}) predicts {task} with macro AUROC {number}, "
            f"without an ECG. These rows have read the labels of up to {read[task]:,} recordings, written out, at every "
            f"fraction of labels: {', '.join(labels)}." + _comparable(used, task, read[task])
        )
    for (task, text, number), labels in computed.items():
        notes.append(f"Text ceiling of {task} ({text}; a bag of words, without an ECG): {number}: {', '.join(labels)}.")
    notes += [f"Text ceiling cannot be computed: {reason}: {', '.join(rows)}." for reason, rows in missing.items()]
    return notes


def _recordings(result: Result) -> int:
    """How many recordings with their texts a result's checkpoint was pretrained on, validation included."""
    records = result.checkpoint.get("records")
    return sum(int(n) for n in records.values()) if isinstance(records, dict) else 0


def labels_used(result: Result) -> tuple[int, int] | None:
    """Labels that a result's training read: of training and of validation recordings. None where its mode reads none."""
    if not modes.facts(result.cell.mode).uses_labels:
        return None
    train = result.selection.get("records", result.counts.get("train"))  # a few-label mode reads fewer than it is given
    return int(train or 0), int(result.counts.get("validation") or 0)


def _comparable(used: Mapping[str, Sequence[Result]], task: str, budget: int) -> str:
    """The rows that were trained from scratch on at most as many labels, the most of them: what to compare with."""
    best: tuple[int, float, str] | None = None
    name = "macro_auroc"
    for label, results in used.items():
        for result in results:
            labels, facts = labels_used(result), modes.facts(result.cell.mode)
            value = (result.score["metrics"].get(name) or {}).get("value")
            if (
                result.cell.task != task
                or labels is None
                or facts.uses_checkpoint
                or facts.reads_features
                or value is None
            ):
                continue
            candidate = (sum(labels), value, f"{label}, {result.cell.mode}, {labels[0]:,} + {labels[1]:,} labels")
            if candidate[0] <= budget and (best is None or candidate > best):
                best = candidate
    if best is None:
        return ""
    return (
        f" Compare them with training from scratch on as many labels (training + validation): {best[2]}, {best[1]:.3f}."
    )
