"""All checks of everything registered under a name."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import registry
from bench.checks import dataset_checks, method_checks, task_checks
from bench.checks.check import Verdict, judge
from bench.errors import folded


def check_method(cls: Any, slow: bool = False) -> list[Verdict]:
    """The contract of a method, on a class."""
    return _checked(method_checks.CHECKS, method_checks.MethodSubject, cls, slow)


def check_task(cls: Any, slow: bool = False, folder: Path | None = None) -> list[Verdict]:
    """The contract of a task, on a class. Tasks checked in one folder share the simulated cohort of their dataset."""
    return _checked(task_checks.CHECKS, task_checks.TaskSubject, cls, slow, folder)


def check_dataset(cls: Any, slow: bool = False) -> list[Verdict]:
    """The contract of a dataset, on a class."""
    return _checked(dataset_checks.CHECKS, dataset_checks.DatasetSubject, cls, slow)


def _checked(checks: Any, subject: Any, cls: Any, slow: bool, folder: Path | None = None) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(judge(checks, lambda: subject.of(cls, folder or Path(temporary)), slow))


GROUPS = {
    "method": (registry.METHODS, check_method),
    "task": (registry.TASKS, check_task),
    "dataset": (registry.DATASETS, check_dataset),
}


def check_named(name: str, slow: bool = False) -> Iterator[tuple[str, registry.Entry, list[Verdict]]]:
    """Check what is registered as ``name``: (kind, entry, verdicts), once for each kind of plugin of that name.

    Raises:
        UnknownName: nobody registered it.
    """
    known = {kind: registry.entries(group) for kind, (group, _) in GROUPS.items()}
    if not any(name in entries for entries in known.values()):
        alike = {n for entries in known.values() for n in entries if folded(n) == folded(name)}
        name = alike.pop() if len(alike) == 1 else name
    if not any(name in entries for entries in known.values()):
        raise registry.unknown("method, task or dataset", name, {n for entries in known.values() for n in entries})
    for kind, (group, check) in GROUPS.items():
        if name in known[kind]:
            yield kind, known[kind][name], check(registry.load(group, name), slow)
