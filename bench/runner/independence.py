"""Check on a sample that what a method answers for a test recording does not depend on the others of its batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bench import registry
from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method import Method
from bench.runner.resolved_cell import ResolvedCell

SAMPLE = 4
ROUNDING = 1e-3
"""Of the largest value: sums over a batch of another size may be cut into other parts, and precision may be low."""


def is_foreign(method: str) -> bool:
    """Whether a method is of another package, a file or this process, so that the project's tests do not run it."""
    entry = registry.entries(registry.METHODS).get(method)
    return entry is None or entry.distribution != registry.DISTRIBUTION


def check_independence(cell: ResolvedCell, method: Method, source: BatchSource) -> None:
    """Compare the answers for a few test recordings, alone and together; only for methods that no test of ours runs.

    Raises:
        BenchError: they differ by more than rounding.
    """
    if not is_foreign(method.name):
        return
    rows = cell.partition.test[:SAMPLE]
    if cell.mode.names_classes and method.implements("zero_shot"):
        prompts = list(cell.data.task.class_names)
        _compare(method, source, rows, "zero_shot", lambda batch: method.zero_shot(batch, prompts))
    elif method.implements("encode"):
        _compare(method, source, rows, "encode", method.encode)


def _compare(
    method: Method, source: BatchSource, rows: np.ndarray, function: str, answer: Callable[[ECGBatch], torch.Tensor]
) -> None:
    device = next((parameter.device for parameter in method.parameters()), torch.device("cpu"))
    method.eval()
    with torch.no_grad():
        together = answer(source.batch(rows).to(device)).double()
        alone = torch.cat([answer(source.batch(rows[i : i + 1]).to(device)).double() for i in range(len(rows))])
    bound = ROUNDING * max(together.abs().max().item(), 1e-6)
    if alone.shape != together.shape or bool(((alone - together).abs() > bound).any()):
        raise BenchError(
            f"{method.name}.{function} answers differently for a test recording alone and in a batch: predictions must not "
            f"depend on the other test recordings. Use running statistics in evaluation; bench check {method.name} tests it."
        )
