"""Communication between the processes of one pretraining run. With one process every function here changes nothing.

Gradients. Every process computes the loss of the whole batch where records meet in it, on embeddings that
:func:`gather` has put together, and the mean of the process's records where not. On the way back ``gather`` adds up what
all processes need of a row and returns it to the maker; the strategy then averages the gradients of the weights
over the processes. Both kinds of loss so end with the gradient that one process would have with the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is; the first, 0, writes and speaks for all."""
    return dist.get_rank() if ranks() > 1 else 0


def gather(rows: Shaped[Tensor, "row ..."]) -> Shaped[Tensor, "rows ..."]:
    """The rows of all processes, those of the first one first; each must have as many.

    The gradient of a row is the sum of what the processes make of it. In one process: ``rows`` itself.
    """
    return _Gather.apply(rows) if ranks() > 1 else rows


def gather_list(values: Sequence[T]) -> list[T]:
    """The values of all processes, those of the first one first."""
    if ranks() == 1:
        return list(values)
    gathered: list[Any] = [None] * ranks()
    dist.all_gather_object(gathered, list(values))
    return [value for part in gathered for value in part]


def total(x: Tensor) -> Tensor:
    """The sum over processes, with gradient."""
    return _Total.apply(x) if ranks() > 1 else x


@torch.no_grad()
def average(x: Tensor) -> Tensor:
    """The mean over processes, without gradient."""
    return _summed(x) / ranks() if ranks() > 1 else x


def agreed(value: T) -> T:
    """The first process's value; what it says is done."""
    if ranks() == 1:
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process passes the block before all others enter it, so that they find what it has made and cached."""
    if rank() > 0:
        agreed(None)
    yield
    if rank() == 0:
        agreed(None)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rows = rows.contiguous()
        parts = [torch.empty_like(rows) for _ in range(ranks())]
        dist.all_gather(parts, rows)
        ctx.own = slice(rank() * len(rows), (rank() + 1) * len(rows))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])[ctx.own]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(x: Tensor) -> Tensor:
    x = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(x)
    return x
