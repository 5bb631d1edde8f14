"""The mode ``attentive``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench import registry
from bench.errors import ConfigError
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.modes.rate_search import RateSearchConfig, train_each_rate
from bench.training.blocks import block_outputs, token_block
from bench.training.objective import objective_for

MOST = 128
"""Tokens per recording at most: of more, neighbours are averaged. Else the features of a ResNet take 14 GB for PTB-XL."""

CHUNK = 512
"""Recordings whose tokens are held at a time."""


class Config(RateSearchConfig):
    """One learned query over the tokens of a frozen encoder, and a linear head."""

    smoke: ClassVar[dict[str, Any]] = {"lrs": (1e-3, 1e-2)}


class AttentiveHead(nn.Module):
    """Tokens are averaged with weights that a learned query gives them, then read by a linear layer.

    A key projection would be part of the query, and a value projection part of the linear layer. The query begins with zeros,
    so that training starts from the plain mean.

    Args:
        mean, deviation: of each dimension of the tokens, by which they are standardised.
    """

    def __init__(self, mean: Float[Tensor, " width"], deviation: Float[Tensor, " width"], n_outputs: int):
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.query = nn.Parameter(torch.zeros(len(mean)))
        self.linear = nn.Linear(len(mean), n_outputs)

    def weights(self, tokens: Float[Tensor, "record token width"]) -> Float[Tensor, "record token"]:
        """The share of each token, of standardised tokens."""
        return torch.softmax(tokens @ self.query / len(self.query) ** 0.5, dim=1)

    def forward(self, tokens: Float[Tensor, "record token width"]) -> Float[Tensor, "record output"]:
        tokens = (tokens - self.mean) / self.deviation
        return self.linear((self.weights(tokens)[..., None] * tokens).sum(1))


def tokens_of(method: Any, example: Any) -> Callable[[Any], Tensor]:
    """What reads a batch's tokens, flattened to [record, token * width].

    Raises:
        ConfigError: the encoder has no tokens; names methods that have the mode.
    """
    read, _ = _reader(method, example)
    return lambda batch: read(batch).flatten(1)


def _reader(method: Any, example: Any) -> tuple[Callable[[Any], Float[Tensor, "record token width"]], int]:
    """What reads tokens, and their width."""
    if type(method).implements("encode_tokens"):
        read: Callable[[Any], Tensor] = lambda batch: method.encode_tokens(batch).float()  # noqa: E731
    else:
        block = token_block(method, example)
        if block is None:
            offer = [name for name, entry in registry.entries(registry.METHODS).items() if _offers(entry, method.name)]
            raise ConfigError(
                f"attentive cannot read {method.name}: no block of its encoder gives several tokens or time steps. Use "
                f"linear, or a method with tokens, such as {', '.join(offer[:6])}."
            )
        read = lambda batch: _neighbours_averaged(block_outputs(method, [block], batch)[0][block])  # noqa: E731
    with torch.no_grad():
        return read, read(example).shape[-1]


def _neighbours_averaged(tokens: Float[Tensor, "record token width"]) -> Float[Tensor, "record fewer width"]:
    size = -(-tokens.shape[1] // MOST)
    return nn.functional.avg_pool1d(tokens.transpose(1, 2), size, ceil_mode=True).transpose(1, 2)


def _offers(entry: registry.Entry, asking: str) -> bool:
    modes = registry.modes_of(entry)
    return entry.name != asking and "attentive" in modes and "scratch" in modes


def run(cell: ModeInput) -> ModeOutput:
    """Train query and head with each rate; keep the rate and epoch with the best validation value."""
    _, width = _reader(cell.method, cell.source.batch(cell.train[:2]))  # before the features: these may move the method
    flat = cell.features()
    tokens = flat.reshape(len(flat), -1, width)
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    head = AttentiveHead(*_moments(tokens, cell.train), objective.n_outputs)

    def begin() -> Sequence[nn.Parameter]:
        nn.init.zeros_(head.query)
        head.linear.reset_parameters()
        return list(head.parameters())

    def outputs(rows: np.ndarray) -> Tensor:
        return head(torch.from_numpy(tokens[rows]))

    def scores(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return objective.scores(torch.cat([outputs(rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)]))

    chosen = train_each_rate(cell, objective, begin, outputs, scores)
    validation, test = (scores(rows) for rows in (cell.validation, cell.test))
    return ModeOutput(validation, test, chosen.selection | {"tokens": tokens.shape[1]}, chosen.history)


def _moments(tokens: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each dimension over the tokens of some rows; a deviation of 0 counts as 1."""
    count, total, squares = 0, np.zeros(tokens.shape[2]), np.zeros(tokens.shape[2])
    for i in range(0, len(rows), CHUNK):
        values = tokens[rows[i : i + CHUNK]].reshape(-1, tokens.shape[2]).astype(np.float64)
        count += len(values)
        total += values.sum(axis=0)
        squares += np.square(values).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    deviation = np.where(deviation > 1e-6 * np.maximum(np.abs(mean), 1e-30), deviation, 1.0)
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(deviation.astype(np.float32))


class Attentive(Mode):
    """One learned query weighs the tokens or time steps of the frozen encoder before they are averaged for a linear head.

    Attentive probing: Chen et al., "Context autoencoder", IJCV 2024; Bardes et al., "Revisiting feature prediction" (V-JEPA),
    2024; with one query and no further layers, as the smallest form in Psomas et al., "Attention, please!", 2025. The tokens
    are standardised over the labelled recordings. Learning rate and epoch are chosen on validation data.
    """

    name = "attentive"
    needs_one_of = ("encode_tokens", "encode")
    offered_with = "finetune"
    reads_features = True
    Config = Config
    run = staticmethod(run)
    representation = staticmethod(tokens_of)
