"""Verify finished cells: metrics from stored predictions, and predictions from recorded inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from bench import kinds, registry
from bench.cells.result import Result, read_result, read_results, write_result
from bench.cells.seen_classes import SeenClasses
from bench.data.source import DataSource
from bench.errors import ConfigError, DataError
from bench.modes import released_protocol
from bench.runner.keys import PARTS
from bench.runner.overrides import parse_overrides
from bench.runner.run_cell import BOOTSTRAP, answer
from bench.runner.session import Session
from bench.scoring.score import score
from bench.storage.workspace import Workspace


def named_results(workspace: Workspace, names: Iterable[str]) -> list[Result]:
    """The results whose keys begin with the names; all of them without names.

    Raises:
        ConfigError: a name that no key begins with, or several do. DataError: a result that is damaged.
    """
    if not (names := list(names)):
        return list(read_results(workspace.results))
    keys = [path.name for path in workspace.results.glob("[!.]*")]
    chosen = []
    for name in names:
        found = [key for key in keys if name and key.startswith(name)]
        if len(found) != 1:
            told = "several results have" if found else f"no result in {workspace.results} has"
            raise ConfigError(f"{told} a key that begins with {name!r}. bench runs --verbose lists the keys.")
        chosen.append(read_result(workspace.results / found[0]))
    return chosen


# -- metrics from predictions ------------------------------------------------------------------------------------------


def rescored(result: Result, table: pd.DataFrame | None = None) -> dict[str, Any]:
    """The score of a result's stored predictions, as it is computed today.

    Args:
        table: the predictions, where they do not lie next to the result.

    Raises:
        DataError: the predictions are not those that were stored, or not of this task as it is now.
    """
    task = registry.load(registry.TASKS, result.cell.task)()
    table = result.predictions() if table is None else table
    parts = {name: table[table.partition == name] for name in ("validation", "test")}
    values = {name: (_matrix(part, "target"), _matrix(part, "score")) for name, part in parts.items()}
    targets, scores = values["test"]
    names = kinds.load(task.kind).class_names(list(task.classes), np.arange(scores.shape[-1]))
    found = score(
        task.kind,
        targets,
        scores,
        names,
        parts["test"].patient_id.to_numpy(str),
        validation=values["test" if released_protocol(result.cell.mode) else "validation"],
        bootstrap=BOOTSTRAP,
        groups={**task.groups, **SeenClasses(result.seen.get("classes", {})).groups},
    )
    return found.to_dict()


def _matrix(table: pd.DataFrame, prefix: str) -> np.ndarray:
    return (table[prefix] if prefix in table else table.filter(regex=f"^{prefix}_")).to_numpy()


def differences(stored: Any, now: Any, where: str = "") -> list[str]:
    """What two JSON values disagree on: ``metrics.macro_auroc.value: 0.81 is now 0.82``."""
    if isinstance(stored, dict) and isinstance(now, dict):
        names = dict.fromkeys([*stored, *now])
        return [
            line
            for name in names
            for line in differences(stored.get(name), now.get(name), f"{where}.{name}" if where else str(name))
        ]
    if isinstance(stored, tuple | list) and isinstance(now, tuple | list):
        stored, now = list(stored), list(now)
    return [] if stored == now else [f"{where}: {_shown(stored)} is now {_shown(now)}"]


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def with_score(result: Result, found: dict[str, Any]) -> Result:
    """Store a result's new score in the place of the old one; its predictions stay."""
    if result.folder is None:
        raise DataError(f"result {result.key} was not read from a folder.")
    return write_result(result.folder.parent, replace(result, score=found), result.predictions())


# -- predictions from inputs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replay:
    """A finished cell, compared with the same cell computed again.

    Attributes:
        identical: whether every score is the same, bit for bit.
        largest: the largest difference between two scores; None where the records are not the same.
        changed: the parts of the key (:data:`bench.runner.keys.PARTS`) that are no longer what they were.
    """

    identical: bool
    largest: float | None
    changed: list[str] = field(default_factory=list)


def replay(result: Result, source: DataSource) -> Replay:
    """Compute a finished cell again from what it was made of, features included, and compare; nothing is stored.

    With as many threads as it had: sums that are cut into other parts end in other digits.

    Raises:
        ConfigError: the available data are of another kind.
    """
    if source.kind != result.data:
        how = "name them with --data-root" if result.data == "real" else "leave out --data-root and BENCH_DATA"
        raise ConfigError(f"{result.cell} was run on {result.data} data, and these are {source.kind}; {how}.")
    session = _session_of(result, source)
    cell = session.resolve(result.cell)
    now = cell.inputs
    changed = [words for name, words in PARTS.items() if result.inputs and result.inputs.get(name) != now.get(name)]
    with _threads_of(result):
        table = answer(cell, fresh=True).table()
    stored = result.predictions()
    ours, theirs = _matrix(table, "score"), _matrix(stored, "score")
    if list(map(str, table.record_id)) != list(map(str, stored.record_id)) or ours.shape != theirs.shape:
        return Replay(False, None, changed)
    identical = bool(np.array_equal(ours, theirs))
    return Replay(identical, 0.0 if identical else float(np.nanmax(np.abs(ours - theirs))), changed)


@contextmanager
def _threads_of(result: Result) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(int(result.provenance.get("machine", {}).get("threads", before)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _session_of(result: Result, source: DataSource) -> Session:
    """The session that made a result: its overrides, corpus and checkpoint."""
    overrides = parse_overrides(result.provenance.get("overrides", []), list(registry.entries(registry.METHODS)))
    corpus = (result.checkpoint.get("corpus") or {}).get("dataset")
    known = corpus in registry.entries(registry.DATASETS)
    sweep = result.provenance.get("sweep")  # what chose the overrides is part of the key
    session = Session(source, result.profile, overrides, corpus if known else None, sweep=sweep)  # type: ignore[arg-type]
    folder = source.workspace.checkpoints / str(result.checkpoint.get("name"))
    if result.checkpoint and folder.is_dir():
        spec = session.checkpoint_spec(registry.load(registry.METHODS, result.cell.method), result.dataset["name"])
        if spec is not None and spec.key != result.checkpoint["key"]:  # it was named, or imported
            return replace(session, corpus=None, checkpoints={result.cell.method: folder}, _remembered={}, _methods={})
    return session
