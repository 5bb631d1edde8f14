"""A linear probe on training and validation records of a task, for measurements during and around pretraining.

It shares the optimiser of ``linear.solver=exact``, tries five penalties, and reads no test record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from bench.data.batches import BatchSource
from bench.errors import ConfigError
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView
from bench.training.exact_head import exact_path
from bench.training.objective import objective_for
from bench.training.standardise import standardised

if TYPE_CHECKING:
    from bench.method import Method
    from bench.runner.session import Session
    from bench.training.checkpoint import CheckpointSpec

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties (scikit-learn's C) on standardised features."""
BATCH = 64


@dataclass(frozen=True)
class ProbeOptions:
    """``bench pretrain --probe TASK --probe-every N``."""

    task: str
    every: int


def probe_values(
    features: Float[np.ndarray, "record dim"],
    targets: Shaped[np.ndarray, "record ..."],
    kind: str,
    n_outputs: int,
    train: Int[np.ndarray, " train"],
    *scored: Int[np.ndarray, " scored"],
) -> Iterator[tuple[float, ...]]:
    """For each penalty, the task's value on each of ``scored``, after training a linear head on ``train``.

    Args:
        kind: of the task; n_outputs: its classes or values.
        train: rows of ``features``.
    """
    scaled, _ = standardised(features, train)
    objective = objective_for(kind, n_outputs, training_targets=targets[train])
    learned = objective.learned(torch.from_numpy(np.ascontiguousarray(targets[train])))
    for fit in exact_path(scaled[train], learned, objective.loss_name, objective.n_outputs, PENALTIES):
        yield tuple(
            objective.selection_value(targets[part], objective.scores(scaled[part].double() @ fit.weight.T + fit.bias))
            for part in scored
        )


class Probe:
    """Measures a method on a task every few epochs of its pretraining, and after the last one.

    Args:
        session: whose data are read.
        spec: of the checkpoint that is being made.

    Raises:
        ConfigError: the method cannot encode what the task's dataset has.
    """

    def __init__(self, session: Session, spec: CheckpointSpec, options: ProbeOptions):
        wanted = spec.method.input_for(spec.config)
        if not spec.method.implements("encode") or wanted.downstream:
            raise ConfigError(
                f"--probe {options.task}: {spec.method.name} does not represent an ECG alone, so that it cannot be probed. "
                f"Leave --probe out."
            )
        data = session.task_data(options.task)
        partition = data.partition(0)
        chosen = np.concatenate([partition.train, partition.validation])
        self._every = options.every
        self._targets = data.examples.targets[chosen]
        self._kind = data.task.kind
        self._n_outputs = self._targets.shape[1] if self._targets.ndim > 1 else len(data.task.classes)
        self._train = np.arange(len(partition.train))
        self._validation = np.arange(len(partition.train), len(chosen))
        view = SignalView(
            session.shown_store(data.task.dataset),
            wanted,
            leads=LEADS,
            rows=data.rows[chosen],
            cache=session.source.workspace.cache,
            start=None if data.examples.start is None else data.examples.start[chosen],
            seconds=data.examples.seconds,
        )
        self._source = BatchSource(view)

    def __call__(self, method: Method, epoch: int, epochs: int) -> dict[str, float]:
        """``{"probe": value}`` on the validation records under the best penalty; empty between probes. The method's weights
        and mode stay as they are."""
        if epoch % self._every and epoch != epochs:
            return {}
        training = method.training
        method.eval()
        device = next(method.parameters()).device
        with torch.no_grad():
            batches = self._source.in_order(np.arange(len(self._targets)), BATCH)
            vectors = torch.cat([method.encode(batch.to(device)).float().cpu() for batch in batches]).numpy()
        method.train(training)
        values = probe_values(vectors, self._targets, self._kind, self._n_outputs, self._train, self._validation)
        return {"probe": max(value for (value,) in values)}
