"""Call a method's functions as forward passes, so that precision and strategy apply to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Method


class MethodCalls(nn.Module):
    """Calls a function of a method by its name; Fabric wraps the forward pass of a module and nothing else of it.

    (Methods that Fabric treats as forward passes run without its precision on a single device.)
    """

    def __init__(self, method: Method):
        super().__init__()
        self.method = method

    def forward(self, function: str, opaque: OpaqueBatch) -> Any:
        return getattr(self.method, function)(opaque.batch)


class OpaqueBatch:
    """A batch that Fabric leaves as it is: it would convert its signals, and cannot, as batches are frozen."""

    def __init__(self, batch: ECGBatch):
        self.batch = batch


@dataclass(frozen=True)
class Model:
    """A method that a fabric has set up.

    Attributes:
        module: what the fabric knows it by.
    """

    module: Any

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        return self.module("pretraining_loss", OpaqueBatch(batch))

    def encode(self, batch: ECGBatch) -> Tensor:
        return self.module("encode", OpaqueBatch(batch))

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        return self.module("pretraining_embeddings", OpaqueBatch(batch))


def set_up(fabric: Fabric, method: Method) -> Model:
    """The method, moved to the fabric's device and under its precision and strategy."""
    return Model(fabric.setup_module(MethodCalls(method)))
