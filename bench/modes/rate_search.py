"""Training with each of several learning rates; rate and epoch are chosen on validation data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bench.errors import BenchError
from bench.method.search_space import LogUniform, Spaces
from bench.modes.mode_io import ModeInput
from bench.seeding import seed_global
from bench.splitting.stratify import spread_evenly
from bench.training.objective import Objective
from bench.training.schedule import warmup_cosine


class RateSearchConfig(BaseModel):
    """Settings of a training whose learning rate is chosen on validation data."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 5, "lrs": (1e-3,)}
    space: ClassVar[Spaces] = {"weight_decay": LogUniform(low=1e-4, high=1.0)}

    lrs: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-4, 1e-3, 1e-2), min_length=1, description="peak rates of AdamW, each tried; the papers search such a grid"
    )
    epochs: int = Field(20, ge=1, description="passes over the labelled fraction, for each rate; V-JEPA's probe has 20")
    batch_size: int = Field(64, ge=1, description="recordings in a step")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW; torch's default")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps with a rising rate; then a cosine")


@dataclass(frozen=True)
class Chosen:
    """The weights that did best on validation data are in the model.

    Attributes:
        selection: metric, value (None where no class can be ranked), rate, and epoch, counted over all rates.
        history: one entry per rate and epoch.
    """

    selection: dict[str, Any]
    history: list[dict[str, float]]


def train_each_rate(
    cell: ModeInput,
    objective: Objective,
    begin: Callable[[], Sequence[nn.Parameter]],
    outputs: Callable[[np.ndarray], Tensor],
    scores: Callable[[np.ndarray], np.ndarray],
) -> Chosen:
    """Train from the same start with each rate, and leave the best weights in place.

    Args:
        begin: puts what is trained into its start, drawn from torch's global generator, and returns it.
        outputs: of some rows, in training; scores: of some rows, without gradients.

    Raises:
        BenchError: the loss is not finite.
    """
    config: Any = cell.config
    batch_size = objective.batch_size(min(config.batch_size, len(cell.train)), cell.targets[cell.train])
    strata = objective.strata(cell.targets[cell.train]) if objective.couples_records else None
    steps = -(-len(cell.train) // batch_size)
    total, runs = steps * config.epochs, config.epochs * len(config.lrs)
    best: dict[str, Any] = {"value": -math.inf}
    state: list[Tensor] = []
    history: list[dict[str, float]] = []
    trained: Sequence[nn.Parameter] = ()
    for rate in config.lrs:
        seed_global(cell.seed)
        trained = begin()
        optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: warmup_cosine(step, total, round(config.warmup * total))
        )
        for epoch in range(1, config.epochs + 1):
            generator = np.random.default_rng((cell.seed, epoch))
            order = generator.permutation(len(cell.train)) if strata is None else spread_evenly(strata, generator)
            losses = []
            for start in range(0, len(order), batch_size):
                rows = cell.train[order[start : start + batch_size]]
                answers = outputs(rows)
                loss = objective.loss(answers, torch.from_numpy(cell.targets[rows]).to(answers.device))
                if not math.isfinite(loss.item()):
                    raise BenchError(
                        f"{cell.method.name} on {cell.task.name}: the loss is {loss.item()} at rate {rate:g}, epoch {epoch}; "
                        f"leave this rate out of {cell.mode}.lrs."
                    )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                losses.append(loss.item())
            value = objective.selection_value(cell.targets[cell.validation], scores(cell.validation))
            passes = len(history) + 1
            history.append({"epoch": passes, "lr": rate, "loss": float(np.mean(losses)), "validation": value})
            cell.report(passes, value)
            cell.progress(passes, runs, f"rate {rate:g}, epoch {epoch}: validation {value:.3f}")
            if not state or value > best["value"] or (math.isnan(best["value"]) and not math.isnan(value)):
                best = {"value": value, "lr": rate, "epoch": passes}
                state = [parameter.detach().clone() for parameter in trained]
    with torch.no_grad():
        for parameter, weights in zip(trained, state, strict=True):
            parameter.copy_(weights)
    best["value"] = best["value"] if math.isfinite(best["value"]) else None
    return Chosen({"metric": cell.task.metric, **best}, history)
