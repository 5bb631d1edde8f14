"""Two networks with opposed losses under one optimiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradients[0], None


def reverse_gradient(x: Tensor, scale: float = 1.0) -> Tensor:
    """``x`` itself; on the way back its gradient is multiplied by ``-scale``.

    What comes before it then maximises the loss that what comes after it minimises, both in the same step.
    Source: Ganin and Lempitsky, ICML 2015.
    """
    return _Reverse.apply(x, scale)
