"""Outputs of an encoder's blocks, read by hooks during one pass of ``encode``; no method has to provide for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def blocks_of(method: Any, example: Any) -> list[str]:
    """Names of the blocks that ``encode`` calls, those nearest the input first.

    A block is an outermost numbered module with submodules (``blocks.3`` of a transformer, a stage of a ResNet). An encoder
    without any has as blocks its innermost modules that hold weights.

    Args:
        example: a batch of at least one recording.

    Raises:
        ConfigError: ``encode`` calls no module that holds weights.
    """
    called = list(_outputs(method, [name for name, _ in method.named_modules() if name], example)[0])
    modules = dict(method.named_modules())
    blocks = list(dict.fromkeys(block for name in called if (block := _block(name, modules)) is not None))
    if not blocks:
        blocks = [name for name in called if _is_leaf_with_weights(modules[name])]
    outputs, _ = _outputs(method, blocks, example)
    if not (readable := [name for name in blocks if outputs.get(name)]):
        raise ConfigError(f"{method.name} has no blocks to read: its encode calls no module with weights.")
    order = list(outputs)
    return sorted(readable, key=order.index)


def token_block(method: Any, example: Any) -> str | None:
    """The block whose output is pooled: the last one with several positions, of the longest chain of blocks that has one.

    Blocks whose names differ in their number alone are a chain; shortcuts and downsamplers between them are shorter chains.
    None for an encoder whose blocks have no positions.
    """
    names = blocks_of(method, example)
    outputs, _ = block_outputs(method, names, example)
    chains: dict[str, list[str]] = {}
    for name in names:
        if outputs[name].shape[1] > 1:
            chains.setdefault(name.rpartition(".")[0], []).append(name)
    last = {name: place for place, name in enumerate(names)}
    return max(chains.values(), key=lambda chain: (len(chain), last[chain[-1]]), default=[None])[-1]


def block_outputs(
    method: Any, names: Sequence[str], batch: Any
) -> tuple[dict[str, Float[Tensor, "record position channel"]], Float[Tensor, "record dim"]]:
    """The output of each named block, and that of ``encode``, from one pass.

    Positions are whatever axes a block has besides records and channels: time steps, tokens, leads, windows. A block that is
    called several times (once per window, say) has the positions of all calls.
    """
    outputs, encoded = _outputs(method, names, batch)
    modules = dict(method.named_modules())
    return {
        name: torch.cat([_arranged(modules[name], output, len(batch)) for output in outputs[name]], dim=1)
        for name in names
    }, encoded


def _outputs(method: Any, names: Sequence[str], batch: Any) -> tuple[dict[str, list[Tensor]], Tensor]:
    """Name -> what the module returned in each of its calls, in the order of the first calls; and ``encode``'s output."""
    outputs: dict[str, list[Tensor]] = {}
    modules = dict(method.named_modules())

    def hook(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = next(_tensors(output), None)
            if tensor is not None and tensor.ndim > 1 and tensor.is_floating_point():
                outputs.setdefault(name, []).append(tensor)

        return keep

    hooks = [modules[name].register_forward_hook(hook(name)) for name in names]
    training = method.training
    try:
        method.eval()
        with torch.no_grad():
            encoded = method.encode(batch)
    finally:
        method.train(training)
        for handle in hooks:
            handle.remove()
    return outputs, encoded


def _tensors(output: Any) -> Iterator[Tensor]:
    """Tensors of a module's output in their order; the first one is the output, others are states or attention."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for part in output.values():
            yield from _tensors(part)
    elif isinstance(output, list | tuple):
        for part in output:
            yield from _tensors(part)


def _arranged(block: nn.Module, output: Tensor, records: int) -> Float[Tensor, "record position channel"]:
    """A block's output with the channels last and everything between records and channels as positions.

    Methods that read parts of a recording (windows, single leads) put them into the batch, the parts of a recording next to
    each other.
    """
    channels = _channel_axis(block, output)
    moved = output.movedim(channels, -1).float()
    return moved.reshape(records, -1, moved.shape[-1])


def _channel_axis(block: nn.Module, output: Tensor) -> int:
    """The axis of the channels: 1 after a convolution, else the last, unless only the other one has the length of one of the
    block's biases or gains."""
    last = output.ndim - 1
    lengths = {len(p) for p in block.parameters() if p.ndim == 1}
    preferred, other = (1, last) if any(isinstance(m, CONVOLUTIONS) for m in block.modules()) else (last, 1)
    return other if output.shape[preferred] not in lengths and output.shape[other] in lengths else preferred


def _is_leaf_with_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None and next(module.children(), None) is None


def _block(name: str, modules: dict[str, nn.Module]) -> str | None:
    """The outermost numbered module with submodules that contains ``name``."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        if parts[end - 1].isdigit() and next(modules[prefix].children(), None) is not None:
            return prefix
    return None
