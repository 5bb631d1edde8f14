"""Pages of transferred tasks, which are made when their names are read and are in no list of tasks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError
from bench.leaderboard.site.describe import paragraphs, task_facts
from bench.registry import TASKS, Entry


def transferred_tasks(names: Iterable[str]) -> dict[str, Entry]:
    """Name -> entry of the names that are transferred tasks and whose two tasks are here, in alphabetical order."""
    found = {}
    for name in sorted(set(names) - set(registry.entries(TASKS))):
        try:
            cls = registry.load(TASKS, name)
        except BenchError:  # a task of a plugin that is not installed here
            continue
        attributes = {
            "dataset": " and ".join(cls.datasets()),
            "kind": cls.kind,
            "split": cls.split,
            "classes": cls.classes,
        }
        found[name] = Entry(
            name,
            cls.__module__,
            cls.__qualname__,
            Path(),
            "bench",
            cls.__doc__ or "",
            attributes=attributes,
            loaded=cls,
        )
    return found


def transferred_facts(entry: Entry) -> dict[str, Any]:
    """What ``task.html`` shows: the train and validation records of one task, the test records of the other, the shared
    classes and what makes them positive in a test record."""
    cls = entry.load()
    known = registry.entries(TASKS)
    train, test = (task_facts(known[task.name]) for task in (cls.train, cls.test))

    def both(field: str, between: str) -> str:
        values = [str(facts[field]).strip() for facts in (train, test) if facts[field]]
        return between.join(dict.fromkeys(values))

    trained = [part for part in train["partitions"] if part["name"] != "test"]
    tested = [part for part in test["partitions"] if part["name"] == "test"]
    columns = [i for i, head in enumerate(train["class_heads"]) if not head.startswith("test ")]
    words = {row["name"]: row for row in train["classes"]}
    classes = [
        {
            "name": name,
            "words": f"{words[name]['words']}; in {cls.test.dataset}: {', '.join(others)}",
            "counts": [words[name]["counts"][i] for i in columns if i < len(words[name]["counts"])],
        }
        for name, others in cls.shared.items()
    ]
    few = any(n is not None and n < train["few"] for row in classes for n in row["counts"])
    return train | {
        "name": entry.name,
        "about": paragraphs(entry.summary),
        "dataset": f"trained on {cls.train.dataset}, tested on {cls.test.dataset}",
        "split": f"{cls.train.split}; {cls.test.split}",
        "split_notice": both("split_notice", " "),
        "split_source": both("split_source", "; "),
        "version": "",
        "digest": "",
        "license": both("license", "; "),
        "url": both("url", "; "),
        "citation": both("citation", "\n\n"),
        "partitions": [*trained, *tested],
        "class_heads": [train["class_heads"][i] for i in columns],
        "classes": classes,
        "any_few": few,
    }
