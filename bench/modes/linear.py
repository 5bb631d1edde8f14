"""A linear head on the frozen encoder: K-MERL's protocol (Table 4), with the weights chosen on validation data.

Released code of MERL, whose protocol K-MERL says it follows, reports the best epoch on the test set instead.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.loading import spread_evenly
from bench.modes.cell_run import CellRun, Outcome
from bench.training.objective import Objective, survival_batch
from bench.training.schedule import warmup_cosine

SCORING_BATCH = 65536


class Config(BaseModel):
    """The linear probe."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 40}

    epochs: int = Field(100, ge=1, description="passes over the labelled fraction; K-MERL Table 4")
    batch_size: int = Field(16, ge=1, description="K-MERL Table 4")
    lr: float = Field(1e-3, gt=0, description="peak rate of AdamW; K-MERL Table 4")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW; K-MERL states none: torch's default")
    warmup_steps: int = Field(
        5, ge=0, description='optimiser steps of linear warm-up; K-MERL Table 4, "warmup steps 5"'
    )


def run(cell: CellRun) -> Outcome:
    """Train the head; keep the epoch with the best validation value; score validation and test with it, once."""
    config: Any = cell.config
    features = torch.from_numpy(cell.features())
    objective = Objective(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    generator = torch.Generator().manual_seed(cell.seed)
    head = nn.Linear(features.shape[1], objective.n_outputs)
    with torch.no_grad():  # torch's own initial range, from the cell's generator and not from the global one
        bound = features.shape[1] ** -0.5
        head.weight.uniform_(-bound, bound, generator=generator)
        head.bias.uniform_(-bound, bound, generator=generator)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)

    train, validation = features[cell.train], features[cell.validation]
    train_targets = torch.from_numpy(np.ascontiguousarray(cell.targets[cell.train]))
    validation_targets = cell.targets[cell.validation]
    batch_size, survival = config.batch_size, cell.task.kind == "survival"
    if survival:
        batch_size = survival_batch(batch_size, cell.targets[cell.train])
    steps = -(-len(train) // batch_size)
    best: dict[str, Any] = {"value": -np.inf}
    history = []
    for epoch in range(config.epochs):
        if survival:
            rng = np.random.default_rng((cell.seed, epoch))
            order = torch.from_numpy(spread_evenly(cell.targets[cell.train, 1], rng))
        else:
            order = torch.randperm(len(train), generator=generator)
        total_loss = 0.0
        for i in range(steps):
            rows = order[i * batch_size : (i + 1) * batch_size]
            factor = warmup_cosine(epoch * steps + i, steps * config.epochs, config.warmup_steps)
            optimiser.param_groups[0]["lr"] = config.lr * factor
            loss = objective.loss(head(train[rows]), train_targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total_loss += loss.item() * len(rows)
        with torch.no_grad():
            value = objective.selection_value(validation_targets, objective.scores(head(validation)))
        history.append({"epoch": epoch + 1, "loss": total_loss / len(train), "validation": value})
        cell.report(epoch + 1, value)
        if value > best["value"]:
            best = {"value": value, "epoch": epoch + 1, "state": {k: v.clone() for k, v in head.state_dict().items()}}
        cell.progress(epoch + 1, config.epochs, f"validation {cell.task.metric} {value:.3f}")
    if "state" not in best:  # no class can be ranked on validation data: the last epoch stands, and the result says so
        best = {"value": None, "epoch": config.epochs, "state": head.state_dict()}
    head.load_state_dict(best.pop("state"))
    with torch.no_grad():
        scored = [
            objective.scores(torch.cat([head(chunk) for chunk in features[rows].split(SCORING_BATCH)]))
            for rows in (cell.validation, cell.test)
        ]
    return Outcome(scored[0], scored[1], {"metric": cell.task.metric, **best}, history)
