"""Models with a fixed batch size: batches are cut and padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.errors import ConfigError


def in_fixed_batches(run: Callable[[Tensor], Any], signals: Tensor, size: int | None) -> Any:
    """``run`` on ``signals``, ``size`` recordings at a time (None: all at once); the last batch is filled with zeros."""
    if size is None:
        return run(signals)
    answers = []
    for chunk in signals.split(size):
        missing = size - len(chunk)
        filled = torch.cat([chunk, chunk.new_zeros(missing, *chunk.shape[1:])]) if missing else chunk
        answers.append(_first(run(filled), len(chunk)))
    return _joined(answers)


def shows_batch_of_one(answer: dict[str, Tensor], n: int) -> bool:
    """Whether an answer for ``n`` recordings has the first axis of an answer for one, as where a batch of one was built into
    the graph."""
    return n > 1 and any(value.ndim > 1 and len(value) == 1 for value in answer.values())


def _first(answer: Any, n: int) -> Any:
    if isinstance(answer, Tensor):
        return answer[:n] if answer.ndim else answer
    if isinstance(answer, dict):
        return {name: _first(value, n) for name, value in answer.items()}
    return tuple(_first(value, n) for value in answer)


def _joined(answers: Sequence[Any]) -> Any:
    first = answers[0]
    if isinstance(first, Tensor):
        return torch.cat(list(answers)) if first.ndim else torch.stack(list(answers))
    if isinstance(first, dict):
        return {name: _joined([answer[name] for answer in answers]) for name in first}
    return tuple(_joined(parts) for parts in zip(*answers, strict=True))


def expect_shape(path: object, expected: Sequence[int | None], shape: Sequence[int]) -> None:
    """Refuse signals of another shape than the model was made for; None in ``expected`` takes anything.

    Raises:
        ConfigError: with the options that decide the shape.
    """
    pairs = list(zip(expected[1:], shape[1:], strict=False))
    if len(expected) == len(shape) and all(want in (None, have) for want, have in pairs):
        return
    shown = ", ".join("any" if size is None else str(size) for size in ("any", *expected[1:]))
    raise ConfigError(
        f"{path} takes signals [{shown}] and would be given [any, {', '.join(map(str, shape[1:]))}]. Leads come from "
        f"lead_order, samples are fs x seconds, and the order of the axes is layout (lead-time, time-lead, flat, image)."
    )
