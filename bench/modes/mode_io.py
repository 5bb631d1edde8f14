"""Inputs and outputs of modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel

from bench.data.batches import BatchSource
from bench.method import Method
from bench.progress import Progress
from bench.renamed import renamed_attribute
from bench.task import Task


def unreported(epoch: int, value: float) -> None:
    """Outside of a sweep nobody asks how a cell is coming along."""


@dataclass(frozen=True)
class ModeInput:
    """Everything one cell needs. ``train`` is already the labelled fraction; the test targets are not here.

    Attributes:
        method: with its weights, on the CPU.
        task: for its kind and classes.
        config: the mode's config.
        source: examples of the task as batches; rows count examples.
        targets: of all examples, with the rows of the test partition blanked, so that no mode can look.
        train, validation, test: int64 rows of ``source``.
        features: the frozen representation of every example, float32 [example, dim], computed once and shared.
        seed: derived from the cell's coordinates.
        progress: to report steps to.
        test_targets: those of the test partition, for the modes that repeat a released protocol and for no other.
        report: called with an epoch and its validation value wherever a mode has one; in a sweep it may raise to stop a
            setting that will not win.
    """

    method: Method
    task: Task
    mode: str
    config: BaseModel
    source: BatchSource
    targets: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    features: Callable[[], np.ndarray]
    seed: int
    progress: Progress
    prompts: Sequence[str] = ()
    test_targets: np.ndarray | None = None
    report: Callable[[int, float], None] = unreported

    @property
    def n_outputs(self) -> int:
        """Columns of the targets, classes, or (in identification, whose classes have no names) persons."""
        if self.targets.ndim > 1:
            return self.targets.shape[1]
        return len(self.task.classes) or int(self.targets.max()) + 1


@dataclass(frozen=True)
class ModeOutput:
    """Scores of the two scored partitions, in row order, and what was chosen on validation data."""

    validation: np.ndarray
    test: np.ndarray
    selection: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    head: Any = field(default=None, repr=False, compare=False)
    """What reads the scores off ``encode``'s output, trained; None in modes without one."""


def __getattr__(name: str) -> Any:
    return renamed_attribute(__name__, name)
