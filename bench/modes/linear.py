"""The mode ``linear``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from bench.method.search_space import LogUniform, Spaces
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.splitting.stratify import spread_evenly
from bench.storage.large_array import large_array
from bench.training.exact_head import Fit, exact_path
from bench.training.linear_head import LinearHead
from bench.training.objective import Objective, objective_for
from bench.training.schedule import warmup_cosine
from bench.training.standardise import standardised

CHUNK = 8 * 2**20
"""Scores computed at a time."""


class Config(BaseModel):
    """The linear probe."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 40}
    space: ClassVar[Spaces] = {"lr": LogUniform(low=1e-5, high=1e-1), "weight_decay": LogUniform(low=1e-4, high=1.0)}
    """What ``bench sweep`` varies unless told otherwise; around the default, as no paper of the probe states a search."""

    unread: ClassVar[dict[tuple[str, str], tuple[str, ...]]] = {
        ("solver", "exact"): ("standardise", "epochs", "batch_size", "lr", "weight_decay", "warmup_steps"),
        ("solver", "adamw"): ("c",),
    }
    """(Field, value) -> the fields that are not read with it; ``--set`` refuses them."""

    solver: Literal["adamw", "exact"] = Field(
        "adamw",
        description="adamw: K-MERL's protocol; exact: L2-regularised logistic regression (ridge for regression, Cox "
        "for survival) on standardised features, solved to its optimum for each of c. The fields of training are then "
        "not used",
    )
    c: tuple[PositiveFloat, ...] = Field(
        (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6),
        min_length=1,
        description="of solver=exact: inverse penalties tried on validation data, scikit-learn's C (its alpha is 1 / c); "
        "seven over the range of CLIP's 96, the values its search starts from (Radford et al. 2021, A.3)",
    )
    standardise: bool = Field(
        True,
        description="scale features to mean 0 and deviation 1 over the labelled fraction; K-MERL does not state it. "
        "False: raw features (only with solver=adamw). Features of an untrained ResNet deviate by 5e-4: with 1,282 "
        "labelled recordings of PTB-XL it scored 52 with raw features and 83 with standardised ones; pretrained "
        "encoders moved by a point or two",
    )
    epochs: int = Field(100, ge=1, description="passes over the labelled fraction; K-MERL Table 4")
    batch_size: int = Field(16, ge=1, description="K-MERL Table 4")
    lr: float = Field(1e-3, gt=0, description="peak rate of AdamW; K-MERL Table 4")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW; K-MERL states none: torch's default")
    warmup_steps: int = Field(
        5, ge=0, description='optimiser steps of linear warm-up; K-MERL Table 4, "warmup steps 5"'
    )


def run(cell: ModeInput) -> ModeOutput:
    """Train the head; keep the epoch with the best validation value; score validation and test with it, once."""
    config: Any = cell.config
    if config.solver == "exact":
        return run_exact(cell)
    raw = cell.features()
    features, scaler = standardised(raw, cell.train) if config.standardise else (torch.from_numpy(raw), None)
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    generator = torch.Generator().manual_seed(cell.seed)
    head = LinearHead(features.shape[1], objective.n_outputs, objective.loss_name, generator)
    targets = objective.learned(torch.from_numpy(cell.targets)).numpy()
    validation, validation_targets = features[cell.validation], cell.targets[cell.validation]
    batch_size = objective.batch_size(config.batch_size, cell.targets[cell.train])
    strata = objective.strata(cell.targets[cell.train]) if objective.couples_records else None
    steps = -(-len(cell.train) // batch_size)
    total = steps * config.epochs
    rates = config.lr * np.array([warmup_cosine(step, total, config.warmup_steps) for step in range(total)])
    metric = cell.task.metric
    best: dict[str, Any] = {"value": -np.inf}
    history = []
    for epoch in range(config.epochs):
        if strata is not None:
            order = spread_evenly(strata, np.random.default_rng((cell.seed, epoch)))
        else:
            order = torch.randperm(len(cell.train), generator=generator).numpy()
        of_epoch = rates[epoch * steps : (epoch + 1) * steps]
        loss = head.train_epoch(features.numpy(), targets, cell.train[order], batch_size, of_epoch, config.weight_decay)
        value = objective.selection_value(validation_targets, _scores(head, objective, validation))
        history.append({"epoch": epoch + 1, "loss": loss, "validation": value})
        cell.report(epoch + 1, value)
        if value > best["value"]:
            best = {"value": value, "epoch": epoch + 1, "state": head.state()}
        cell.progress(epoch + 1, config.epochs, f"validation {metric} {value:.3f}")
    if "state" not in best:  # no class can be ranked on validation data: the last epoch stands, and the result says so
        best = {"value": None, "epoch": config.epochs, "state": head.state()}
    head.load(best.pop("state"))
    scored = [_scores(head, objective, features[rows]) for rows in (cell.validation, cell.test)]
    if scaler is not None:
        head.load(_on_raw_features(head.weight, head.bias, scaler))
    return ModeOutput(scored[0], scored[1], {"metric": metric, **best}, history, head)


def _scores(head: LinearHead, objective: Objective, features: Tensor) -> np.ndarray:
    """Scores of some recordings, float64, computed in chunks: of many classes they are larger than everything else."""
    chunks = features.split(max(1, CHUNK // objective.n_outputs))
    if len(chunks) == 1:
        return objective.scores(head.outputs(features))
    first = objective.scores(head.outputs(chunks[0]))
    every = large_array((len(features), *first.shape[1:]), first.dtype)
    done = 0
    for chunk in chunks:
        every[done : done + len(chunk)] = objective.scores(head.outputs(chunk))
        done += len(chunk)
    return every


def run_exact(cell: ModeInput) -> ModeOutput:
    """Solve for each penalty; keep the one with the best validation value, one for all classes."""
    config: Any = cell.config
    raw = cell.features().astype(np.float64)
    scaler = StandardScaler().fit(raw[cell.train])
    features = torch.from_numpy(scaler.transform(raw))
    targets = torch.from_numpy(np.ascontiguousarray(cell.targets[cell.train]))
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    path = exact_path(
        features[cell.train], objective.learned(targets), objective.loss_name, objective.n_outputs, config.c
    )

    def scores(fit: Fit, rows: np.ndarray) -> np.ndarray:
        return objective.scores(features[rows] @ fit.weight.T + fit.bias)

    metric = cell.task.metric
    best: dict[str, Any] = {"value": -np.inf}
    chosen, history = None, []
    for i, fit in enumerate(path):
        value = objective.selection_value(cell.targets[cell.validation], scores(fit, cell.validation))
        history.append({"c": fit.c, "loss": fit.loss / len(cell.train), "validation": value})
        cell.report(i + 1, value)
        # Where no class can be ranked the value is NaN, and the strongest penalty stands.
        if chosen is None or value > best["value"] or (np.isnan(best["value"]) and not np.isnan(value)):
            best, chosen = {"value": value, "c": fit.c}, fit
        cell.progress(i + 1, len(config.c), f"c {fit.c:g}: validation {metric} {value:.3f}")
    assert chosen is not None
    head = LinearHead(features.shape[1], objective.n_outputs, objective.loss_name, torch.Generator())
    head.load(_on_raw_features(chosen.weight.numpy(), chosen.bias.numpy(), scaler))
    best = {"metric": metric, **best, "value": best["value"] if np.isfinite(best["value"]) else None}
    return ModeOutput(scores(chosen, cell.validation), scores(chosen, cell.test), best, history, head)


def _on_raw_features(weight: np.ndarray, bias: np.ndarray, scaler: StandardScaler) -> tuple[np.ndarray, np.ndarray]:
    """The same answers from features as the encoder gives them, which is what a trained head is asked with later."""
    weight = weight / scaler.scale_
    return weight.astype(np.float32), (bias - weight @ scaler.mean_).astype(np.float32)


class Linear(Mode):
    """A linear head on the frozen encoder: K-MERL's protocol (Table 4), with the weights chosen on validation data.

    Released code of MERL, whose protocol K-MERL says it follows, reports the best epoch on the test set instead.

    ``solver=exact`` has no epochs: the optimum under each of a path of L2 penalties, the penalty chosen on validation data.
    CLIP's linear probe (Radford et al., ICML 2021, A.3) is of this kind: L-BFGS, and the penalty from 96 values between 1e-6
    and 1e6, evenly spaced in their logarithm, that a parametric binary search narrows down from seven of them. Here the seven
    are all, and each is solved to its optimum. It depends on no seed and no learning rate, and takes seconds.

    Either solver reads standardised features: with a fixed learning rate, as with a penalty, what a dimension may contribute
    would else depend on the scale that the encoder happens to have.
    """

    name = "linear"
    needs_one_of = ("encode",)
    reads_features = True
    gives_head = True
    Config = Config
    run = staticmethod(run)

    def depends_on_seed(self, config: Any) -> bool:
        return bool(config.solver != "exact")
