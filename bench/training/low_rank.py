"""Low-rank additions to frozen weights (LoRA), for linear and convolutional layers of any network."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from bench.errors import ConfigError

WEIGHTS: dict[type[nn.Module], str] = {
    nn.Linear: "weight",
    nn.Conv1d: "weight",
    nn.Conv2d: "weight",
    nn.MultiheadAttention: "in_proj_weight",
}
"""Layers whose weights get an addition, and the weight's name."""


class LowRank(nn.Module):
    """A weight plus ``alpha / rank * up @ down``; ``up`` begins with zeros, so that nothing changes before training.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, section 4.1.
    """

    def __init__(self, weight: Float[Tensor, "out ..."], rank: int, alpha: float):
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        self.down = nn.Parameter(weight.new_empty(min(rank, rows, columns), columns))
        self.up = nn.Parameter(weight.new_zeros(rows, len(self.down)))
        self.factor = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Float[Tensor, "out ..."]) -> Float[Tensor, "out ..."]:
        return weight + (self.factor * self.up @ self.down).view_as(weight)


def add_low_rank(method: Any, example: Any, rank: int, alpha: float) -> list[nn.Parameter]:
    """Freeze a method and add low-rank matrices to the weights that ``encode`` uses; the added parameters.

    The method's own weights stay as they are, bit by bit; the additions are parametrizations of torch.

    Args:
        example: a batch to encode, to see which weights are used.

    Raises:
        ConfigError: ``encode`` uses no such weight, or keeps no gradient.
    """
    used = _used(method, example)
    method.requires_grad_(False)
    added: list[nn.Parameter] = []
    for module in list(method.modules()):
        name = next((name for kind, name in WEIGHTS.items() if isinstance(module, kind)), None)
        weight = getattr(module, name, None) if name and not parametrize.is_parametrized(module) else None
        if name and isinstance(weight, nn.Parameter) and id(weight) in used:
            addition = LowRank(weight, rank, alpha)
            parametrize.register_parametrization(module, name, addition)
            added += [addition.down, addition.up]
    if not added:
        raise ConfigError(
            f"lora cannot adapt {method.name}: its encode uses no linear or convolutional weights that take a gradient. Use "
            f"linear or finetune."
        )
    return added


def _used(method: Any, example: Any) -> set[int]:
    """Identities of the parameters that ``encode`` uses: those that get a gradient."""
    required = {parameter: parameter.requires_grad for parameter in method.parameters()}
    method.requires_grad_(True)
    method.eval()
    try:
        with torch.enable_grad():
            encoded = method.encode(example)
        if encoded.requires_grad:
            encoded.float().square().sum().backward()
        return {id(parameter) for parameter in required if parameter.grad is not None}
    finally:
        for parameter, before in required.items():
            parameter.requires_grad_(before)
            parameter.grad = None
