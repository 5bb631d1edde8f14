"""Checks of the task contract, on a small simulated cohort of its dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import kinds, registry
from bench.checks.check import Broken, Check, DoesNotApply, collected
from bench.data.source import DataSource
from bench.dataset import Dataset
from bench.errors import ConfigError, DataError, UnknownName
from bench.splitting.released_partitions import with_imported
from bench.splitting.split import Split, declared_split, split_of
from bench.storage.workspace import Workspace
from bench.task import Examples, Task

CHECKS: list[Check] = []
RECORDS = 200


@dataclass(frozen=True)
class TaskSubject:
    """A task with a simulated cohort's records; ``records`` is None where the dataset cannot simulate itself."""

    task: Task
    records: Any  # pandas.DataFrame | None

    @classmethod
    def of(cls, task: type[Task], folder: Path) -> TaskSubject:
        dataset: type[Dataset] = registry.load(registry.DATASETS, task.dataset)
        workspace = Workspace(folder)
        try:
            simulated = DataSource(workspace, simulated_records=RECORDS).dataset(dataset.name)
        except ConfigError:
            return cls(task(), None)
        return cls(task(), with_imported(simulated.records(), workspace.splits, dataset.name))

    def asked(self) -> tuple[Examples, Split]:
        """The examples and the split."""
        if self.records is None:
            raise DoesNotApply(f"{self.task.dataset} cannot simulate itself; it is looked at when the task is run")
        examples = self.task.examples(self.records)
        if not len(examples):
            raise Broken(
                f"none of {len(self.records)} simulated recordings of {self.task.dataset} has a label of this task.",
                "Check the column that examples() reads and the spelling of the classes.",
            )
        return examples, split_of(self.task, examples)


@collected(
    CHECKS, "its question and classes are stated", "Set name, dataset, kind, split and classes as class attributes."
)
def says_what_it_asks(subject: TaskSubject) -> None:
    task = subject.task
    if not (type(task).__doc__ or "").strip():
        raise Broken(
            f"{type(task).__name__} has no docstring.", "State in one sentence what the task asks of a recording."
        )
    kind = kinds.known(task.kind)
    if kind is None:
        raise Broken(f"kind is {task.kind!r}.", f"Use one of {', '.join(registry.entries(registry.KINDS))}.")
    if len(task.classes) < kind.least_classes:
        raise Broken(f"a {task.kind} task with {len(task.classes)} classes.", "List them in classes, in column order.")
    for name, words in task.classes.items():
        if not str(words).strip():
            raise Broken(f"class {name} has no description.", "Write it out: the description is the zero-shot prompt.")


@collected(CHECKS, "its split is registered and has its classes", "Register the folder of YAML files as bench.splits.")
def its_split_is_registered(subject: TaskSubject) -> None:
    try:
        declared_split(subject.task)
    except UnknownName:
        raise
    except ConfigError as error:
        fault, _, hint = str(error).rpartition(". ")
        raise Broken(f"{fault}.", hint) from error


@collected(CHECKS, "targets have the shape of its kind", "examples(records) must return an Examples.")
def targets_have_the_shape_of_its_kind(subject: TaskSubject) -> None:
    examples, _ = subject.asked()
    kind = kinds.load(subject.task.kind)
    classes = list(subject.task.classes)
    try:
        kind.check_targets(examples.targets, len(classes), examples.record_ids, kind.target_columns(classes))
    except DataError as error:
        raise Broken(str(error), f"Make them {kind.targets}.") from error


@collected(CHECKS, "examples are recordings of the dataset", "record_ids must come from the index of the records.")
def examples_are_recordings_of_the_dataset(subject: TaskSubject) -> None:
    examples, _ = subject.asked()
    unknown = set(examples.record_ids) - set(map(str, subject.records.index))
    if unknown:
        raise Broken(f"record {sorted(unknown)[0]!r} is not in the dataset.", "Use records.index as record_ids.")
    if len(examples.patient_ids) != len(examples) or len(examples.columns) != len(examples):
        raise Broken("patient_ids, columns and record_ids have different lengths.", "Give each one row per example.")
    again = subject.task.examples(subject.records)
    same_targets = np.array_equal(again.targets, examples.targets, equal_nan=examples.targets.dtype.kind == "f")
    if not (np.array_equal(again.record_ids, examples.record_ids) and same_targets):
        raise Broken("two calls of examples() differ.", "examples() must depend on the records alone.")


@collected(CHECKS, "no patient is in two parts of the split", "Split by patient, not by recording.")
def no_patient_is_on_both_sides(subject: TaskSubject) -> None:
    examples, split = subject.asked()
    for fold in split.folds:
        parts = dict(split.partition(examples, fold).items())
        for name, rows in parts.items():
            if not len(rows):
                raise Broken(
                    f"the {name} part of fold {fold} is empty.", "Check the values that the split's rule names."
                )
        if kinds.load(subject.task.kind).same_patients:
            continue  # the same persons are asked for again, in other recordings
        for first, second in (("train", "test"), ("train", "validation"), ("validation", "test")):
            both = set(examples.patient_ids[parts[first]]) & set(examples.patient_ids[parts[second]])
            if both:
                raise Broken(
                    f"{len(both)} patients are in both {first} and {second} of fold {fold}.",
                    "Split by patient: a column of the publisher's folds, or repeated-stratified-cv.",
                )
