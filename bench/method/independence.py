"""Check on a sample that what a method answers for a test recording depends neither on other recordings nor on chance.

Only methods and networks of others are checked: the project's tests run its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench import registry
from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method.contract import Method
from bench.reading.method_files import typed

SAMPLE = 4
ROUNDING = 1e-3
"""Of the largest value: sums over a batch of another size may be cut into other parts, and precision may be low."""


def is_foreign(method: str) -> bool:
    """Whether a method is of another package, a file or this process, so that the project's tests do not run it."""
    entry = registry.entries(registry.METHODS).get(method)
    return entry is None or entry.distribution != registry.DISTRIBUTION


def check_batches(method: Method, rows: np.ndarray, source: BatchSource, prompts: Sequence[str] | None) -> None:
    """Compare the answers for a few test recordings, alone and together.

    Args:
        rows: the test recordings, as rows of ``source``.
        prompts: the names of the classes that ``zero_shot`` is asked; None: the encoder is checked.

    Raises:
        BenchError: they differ by more than rounding, or from one time to the next.
    """
    if not (is_foreign(method.name) or method.foreign_network):
        return
    rows = rows[:SAMPLE]
    if prompts is not None and method.implements("zero_shot"):
        names = list(prompts)
        _compare(method, source, rows, "zero_shot", lambda batch: method.zero_shot(batch, names))
    elif method.implements("encode"):
        _compare(method, source, rows, "encode", method.encode)


def check_scores(method: Method, function: str, together: np.ndarray, some: Callable[[slice], np.ndarray]) -> None:
    """Compare the scores of all test recordings with those of a few, for methods that answer for whole partitions.

    Args:
        function: of the method, for the message.
        together: scores of all test recordings, one row each.
        some: the scores of a part of them.

    Raises:
        BenchError: they differ by more than rounding.
    """
    if is_foreign(method.name):
        few = slice(0, SAMPLE)
        _same(method.name, function, np.asarray(some(few), float), np.asarray(together, float)[few])


def _compare(
    method: Method, source: BatchSource, rows: np.ndarray, function: str, answer: Callable[[ECGBatch], torch.Tensor]
) -> None:
    device = next((parameter.device for parameter in method.parameters()), torch.device("cpu"))
    method.eval()
    with torch.no_grad():
        batch = source.batch(rows).to(device)
        together, again = answer(batch).double(), answer(batch).double()
        alone = torch.cat([answer(source.batch(rows[i : i + 1]).to(device)).double() for i in range(len(rows))])
    if _differ(together.cpu().numpy(), again.cpu().numpy()):
        raise BenchError(
            f"{method.name}.{function} gives other values the second time: in evaluation nothing may be drawn at random. Was "
            "the network exported or built with dropout switched on? Call model.eval() before."
        )
    _same(method.name, function, alone.cpu().numpy(), together.cpu().numpy())


def _differ(first: np.ndarray, second: np.ndarray) -> bool:
    bound = ROUNDING * max(float(np.abs(second).max(initial=0)), 1e-6)
    return first.shape != second.shape or bool((np.abs(first - second) > bound).any())


def _same(method: str, function: str, alone: np.ndarray, together: np.ndarray) -> None:
    if _differ(alone, together):
        raise BenchError(
            f"{method}.{function} answers differently for a test recording alone and together with others: predictions must "
            f"not depend on the other test recordings. Use statistics of the training recordings, and running statistics in "
            f"evaluation; bench check {typed(method)} tests the encoder."
        )
