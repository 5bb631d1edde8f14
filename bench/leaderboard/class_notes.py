"""Footnotes on the classes of a table's tasks: those left out, rare, unknown, or absent from training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench import kinds
from bench.cells.result import Result

FEW = 10
"""A class with fewer positives in test is flagged: one of them moves its AUROC by several hundredths."""
MOST, FIRST = 100, 20
"""Of more names than ``MOST`` a note lists only the ``FIRST``: ``bench show --classes`` has all of them."""


def _by_task(results: Sequence[Result]) -> dict[str, Result]:
    """A result of each task whose classes can be listed."""
    with_kinds = ((result, kinds.known(result.score.get("kind"))) for result in results)
    return {result.cell.task: result for result, kind in with_kinds if kind is not None and kind.has_classes}


def macro_means(results: Sequence[Result]) -> list[str]:
    """The classes that macro means are over."""
    notes = []
    for task, result in sorted(_by_task(results).items()):
        absent = result.score.get("left_out") or ()
        names = [name for name in result.score.get("per_class") or {} if name not in absent]
        if len(names) > 1:
            notes.append(f"{task}: macro means are over {len(names)} classes: {shortened(names)}.")
    return notes


def few_positives(results: Sequence[Result]) -> list[str]:
    """Classes with fewer than :data:`FEW` positives in test."""
    fewest: dict[str, dict[str, int]] = defaultdict(dict)
    for result in results:
        if result.cell.task in _by_task([result]):
            for name, count in (result.score.get("support") or {}).items():
                if 0 < count < FEW:
                    known = fewest[result.cell.task]
                    known[name] = min(count, known.get(name, count))
    listed = {
        task: shortened([f"{name} ({n})" for name, n in counts.items()]) for task, counts in sorted(fewest.items())
    }
    words = f"under {FEW} positives in test, so that these classes say little by themselves:"
    return [f"{task}: {words} {names}." for task, names in listed.items() if names]


def left_out(results: Sequence[Result]) -> list[str]:
    """Classes that are left out of macro means."""
    absent: dict[str, set[str]] = defaultdict(set)
    for result in results:
        absent[result.cell.task] |= set(result.score.get("left_out") or ())
    return [
        f"{task}: left out of macro means, because the test records have no positives or no negatives: {listed(names)}."
        for task, names in sorted(absent.items())
        if names
    ]


def unknown_labels(results: Sequence[Result]) -> list[str]:
    """How many labels are known, where some are not."""
    noted = {}
    for result in results:
        total, per_class = result.score.get("n_records"), (result.score.get("per_class") or {}).items()
        known = {label: values["known"] for label, values in per_class if values.get("known", total) != total}
        if names := [f"{label} {n:,.0f}" for label, n in known.items()]:
            noted[result.cell.task] = (
                f"labels that are known of the {total:,} test records: {shortened(names)}; only these count."
            )
    return [f"{task}: {words}" for task, words in sorted(noted.items())]


def untrained_classes(results: Sequence[Result]) -> list[str]:
    """Classes that no training record has."""
    absent: dict[tuple[str, float, str], set[str]] = defaultdict(set)
    for result in results:
        coordinates = (result.cell.task, result.cell.fraction, result.cell.fraction_rule)
        absent[coordinates] |= set(result.split.get("classes_absent_from_training") or ())
    return [
        f"{task} at {fraction:.0%}{'' if rule == 'stratified' else f', drawn by {rule}'}: no training record has "
        f"{listed(names)}; the class is scored all the same."
        for (task, fraction, rule), names in sorted(absent.items())
        if names
    ]


def listed(names: set[str]) -> str:
    """Names in alphabetical order, separated by commas."""
    return shortened(sorted(names))


def shortened(names: Sequence[str]) -> str:
    """Names, separated by commas; of more than :data:`MOST` the first ones and the number of the others."""
    if len(names) <= MOST:
        return ", ".join(names)
    return f"{', '.join(names[:FIRST])} and {len(names) - FIRST:,} more"
