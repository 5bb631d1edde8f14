"""A linear probe without a learning rate, for modes that fit many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError, DataError
from bench.modes.mode_io import ModeInput
from bench.progress import say
from bench.training.exact_head import Fit, exact_path
from bench.training.objective import Objective


@dataclass(frozen=True)
class Probe:
    """The optimum whose penalty did best on validation data.

    Attributes:
        value: of the task's metric on validation data; NaN where no class can be ranked.
        c: its inverse penalty, as scikit-learn's C.
        validation, test: scores of the recordings.
        weight, bias: of the standardised features, float64.
    """

    value: float
    c: float
    validation: np.ndarray
    test: np.ndarray
    weight: Tensor
    bias: Tensor


def best_probe(cell: ModeInput, features: Tensor, rows: np.ndarray, objective: Objective, cs: Sequence[float]) -> Probe:
    """Fit each penalty of ``cs`` on ``rows``, and choose one for all classes on validation data.

    Args:
        features: standardised, [example, dim].

    Raises:
        BenchError: no penalty's optimum was reached.
    """
    targets = objective.learned(torch.from_numpy(np.ascontiguousarray(cell.targets[rows])))
    best: Probe | None = None
    for fit in _fits(cell, features[rows], targets, objective, cs):
        validation, test = (
            objective.scores(features[part].double() @ fit.weight.T + fit.bias) for part in (cell.validation, cell.test)
        )
        value = objective.selection_value(cell.targets[cell.validation], validation)
        if best is None or value > best.value or (np.isnan(best.value) and not np.isnan(value)):
            best = Probe(value, fit.c, validation, test, fit.weight, fit.bias)
    assert best is not None, "the config has at least one penalty"
    return best


def _fits(
    cell: ModeInput, features: Tensor, targets: Tensor, objective: Objective, cs: Sequence[float]
) -> Iterator[Fit]:
    """The optimum of each penalty, the strongest first; one that is not reached is left out and named.

    Few recordings have optima that rounding hides, and the modes that probe them try several penalties anyway.
    """
    left, reached = sorted(set(cs)), False
    while left:
        try:
            for fit in exact_path(features, targets, objective.loss_name, objective.n_outputs, left):
                left, reached = left[1:], True
                yield fit
        except DataError:
            raise
        except BenchError as error:
            if len(left) == 1 and not reached:
                raise
            say(
                f"{cell.method.name} on {cell.task.name}: c={left[0]:g} left out, its optimum was not reached ({error})"
            )
            left = left[1:]
