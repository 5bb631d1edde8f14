"""The mode ``linear-merl-released``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bench import kinds
from bench.errors import ConfigError
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.scoring import classification
from bench.scoring.released import merl_zero_shot
from bench.training.devices import encoding_batch
from bench.training.objective import objective_for

PROTOCOL = "merl-released"


class Config(BaseModel):
    """The probe; every value as in MERL's released code."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 40, "batch_statistics": "fixed"}

    epochs: int = Field(100, ge=1, description="passes over the labelled fraction")
    batch_size: int = Field(16, ge=1, description="recordings in a step")
    lr: float = Field(1e-3, gt=0, description="Adam, before the milestone")
    weight_decay: float = Field(1e-4, ge=0, description="Adam's, which is an L2 penalty")
    milestone: int = Field(
        40, ge=1, description="steps after which the rate is a tenth: meant as epochs, counted in optimiser steps"
    )
    batch_statistics: Literal["moving", "fixed"] = Field(
        "moving",
        description="moving: BatchNorm of the frozen encoder in training mode; fixed: the features that linear reads, so "
        "that the two protocols differ in the probe alone",
    )


def run(cell: ModeInput) -> ModeOutput:
    """Train the head for all epochs; keep the scores of the epoch with the best macro AUROC on the test set.

    Raises:
        ConfigError: not a multilabel task, which is what MERL's code is for, or one with unknown labels.
    """
    if not kinds.load(cell.task.kind).several_at_once:
        raise ConfigError(f"--protocol {PROTOCOL}: for multilabel tasks only; {cell.task.name} is {cell.task.kind}.")
    if any(np.isnan(targets).any() for targets in (cell.targets, cell.test_targets) if targets is not None):
        raise ConfigError(
            f"--protocol {PROTOCOL}: {cell.task.name} has unknown labels, which MERL's code cannot leave out. Run the mode "
            "linear without --protocol."
        )
    assert cell.test_targets is not None, "the harness hands them to this mode"
    config: Any = cell.config
    reader = _Fixed(cell) if config.batch_statistics == "fixed" else _Moving(cell)
    objective = objective_for(cell.task.kind, cell.n_outputs)
    generator = torch.Generator().manual_seed(cell.seed)
    head = nn.Linear(reader.dim, objective.n_outputs)
    with torch.no_grad():  # torch's own initial range, from the cell's generator and not from the global one
        bound = reader.dim**-0.5
        head.weight.uniform_(-bound, bound, generator=generator)
        head.bias.uniform_(-bound, bound, generator=generator)
    optimiser = torch.optim.Adam(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, [config.milestone])

    targets = torch.from_numpy(np.ascontiguousarray(cell.targets))
    best: dict[str, Any] = {"value": -np.inf}
    highest: dict[str, float] = {}
    by_validation = (-np.inf, np.nan)
    history = []
    for epoch in range(config.epochs):
        order = torch.randperm(len(cell.train), generator=generator).numpy()
        losses = []
        for start in range(0, len(order), config.batch_size):
            rows = cell.train[order[start : start + config.batch_size]]
            loss = objective.loss(head(reader.training(rows)), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            scheduler.step()
            losses.append(loss.item())
        validation, test = (
            objective.scores(_apply(head, reader.scoring(rows))) for rows in (cell.validation, cell.test)
        )
        value = objective.selection_value(cell.targets[cell.validation], validation)
        metrics = {
            name: float(classification.macro(each)) for name, each in merl_zero_shot(cell.test_targets, test).items()
        }
        highest = {name: max(value, highest.get(name, -np.inf)) for name, value in metrics.items()}
        by_validation = max(by_validation, (value, metrics["auroc"]), key=lambda pair: pair[0])
        history.append(
            {"epoch": epoch + 1, "loss": float(np.mean(losses)), "validation": value, "test": metrics["auroc"]}
        )
        if metrics["auroc"] > best["value"]:
            best = {"value": metrics["auroc"], "epoch": epoch + 1, "scores": (validation, test)}
        cell.progress(epoch + 1, config.epochs, f"test {cell.task.metric} {metrics['auroc']:.3f}")
    validation, test = best.pop("scores")
    selection = {
        "protocol": PROTOCOL,
        "metric": f"{cell.task.metric} of the test set",
        **best,
        "released": highest,
        "auroc_where_validation_is_best": by_validation[1],
    }
    return ModeOutput(validation, test, selection, history)


def _apply(head: nn.Module, features: Tensor) -> Tensor:
    with torch.no_grad():
        return head(features)


class _Fixed:
    """Features computed once, by an encoder in evaluation mode."""

    def __init__(self, cell: ModeInput):
        self._features = torch.from_numpy(cell.features())
        self.dim = self._features.shape[1]

    def training(self, rows: np.ndarray) -> Tensor:
        return self._features[rows]

    scoring = training


class _Moving:
    """Features computed at every step, by an encoder whose weights are frozen and whose BatchNorm is not."""

    def __init__(self, cell: ModeInput):
        from bench.training.loop import make_fabric

        fabric = make_fabric("32-true")
        cell.method.requires_grad_(False)
        self._model = fabric.setup_module(cell.method)
        self._model.mark_forward_method("encode")
        self._source, self._device = cell.source, fabric.device
        self.dim = self._encode(cell.train[:1], training=False).shape[1]

    def training(self, rows: np.ndarray) -> Tensor:
        return self._encode(rows, training=True)

    def scoring(self, rows: np.ndarray) -> Tensor:
        self._model.eval()
        with torch.no_grad():
            batches = self._source.in_order(rows, encoding_batch(self._device))
            return torch.cat([self._model.encode(batch.to(self._device)).float().cpu() for batch in batches])

    def _encode(self, rows: np.ndarray, training: bool) -> Tensor:
        self._model.train(training)
        with torch.no_grad():
            return self._model.encode(self._source.batch(rows).to(self._device)).float().cpu()


class LinearMerlReleased(Mode):
    """MERL's linear probe as its released code runs it, so that what it inflates can be measured. Not an honest protocol.

    It looks at the test set after every epoch and reports the best, metric by metric, with thresholds chosen on the test set
    too; the learning rate drops at a milestone counted in optimiser steps, not epochs; and the encoder, its weights frozen,
    stays in training mode, so that the running statistics of its BatchNorm follow the downstream data. Results are stamped
    with the protocol and never share a table with others.
    """

    name = "linear-merl-released"
    needs_one_of = ("encode",)
    reads_features = True
    needs_several_at_once = True
    released_protocol = PROTOCOL
    looks_at_test = True
    replaces = "linear"
    Config = Config
    run = staticmethod(run)
