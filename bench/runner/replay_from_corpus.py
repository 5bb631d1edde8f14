"""Repeat a finished cell from its corpus, pretraining included, and judge its metric by how much reruns differ."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench import modes
from bench.cells.cell import Cell
from bench.cells.result import Result
from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.progress import say
from bench.runner.replay import changed_parts, refuse_other_data, session_of, threads_of
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.run_cell import class_names, predict_cell
from bench.scoring.score import score_replicates
from bench.storage.workspace import Workspace

LEAST_RERUNS = 3
SAME = 1e-6
"""Metrics that differ by less are the same: nothing but the last digits of sums differed."""
FLOOR = 0.001
"""The least tolerance: sums on another machine end in other digits, and move a few records across each other."""
WIDEST = 0.05
"""A tolerance above it decides nothing: a score could be better by so much and still pass."""
APART = 1000
"""Between the numbers of the draws of two reruns, so that none repeats a replicate of the result."""
SHARED = ("stores", "simulated", "splits", "cache", "weights", "textbooks")
"""Folders of a workspace that hold data, and nothing that was trained."""


@dataclass(frozen=True)
class Repeated:
    """The outcome of repeating a cell.

    Attributes:
        accepted: the stated value is within the tolerance, and nothing that determines the cell has changed.
        stated: the value of the task's metric that the result has; ``values`` those of the reruns, the one with the
            result's own numbers first.
        tolerance: how far from the mean of the reruns one more run is expected to lie; 0 where the first was the same.
        changed: the parts of the key that are no longer what they were.
    """

    accepted: bool
    metric: str
    stated: float
    values: list[float]
    tolerance: float
    changed: list[str]

    @property
    def reason(self) -> str:
        if self.changed:
            return f"changed since: {', '.join(self.changed)}"
        if not self.tolerance:
            return f"{self.metric} {self.stated:.4f} again"
        mean, n = sum(self.values) / len(self.values), len(self.values)
        expected = f"{mean:.4f} ± {self.tolerance:.4f} by {n} reruns"
        if self.tolerance > WIDEST:
            return f"{self.metric} {self.stated:.4f}; {expected}, which decides nothing: raise --reruns"
        return f"{self.metric} {self.stated:.4f} is {'' if self.accepted else 'not '}within {expected}"


def replay_from_corpus(result: Result, source: DataSource, reruns: int = LEAST_RERUNS) -> Repeated:
    """Pretrain again, predict, score, and compare the task's metric; no checkpoint or feature of the workspace is read.

    Args:
        reruns: how many times at most, each with other draws of pretraining and training. One is enough where the metric
            comes out the same.

    Raises:
        ConfigError: fewer reruns than three, or data of another kind.
    """
    if reruns < LEAST_RERUNS:
        raise ConfigError(f"--reruns {reruns}: expected at least {LEAST_RERUNS}; the tolerance is taken from them.")
    refuse_other_data(result, source)
    values: list[float] = []
    with _without_trained(source) as fresh, threads_of(result):
        session = session_of(result, fresh, checkpoints=False)
        first = session.resolve(result.cell)
        metric = first.data.task.metric
        stated = result.metric(metric)["value"]
        if stated is None:
            raise ConfigError(f"{result.title}: {metric} is undefined, so that nothing can be compared.")
        changed = changed_parts(result, first.inputs)
        if changed:
            return Repeated(False, metric, stated, values, 0.0, changed)
        for number in range(reruns):
            say(f"rerun {number + 1} of at most {reruns}: {result.title}")
            values.append(_value(session.resolve(_drawn(first, number)), metric))
            if not number and abs(values[0] - stated) <= SAME:
                return Repeated(True, metric, stated, values, 0.0, changed)
    tolerance = tolerance_of(values)
    near = abs(stated - float(np.mean(values))) <= tolerance <= WIDEST
    return Repeated(near, metric, stated, values, tolerance, changed)


def tolerance_of(values: Sequence[float]) -> float:
    """Half the width of the 95 % prediction interval of one more run: t sd sqrt(1 + 1/k), at least :data:`FLOOR`."""
    from scipy.stats import t

    n = len(values)
    return max(FLOOR, float(t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / n))


def _drawn(first: ResolvedCell, number: int) -> Cell:
    """The cell with other draws of what is trained: of its pretraining, and of what is trained downstream."""
    cell = first.cell
    training = number * APART if first.spec is not None else 0
    seed = number * APART if modes.facts(cell.mode).uses_labels or first.spec is None else 0
    return replace(cell, training=cell.training + training, seed=cell.seed + seed)


def _value(cell: ResolvedCell, metric: str) -> float:
    predictions = predict_cell(cell, fresh=True)
    rows, data = predictions.partition.test, predictions.data
    scored = score_replicates(
        data.task.kind,
        data.examples.targets[rows],
        predictions.output.test,
        class_names(data),
        data.examples.patient_ids[rows],
        bootstrap=0,
        metrics=[metric],
    )
    return float(scored[metric].value)


@contextmanager
def _without_trained(source: DataSource) -> Iterator[DataSource]:
    """The same data in a workspace without checkpoints, features and results, which is deleted afterwards."""
    workspace = source.workspace
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=workspace.root) as folder:
        for name in SHARED:
            (workspace.root / name).mkdir(exist_ok=True)
            (Path(folder) / name).symlink_to(workspace.root / name)
        yield replace(source, workspace=Workspace(Path(folder)))
