"""Layer-wise learning rates: the layers of any method, input first, derived from the order of module calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn


def layer_factors(method: Any, example: Any, decay: float) -> list[tuple[float, list[nn.Parameter]]]:
    """Factors on the encoder's rate, and the parameters that each holds for, those nearest the input first.

    With n layers, layer l of 1 to n gets ``decay ** (n + 1 - l)``; what comes before layer 1 (patch embedding,
    positions) ``decay ** (n + 1)``; what comes after layer n (a last norm, pooling) gets 1, as the head does. He et al.,
    MAE (CVPR 2022), after BEiT. What ``encode`` does not use gets 1 and no gradient.

    Args:
        method: the method, whose ``layer_groups`` go before the order of calls.
        example: a batch to encode, to see that order.
    """
    declared = method.layer_groups()
    if declared is not None:
        depth_of = {id(p): depth for depth, group in enumerate(declared, start=1) for p in group}
        n, layer_of = len(declared), {name: depth_of.get(id(p)) for name, p in method.named_parameters()}
    else:
        n, layer_of = _by_call_order(method, example)
    groups: dict[int, list[nn.Parameter]] = {}
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            depth = layer_of[name]
            groups.setdefault(n + 1 if depth is None else depth, []).append(parameter)
    return [(decay ** (n + 1 - depth), groups[depth]) for depth in sorted(groups)]


def _by_call_order(method: nn.Module, example: Any) -> tuple[int, dict[str, int | None]]:
    """The number of layers, and the layer of every parameter by name: 0 before the first, None if it is not used."""
    encode: Any = method.encode
    called = _called(method, lambda: encode(example))
    modules = dict(method.named_modules())
    blocks = list(dict.fromkeys(block for name in called if (block := _block(name, modules)) is not None))
    if len(blocks) < 2:  # no chain of blocks: every module that holds weights is a layer
        blocks = [name for name in called if next(modules[name].parameters(recurse=False), None) is not None]
    begun, after = 0, {}  # module called outside the blocks -> how many blocks had begun by then
    for name in called:
        inside = _within(name, blocks)
        begun = max(begun, blocks.index(inside) + 1) if inside is not None else begun
        after[name] = begun
    layer_of: dict[str, int | None] = {}
    for name, _ in method.named_parameters():
        inside = _within(name, blocks)
        owner = next((prefix for prefix in _prefixes(name.rpartition(".")[0]) if prefix in after), None)
        if inside is not None:
            layer_of[name] = blocks.index(inside) + 1
        elif owner is None:
            layer_of[name] = None
        else:
            layer_of[name] = len(blocks) + 1 if after[owner] == len(blocks) else after[owner]
    return len(blocks), layer_of


def _called(method: nn.Module, run: Callable[[], Any]) -> list[str]:
    """Names of the modules that ``run`` calls, in the order of their first call."""
    order: dict[str, None] = {}
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: order.setdefault(name, None))
        for name, module in method.named_modules()
        if name
    ]
    training = method.training
    try:
        method.eval()
        with torch.no_grad():
            run()
    finally:
        method.train(training)
        for hook in hooks:
            hook.remove()
    return list(order)


def _block(name: str, modules: dict[str, nn.Module]) -> str | None:
    """The outermost numbered module with submodules that contains ``name``: a block, or a stage of blocks."""
    for prefix in reversed(list(_prefixes(name))):
        if prefix.rpartition(".")[2].isdigit() and next(modules[prefix].children(), None) is not None:
            return prefix
    return None


def _within(name: str, blocks: Sequence[str]) -> str | None:
    return next((prefix for prefix in _prefixes(name) if prefix in blocks), None)


def _prefixes(name: str) -> Iterator[str]:
    """``a.b.c``, ``a.b``, ``a``."""
    while name:
        yield name
        name = name.rpartition(".")[0]
