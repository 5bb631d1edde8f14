"""Facts that the template of a task copies from an existing task: dataset, classes, column and split rule."""

from __future__ import annotations

from typing import Any

from bench import kinds, registry
from bench.errors import ConfigError
from bench.splitting.split import load_split
from bench.task import MultilabelTask, SingleLabelTask


def task_facts(like: str | None) -> dict[str, Any]:
    """The facts of ``like``, or of the first task whose classes are read from a column.

    Raises:
        UnknownName: no such task. ConfigError: a task that reads more than a column.
    """
    names = [like] if like else list(registry.entries(registry.TASKS))
    for name in names:
        task = registry.load(registry.TASKS, name)
        base = next((b for b in (MultilabelTask, SingleLabelTask) if issubclass(task, b)), None)
        if base is None or task.examples is not base.examples:
            continue
        split = load_split(task.split).content
        return {
            "like": name,
            "base": base.__name__,
            "dataset": task.dataset,
            "column": task.column,
            "classes": dict(task.classes),
            "metric": kinds.load(task.kind).selection_metric,
            "source": task.source,
            "description": split.description,
            "split_source": split.source,
            "rule": split.rule.model_dump(mode="json", exclude_defaults=True),
        }
    raise ConfigError(
        f"{like or 'every registered task'} cannot be used as a start, because it does more than read classes from a "
        "column. Name another with --like (bench tasks), or derive from bench.task.Task by hand."
    )
