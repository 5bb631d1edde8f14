"""The parts of a method's network: what each gives for one recording, and how many parameters it has."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.leaderboard.site.pictures import Block
from bench.method import Method
from bench.signals.leads import LEADS

DEEPEST = 3
LARGE = 0.4
"""Share of all parameters from which the parts of a part are listed too."""
MOST = 14
"""Parts that are listed of one part; more say little."""


def network_blocks(method: Method) -> list[Block]:
    """Input, the parts of the network and the representation, from one forward pass of a recording of zeros and noise.

    Parts of equal class, size and output that follow each other are one line.

    Raises:
        Exception: whatever the method's ``encode`` raises.
    """
    shapes: dict[int, str] = {}

    def keep(module: nn.Module, given: Any, output: Any) -> None:
        if tensors := _tensors(output):
            shapes[id(module)] = _shape(tensors[0])

    hooks = [module.register_forward_hook(keep) for module in method.modules() if module is not method]
    ecg = torch.randn(1, len(LEADS), method.input.length, generator=torch.Generator().manual_seed(0))
    batch = ECGBatch(
        ecg=ecg, leads=torch.ones(1, len(LEADS), dtype=torch.bool), index=torch.zeros(1, dtype=torch.int64)
    )
    training = method.training
    try:
        with torch.no_grad(), torch.random.fork_rng():
            encoded = method.eval().encode(batch)
    finally:
        method.train(training)
        for hook in hooks:
            hook.remove()
    total = max(_parameters(method), 1)
    inside = [*_listed(method, "", 0, total, shapes)]
    return [Block("input", 0, "", _shape(ecg), 0), *inside, Block("representation", 0, "", _shape(encoded), 0)]


def _listed(parent: nn.Module, path: str, depth: int, total: int, shapes: dict[int, str]) -> list[Block]:
    children = [
        (name, child, shapes.get(id(child)) or _last_shape(child, shapes)) for name, child in parent.named_children()
    ]
    lines: list[Block] = []
    for (kind, shape, size), group in groupby(children, lambda c: (type(c[1]).__name__, c[2], _parameters(c[1]))):
        members = list(group)
        first, last = members[0][0], members[-1][0]
        many = f" to {last} ({len(members)} times)" if len(members) > 1 else ""
        line = Block(f"{path}{first}{many}", depth, kind, shape, size * len(members))
        child, parts = members[0][1], []
        if size * len(members) >= LARGE * total and depth + 1 < DEEPEST and shape and len(members) == 1:
            parts = _listed(child, f"{path}{first}.", depth + 1, total, shapes)
        if len(parts) == 1:  # a list of equal layers, or a wrapper
            lines.append(replace(parts[0], depth=depth))
        elif shape or line.parameters:
            lines += [line, *(parts if len(parts) <= MOST else [])]
    return lines


def _last_shape(module: nn.Module, shapes: dict[int, str]) -> str:
    """Of a part that is not called itself, such as a list of layers: that of its last part that is."""
    return next((shapes[id(part)] for part in reversed(list(module.modules())) if id(part) in shapes), "")


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [tensor for part in output for tensor in _tensors(part)] if isinstance(output, list | tuple) else []


def _shape(tensor: Tensor) -> str:
    """Sizes without that of the batch, which is 1."""
    sizes = list(tensor.shape)
    return " × ".join(f"{size:,}" for size in (sizes[1:] if sizes[:1] == [1] and len(sizes) > 1 else sizes))
