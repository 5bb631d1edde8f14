"""The recordings of a frozen board: ``records.json`` names them per task, with the way to obtain them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench import registry
from bench.cells.ledger import Counts, Scored
from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard.cards import RECORDS, ids_are_public
from bench.reading.json_file import object_or_empty, read_json
from bench.storage.artifacts import digest, write_json


def write_records(
    folder: Path, results: Iterable[Result], stores: Path | None = None, counts: Counts | None = None
) -> None:
    """Write the recordings behind some results.

    Args:
        results: with their predictions on disk, which have the ids.
        stores: the folder of prepared stores. A store is read where the data are a part of the publication: then it alone
            knows the training recordings.
        counts: how often the test splits were scored.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for task, of_task in _by_task(results).items():
        facts = _about(of_task, stores)
        scored = (counts or {}).get((of_task[0].data, task))
        tasks[task] = facts | ({"scored": scored.to_dict()} if scored else {})
    write_json(folder / RECORDS, {"digest": digest(tasks), "tasks": tasks})


def wrong_records(folder: Path, results: Iterable[Result]) -> Iterator[str]:
    """What does not hold of a folder's list of recordings; a folder of an earlier version has none."""
    path = folder / RECORDS
    if not path.exists():
        return
    again = "Its author can write it again (bench leaderboard freeze)."
    try:
        content = read_json(path)
        tasks = content["tasks"]
        intact = content["digest"] == digest(tasks)
        splits = {task: set(facts["splits"]) for task, facts in tasks.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{path} cannot be read ({type(error).__name__}). {again}"
        return
    if not intact:
        yield f"{path} was edited after it was written: its digest is another. {again}"
        return
    for task, of_task in _by_task(results).items():
        if splits.get(task) != {str(r.split.get("digest")) for r in of_task}:
            yield f"{path}: the recordings of {task} are not of the split that its cards state. {again}"


def kept_counts(folder: Path) -> dict[tuple[str, str], Scored]:
    """How often the test splits had been scored when the boards were frozen."""
    counts: dict[tuple[str, str], Scored] = {}
    tasks = object_or_empty(folder / RECORDS).get("tasks") if (folder / RECORDS).exists() else None
    for task, facts in (tasks if isinstance(tasks, dict) else {}).items():
        scored = facts.get("scored") if isinstance(facts, dict) else None
        if isinstance(scored, dict) and all(isinstance(scored.get(n), int) for n in ("times", "methods", "users")):
            counts[str(facts.get("data")), str(task)] = Scored(scored["times"], scored["methods"], scored["users"])
    return counts


def _by_task(results: Iterable[Result]) -> dict[str, list[Result]]:
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(result.cell.task, []).append(result)
    return dict(sorted(by_task.items()))


def _about(results: list[Result], stores: Path | None) -> dict[str, Any]:
    first = results[0]
    name, complete = str(first.dataset.get("name")), bool(first.split.get("complete"))
    known = name in registry.entries(registry.DATASETS)
    cls = registry.load(registry.DATASETS, name) if known else None
    facts: dict[str, Any] = {
        "data": first.data,
        "dataset": name,
        "version": first.dataset.get("version"),
        "prepared": first.dataset.get("digest"),
        "split": first.split.get("name"),
        "splits": sorted({str(r.split.get("digest")) for r in results}),
        "complete": complete,
    }
    if first.data == "simulated":
        return facts | {
            "obtain": f"bench writes the simulated {name} itself: bench run without --data-root",
            **_ids(results),
        }
    facts["obtain"] = (cls.fetch if cls else "") or f"from the publisher of {name}"
    if not ids_are_public(first):
        return facts | {"ids": "not published: access to the data is credentialed"}
    every = [] if complete else _prepared(stores, str(first.dataset.get("digest")))
    return facts | _ids(results) | ({"recordings": every} if every else {})


def _ids(results: list[Result]) -> dict[str, Any]:
    """The recordings of validation and test over all folds."""
    parts: dict[str, set[str]] = {"validation": set(), "test": set()}
    read: set[str] = set()  # digests of splits, each of one fold
    for result in results:
        split = str(result.split.get("digest"))
        if split in read:
            continue
        try:
            columns = result.prediction_columns()
        except (DataError, OSError):
            continue
        if (columns["partition"] == "validation").any():  # zero-shot scores no validation record
            read.add(split)
        for part, ids in parts.items():
            ids.update(map(str, columns["record_id"][columns["partition"] == part]))
    return {part: sorted(ids) for part, ids in parts.items() if ids}


def _prepared(stores: Path | None, wanted: str) -> list[str]:
    """The ids of all recordings of the prepared store with a digest."""
    import pandas as pd

    for manifest in sorted(stores.glob("*/manifest.json")) if stores is not None else ():
        if object_or_empty(manifest).get("digest") == wanted:
            return sorted(map(str, pd.read_parquet(manifest.with_name("records.parquet"), columns=[]).index))
    return []
