"""The mode ``lora``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from bench.method.search_space import Categorical, LogUniform, Spaces
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.modes.rate_search import RateSearchConfig, train_each_rate
from bench.training.devices import encoding_batch
from bench.training.loop import make_fabric
from bench.training.low_rank import add_low_rank
from bench.training.objective import objective_for


class Config(RateSearchConfig):
    """Low-rank additions to a frozen encoder, and a head."""

    space: ClassVar[Spaces] = {
        "rank": Categorical(choices=(1, 2, 4, 8, 16, 64)),
        "weight_decay": LogUniform(low=1e-4, high=1.0),
    }

    rank: int = Field(8, ge=1, description="of the added matrices; LoRA's tables have 1 to 64")
    alpha: float = Field(16.0, gt=0, description="the addition is multiplied by alpha / rank; peft's examples have 16")


def run(cell: ModeInput) -> ModeOutput:
    """Train additions and head; the encoder's own weights and statistics stay."""
    config: Any = cell.config
    fabric = make_fabric("32-true")
    method = cell.method.to(fabric.device).eval()  # also while training: statistics of BatchNorm are frozen too
    example = cell.source.batch(cell.train[:2]).to(fabric.device)
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    added = add_low_rank(method, example, config.rank, config.alpha)
    started = [parameter.detach().clone() for parameter in added]
    with torch.no_grad():
        head = nn.Linear(method.encode(example).shape[1], objective.n_outputs).to(fabric.device)

    def begin() -> Sequence[nn.Parameter]:
        with torch.no_grad():
            for parameter, value in zip(added, started, strict=True):
                parameter.copy_(value)
        head.reset_parameters()
        return [*added, *head.parameters()]

    def outputs(rows: np.ndarray) -> Tensor:
        encoded: Tensor = method.encode(cell.source.batch(rows).to(fabric.device))
        return head(encoded.float())

    def scores(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            batches = cell.source.in_order(rows, encoding_batch(fabric.device))
            parts = [head(method.encode(batch.to(fabric.device)).float()) for batch in batches]
        return objective.scores(torch.cat(parts))

    chosen = train_each_rate(cell, objective, begin, outputs, scores)
    validation, test = (scores(rows) for rows in (cell.validation, cell.test))
    added_count = sum(parameter.numel() for parameter in added)
    return ModeOutput(validation, test, chosen.selection | {"added": added_count}, chosen.history, head)


class LoRA(Mode):
    """Small low-rank matrices are added to the frozen weights of the encoder and trained together with a linear head.

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022. Every linear and convolutional weight that the
    encoder uses gets an addition of rank 8. The encoder's own weights do not change, nor do its running statistics: it stays
    in evaluation mode. Learning rate and epoch are chosen on validation data.
    """

    name = "lora"
    needs_one_of = ("encode",)
    offered_with = "finetune"
    trains = True
    gives_head = True
    Config = Config
    run = staticmethod(run)
