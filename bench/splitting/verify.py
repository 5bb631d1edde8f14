"""Recompute a split from the available data and report differences from its stated contents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bench.errors import BenchError
from bench.splitting.rules import PARTITIONS, ColumnRule
from bench.splitting.split import PartitionFacts, Split, load_split

if TYPE_CHECKING:
    from bench.runner.session import Session
    from bench.task import Examples, Task

Verdict = Literal["agrees", "differs", "subset", "simulated", "no stated numbers", "not checked"]
Copy = Literal["complete", "subset", "simulated"]
MAX_CLASSES = 8


@dataclass(frozen=True)
class SplitCheck:
    """One split of one task.

    Attributes:
        counts: examples in each partition; of several folds, the smallest and the largest.
        words: what was found, a sentence each.
    """

    task: str
    split: str
    verdict: Verdict
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the terminal: a head, and the words below it."""
        parts = ", ".join(f"{name} {_span(low, high)}" for name, (low, high) in self.counts.items())
        head = f"{self.task} on {self.split}: {self.verdict}" + (f" ({parts})" if parts else "")
        return [head, *(f"  {words}" for words in self.words)]


def check_task(session: Session, task: Task) -> Iterator[SplitCheck]:
    """Each split that the task has available: its own, and the released one as soon as its lists were imported."""
    try:
        store, records = session.store(task.dataset), session.records(task.dataset)
        examples = task.examples(records)
        if not len(examples):
            yield SplitCheck(task.name, task.split, "not checked", words=["No available recording has a label."])
            return
    except BenchError as error:
        yield SplitCheck(task.name, task.split, "not checked", words=[str(error)])
        return
    names = [task.split]
    if task.released_split is not None:
        rule = load_split(task.released_split).content.rule
        if isinstance(rule, ColumnRule) and rule.column in examples.columns:
            names.append(task.released_split)
    for name in names:
        split = load_split(name)
        real: Copy = "complete" if session.is_complete(store, split) else "subset"
        yield check_split(task.name, split, examples, real if session.source.kind == "real" else "simulated")
    if task.released_split is not None and len(names) == 1:
        words = f"Its lists are not available. {rule.hint}" if isinstance(rule, ColumnRule) else "Not available."
        yield SplitCheck(task.name, task.released_split, "not checked", words=[words.strip()])


def check_split(task: str, split: Split, examples: Examples, copy: Copy) -> SplitCheck:
    """Recompute every fold of a split and hold it against the split's stated numbers.

    Args:
        copy: what the data are of the publication for which the numbers are stated: all of it, whose numbers must
            agree; a part of it, of which no partition and no class may hold more; or an imitation, to which they do
            not apply.
    """
    complete = copy == "complete"
    try:
        drawn = [split.content.rule.partition(examples, fold) for fold in split.folds]
        empty = [name for name in PARTITIONS if any(not len(getattr(fold, name)) for fold in drawn)]
        if empty and not complete:
            small = f"None of the {len(examples):,} available examples is in {' or in '.join(empty)}: too small a part."
            return SplitCheck(task, split.name, "not checked", words=[small])
        folds = [split.partition(examples, fold) for fold in split.folds]
        report = split.verify(examples, complete)
    except BenchError as error:
        return SplitCheck(task, split.name, "differs", words=[str(error)])
    sizes = {name: [len(getattr(fold, name)) for fold in folds] for name in PARTITIONS}
    counts = {name: (min(fold_sizes), max(fold_sizes)) for name, fold_sizes in sizes.items()}
    apart = {"patient": "recording or patient", "record": "recording", "example": "window"}[split.content.keep_apart]
    n_folds = f"In each of {len(folds)} folds no" if len(folds) > 1 else "No"
    words = [f"{n_folds} {apart} is in two partitions."]
    expected, differences = report.expected, list(report.differences)
    verdict: Verdict
    if expected is None:
        verdict = "no stated numbers"
        words.append("The split states none: its partition was not published.")
    elif complete:
        verdict = "differs" if differences else "agrees"
        if not differences:
            words.append(_agreement(expected.version, expected.partitions, expected.digest))
            if expected.digest is None:
                words.append(f"The split states no digest; that of this copy is {report.digest}: please report it.")
        elif not expected.binding:
            words.append("These numbers rest on an assumption (see the split's file), so they do not stop a run.")
    elif copy == "simulated":
        verdict = "simulated"
        stated = [expected.partitions[name].records for name in PARTITIONS if name in expected.partitions]
        sizes_of_it = "/".join(f"{n:,}" for n in stated or [expected.records])
        words.append(
            f"The stated numbers ({sizes_of_it} of version {expected.version}) are of real recordings: not comparable."
        )
    else:
        differences = _too_many(report.found, expected.partitions)
        verdict = "differs" if differences else "subset"
        share = f"{len(examples):,} of {expected.records:,} examples of version {expected.version}"
        words.append(
            f"{share}: counts and digest apply to the complete data and cannot be checked; "
            + (
                "a part cannot exceed the published numbers:"
                if differences
                else "no partition or class exceeds its published number."
            )
        )
    words += [f"{difference}." for difference in differences]
    without = {name: labels for name, labels in report.empty_classes.items() if labels}
    if without and not complete:
        absent = "; ".join(f"{name}: {_some(labels)}" for name, labels in without.items())
        words.append(f"Without a positive here: {absent}.")
    return SplitCheck(task, split.name, verdict, counts, words)


def _agreement(version: str, partitions: dict, digest: str | None) -> str:
    stated = ["numbers of recordings"]
    if any(facts.patients is not None for facts in partitions.values()):
        stated.append("of patients")
    if any(facts.classes for facts in partitions.values()):
        stated.append("of positives of each class")
    if digest or any(facts.digest for facts in partitions.values()):
        stated.append("digests over record ids and labels")
    return f"As stated for version {version}: {', '.join(stated)}."


def _too_many(partitions: dict[str, PartitionFacts], expected: dict) -> list[str]:
    excesses = []
    for name, stated in expected.items():
        part = partitions.get(name)
        if part is None:
            continue
        if part.records > stated.records:
            excesses.append(f"{name}: {part.records:,} examples, of {stated.records:,} in all")
        for label, count in (stated.classes or {}).items():
            present = (part.classes or {}).get(label, 0)
            if present > count:
                excesses.append(f"{name}: {present:,} positives of {label}, of {count:,} in all")
    return excesses


def _some(labels: list[str]) -> str:
    more = len(labels) - MAX_CLASSES
    return ", ".join(labels[:MAX_CLASSES]) + (f" and {more} more" if more > 0 else "")


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
