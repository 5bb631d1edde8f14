"""A step in parts: the gradient of a whole batch with the memory of a small one (``pretrain.micro_batch``).

Where records of a batch meet in the loss (negatives), parts of it have another loss than the whole. So the embeddings of all
parts are made first, without a graph; the loss of all of them gives the gradient of each embedding; then every part is
encoded once more, with the same random draws, and takes its share of that gradient to the weights. Source: Gao et al.,
"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (GradCache), RepL4NLP 2021.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method
from bench.training.distributed import average
from bench.training.method_calls import Model


def check(method: Method, strategy: str) -> None:
    """Refuse what cannot be trained in parts.

    Raises:
        ConfigError: the method does not say how, or its weights lie in parts themselves.
    """
    if method.loss_couples_records and not method.implements("pretraining_embeddings"):
        raise ConfigError(
            f"pretrain.micro_batch: {method.name} does not state what its loss couples (pretraining_embeddings and "
            "loss_of_embeddings, or loss_couples_records = False), so that its batches cannot be trained in parts. "
            "Leave micro_batch out; a smaller pretrain.batch_size needs less memory."
        )
    if strategy == "fsdp":
        raise ConfigError("pretrain.micro_batch goes with --strategy ddp, not fsdp.")


def parts(batch: ECGBatch, size: int) -> list[ECGBatch]:
    """The batch in parts of ``size`` recordings, the last one short; one that would be alone goes with those before it, as
    BatchNorm over vectors cannot be trained on a single one."""
    begins = list(range(0, len(batch), size))
    if size > 1 and len(begins) > 1 and len(batch) - begins[-1] == 1:
        begins.pop()
    return [batch.part(slice(i, j)) for i, j in itertools.pairwise([*begins, len(batch)])]


def backward(fabric: Fabric, method: Method, model: Model, batch: ECGBatch, size: int) -> dict[str, Tensor]:
    """Add the gradient of the whole batch to the weights', in parts; the terms of the loss, detached.

    Args:
        model: ``method`` as the fabric has set it up.
    """
    pieces = parts(batch, size)
    return (
        _cached(fabric, method, model, pieces)
        if method.loss_couples_records
        else _added(fabric, model, pieces, len(batch))
    )


def loss(method: Method, model: Model, batch: ECGBatch, size: int) -> dict[str, Tensor]:
    """The terms of the whole batch, in parts, without gradient."""
    pieces = parts(batch, size)
    if method.loss_couples_records:
        embeddings = [model.pretraining_embeddings(piece) for piece in pieces]
        return method.loss_of_embeddings({name: _together(embeddings, name) for name in embeddings[0]})
    return _sum([(model.pretraining_loss(piece), len(piece) / len(batch)) for piece in pieces])


def _added(fabric: Fabric, model: Model, pieces: list[ECGBatch], n: int) -> dict[str, Tensor]:
    """Terms that are means over records: the gradient of the whole is the weighted sum of those of the parts."""
    weighted_terms = []
    for piece in pieces:
        with fabric.no_backward_sync(model.module, enabled=piece is not pieces[-1]):
            terms = model.pretraining_loss(piece)
            fabric.backward(torch.stack(list(terms.values())).sum() * (len(piece) / n))
        weighted_terms.append(({name: value.detach() for name, value in terms.items()}, len(piece) / n))
    return _sum(weighted_terms)


def _cached(fabric: Fabric, method: Method, model: Model, pieces: list[ECGBatch]) -> dict[str, Tensor]:
    buffers_before = [buffer.clone() for buffer in method.buffers()]
    states, embeddings = [], []
    for piece in pieces:
        states.append(_random_state())
        with torch.no_grad(), fabric.autocast():
            embeddings.append(method.pretraining_embeddings(piece))
    with torch.no_grad():  # running averages follow each part once, below
        for buffer, before in zip(method.buffers(), buffers_before, strict=True):
            buffer.copy_(before)

    joined = {name: _together(embeddings, name) for name in embeddings[0]}
    leaves = {name: z.requires_grad_() for name, z in joined.items() if z.is_floating_point()}
    terms = method.loss_of_embeddings(joined)
    own = [p for p in method.parameters() if p.requires_grad]  # a learnt temperature, say
    sought = [*leaves.values(), *own]
    gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), sought, allow_unused=True)
    after = _random_state()

    begin = 0
    for piece, state in zip(pieces, states, strict=True):
        _set_random_state(state)
        with fabric.no_backward_sync(model.module, enabled=piece is not pieces[-1]):
            again = model.pretraining_embeddings(piece)
            products = [
                (again[name] * gradient[begin : begin + len(piece)]).sum()
                for name, gradient in zip(leaves, gradients, strict=False)
                if gradient is not None and again[name].requires_grad
            ]
            fabric.backward(torch.stack(products).sum())
        begin += len(piece)
    _set_random_state(after)
    with fabric.no_backward_sync(model.module):
        for p, gradient in zip(own, gradients[len(leaves) :], strict=True):
            if gradient is not None:
                fabric.backward((p * average(gradient)).sum())
    return {name: value.detach() for name, value in terms.items()}


def _together(pieces: list[dict[str, Tensor]], name: str) -> Tensor:
    z = torch.cat([piece[name] for piece in pieces])
    return z.float() if z.dtype in (torch.float16, torch.bfloat16) else z


def _sum(weighed: list[tuple[dict[str, Tensor], float]]) -> dict[str, Tensor]:
    return {name: torch.stack([terms[name] * share for terms, share in weighed]).sum() for name in weighed[0][0]}


def _random_state() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
    if state[3] is not None:
        torch.cuda.set_rng_state(state[3])
