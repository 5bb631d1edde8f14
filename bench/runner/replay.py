"""Compute finished cells again from their recorded inputs, and compare the predictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench import registry
from bench.cells.result import Result, columns_of
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.runner.keys import PARTS
from bench.runner.overrides import parse_overrides
from bench.runner.run_cell import predict_cell
from bench.runner.session import Session


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
    refuse_other_data(result, source)
    session = session_of(result, source)
    cell = session.resolve(result.cell)
    changed = changed_parts(result, cell.inputs)
    with threads_of(result):
        table = predict_cell(cell, fresh=True).table()
    stored = result.predictions()
    ours, theirs = columns_of(table, "score"), columns_of(stored, "score")
    if list(map(str, table.record_id)) != list(map(str, stored.record_id)) or ours.shape != theirs.shape:
        return Replay(False, None, changed)
    identical = bool(np.array_equal(ours, theirs))
    return Replay(identical, 0.0 if identical else float(np.nanmax(np.abs(ours - theirs))), changed)


def changed_parts(result: Result, now: dict[str, Any]) -> list[str]:
    """The parts of a result's key that are no longer what they were, in words."""
    return [words for name, words in PARTS.items() if result.inputs and result.inputs.get(name) != now.get(name)]


def refuse_other_data(result: Result, source: DataSource) -> None:
    """Raises ConfigError where a result is of real data and the source simulated, or the other way round."""
    if source.kind != result.data:
        how = "name them with --data-root" if result.data == "real" else "leave out --data-root and BENCH_DATA"
        raise ConfigError(f"{result.cell} was run on {result.data} data, and these are {source.kind}; {how}.")


@contextmanager
def threads_of(result: Result) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(int(result.provenance.get("machine", {}).get("threads", before)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def session_of(result: Result, source: DataSource, checkpoints: bool = True) -> Session:
    """The session that made a result: its overrides, corpus and checkpoint.

    Args:
        checkpoints: whether a checkpoint of its name is used as it is.
    """
    overrides = parse_overrides(result.provenance.get("overrides", []), list(registry.entries(registry.METHODS)))
    corpus = (result.checkpoint.get("corpus") or {}).get("dataset")
    known = corpus in registry.entries(registry.DATASETS)
    sweep = result.provenance.get("sweep")  # what chose the overrides is part of the key
    session = Session(source, result.profile, overrides, corpus if known else None, sweep=sweep)  # type: ignore[arg-type]
    folder = source.workspace.checkpoints / str(result.checkpoint.get("name"))
    if checkpoints and result.checkpoint and folder.is_dir():
        method = registry.load(registry.METHODS, result.cell.method)
        spec = session.checkpoint_spec(method, result.dataset["name"], result.cell.training)
        if spec is not None and spec.key != result.checkpoint["key"]:  # it was named, or imported
            return replace(session, corpus=None, checkpoints={result.cell.method: folder}, _remembered={}, _methods={})
    return session
