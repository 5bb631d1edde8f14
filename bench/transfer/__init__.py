"""Transferred tasks: trained on the records of one task, tested on those of another, over the classes that mean the same.

``ptbxl-super-to-csn`` is trained as ``ptbxl-super`` is and tested on the test records of ``csn``. Tasks state what their
classes mean as findings (:attr:`bench.task.Task.meanings`). A class of the train task is shared if a class of the test task
means findings of it and no others. In a test record it is

- positive, where such a class is;
- unknown, where a class is positive that may mean a finding of it or another one (ST deviation: depression or elevation);
- negative otherwise.

A class that is not shared is unknown in every test record and takes no part in metrics. Of two tasks on measured values those
are shared that both describe in the same words, such as "age in years".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from bench import kinds, registry
from bench.errors import BenchError, ConfigError
from bench.splitting.split import load_split
from bench.task import Examples, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class TransferredTask(Task):
    """A task with another test set; :func:`transferred` makes its subclasses.

    Attributes:
        train, test: the two tasks.
        shared: class of the train task -> the classes of the test task that make it positive.
        unclear: class of the train task -> the classes of the test task that leave it unknown.
    """

    train: ClassVar[type[Task]]
    test: ClassVar[type[Task]]
    shared: ClassVar[dict[str, list[str]]]
    unclear: ClassVar[dict[str, list[str]]]

    @classmethod
    def datasets(cls) -> tuple[str, ...]:
        return (cls.train.dataset, cls.test.dataset)

    def examples(self, records: pd.DataFrame) -> Examples:
        """A transferred task reads two datasets: :class:`bench.runner.transferred_data.TransferredData` joins them."""
        raise TypeError(f"{self.name} reads records of {' and '.join(self.datasets())}")

    @classmethod
    def targets_of(cls, tested: np.ndarray) -> np.ndarray:
        """Targets of test records in the classes of the train task.

        Args:
            tested: in the classes of the test task, [record, class], NaN where unknown.

        Returns:
            float32 [record, class], NaN where unknown; float64 of measured values.
        """
        import numpy as np

        column = {name: i for i, name in enumerate(cls.test.classes)}
        values = kinds.load(cls.kind).measured_values
        targets = np.full((len(tested), len(cls.classes)), np.nan, np.float64 if values else np.float32)
        for i, name in enumerate(cls.classes):
            if name not in cls.shared:
                continue
            if values:
                targets[:, i] = tested[:, column[cls.shared[name][0]]]
                continue
            parts = np.asarray(tested[:, [column[other] for other in cls.shared[name]]], np.float32)
            unclear = np.asarray(tested[:, [column[other] for other in cls.unclear[name]]], np.float32)
            unknown = np.isnan(parts).any(axis=1) | ~(unclear == 0).all(axis=1)
            targets[:, i] = np.where(unknown, np.nan, 0.0)
            targets[(parts == 1).any(axis=1), i] = 1
        return targets


@functools.cache
def transferred(train_name: str, test_name: str) -> type[TransferredTask]:
    """The task that is trained as one and tested on the records of another.

    Raises:
        UnknownName: one of them is not registered. ConfigError: they share no class, or a probe cannot be transferred.
    """
    train, test = registry.load(registry.TASKS, train_name), registry.load(registry.TASKS, test_name)
    name = f"{train_name}{registry.TO}{test_name}"
    for task in (train, test):
        if not _is_comparable(task):
            raise ConfigError(
                f"task {name}: {task.name} ({task.kind}) states no findings that its classes mean. Tasks that do: "
                f"{', '.join(_comparable())}."
            )
        if len(load_split(task.split).folds) > 1:
            raise ConfigError(f"task {name}: {task.name} is cross-validated; use a task with one test set.")
    if train.dataset == test.dataset:
        raise ConfigError(
            f"task {name}: both tasks are of {train.dataset}, so that nothing is transferred. Name a task of another dataset."
        )
    shared, unclear = _shared(train, test)
    if not shared:
        fitting = [other for other in _comparable() if _fits(train, other)]
        raise ConfigError(
            f"task {name}: no class of {train.name} ({', '.join(train.classes)}) means the same as a class of {test.name} "
            f"({', '.join(test.classes)}). Tasks that share classes with {train.name}: {', '.join(fitting) or 'none'}."
        )
    attributes = {
        "__doc__": f"Trained as {train_name}, tested on the records of {test_name}, over {', '.join(shared)}.",
        "__module__": __name__,
        "name": name,
        "train": train,
        "test": test,
        "shared": shared,
        "unclear": unclear,
        "source": f"{train.source}; tested on: {test.source}",
        "groups": {},
    }
    names = ("dataset", "kind", "split", "classes", "original_names", "version")
    return type("TransferredTask", (TransferredTask,), attributes | {key: getattr(train, key) for key in names})


def shared_classes(
    train: type[Task] | Task, test: type[Task] | Task
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Class of the train task -> the classes of the test task that make it positive, and those that leave it unknown."""
    shared: dict[str, list[str]] = {}
    unclear: dict[str, list[str]] = {}
    for name, findings in _meanings(train).items():
        others = {other: theirs for other, theirs in _meanings(test).items() if _bare(theirs) & _bare(findings)}
        if inside := [other for other, theirs in others.items() if theirs <= findings]:
            shared[name] = inside
            unclear[name] = [other for other in others if other not in inside]
    return shared, unclear


def _shared(train: type[Task], test: type[Task]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The same of any two tasks: measured values are shared by name and words, and with no class."""
    if train.kind != test.kind:
        return {}, {}
    if not kinds.load(train.kind).measured_values:
        return shared_classes(train, test)
    names = [name for name, words in train.classes.items() if test.classes.get(name) == words]
    return {name: [name] for name in names}, {name: [] for name in names}


def _is_comparable(task: type[Task]) -> bool:
    kind = kinds.load(task.kind)
    return kind.measured_values or (kind.several_at_once and bool(task.meanings))


def _meanings(task: type[Task] | Task) -> Mapping[str, frozenset[str]]:
    """The findings of the classes that a task has."""
    return {name: frozenset(task.meanings[name]) for name in task.classes if name in task.meanings}


def _bare(findings: frozenset[str]) -> frozenset[str]:
    return frozenset(finding.removeprefix("?") for finding in findings)


def _comparable() -> list[str]:
    """The tasks whose classes are stated as findings, and those on measured values."""
    names = []
    for name in registry.entries(registry.TASKS):
        try:
            task = registry.load(registry.TASKS, name)
        except BenchError:  # a broken plugin does not belong in this message
            continue
        if _is_comparable(task):
            names.append(name)
    return names


def _fits(train: type[Task], name: str) -> bool:
    other = registry.load(registry.TASKS, name)
    return other.dataset != train.dataset and bool(_shared(train, other)[0])
