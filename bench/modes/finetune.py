"""Everything is trained: from a checkpoint (``finetune``) or from random weights (``scratch``), selected on validation."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.errors import BenchError
from bench.loading import BatchSource
from bench.method import LabelledData
from bench.modes.cell_run import CellRun, Outcome
from bench.seeding import seed_global
from bench.training.loop import make_fabric
from bench.training.objective import Objective
from bench.training.schedule import warmup_cosine


class Config(BaseModel):
    """Training of encoder and head together. No paper of the zero-shot line states a protocol; these are common values."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 10}

    epochs: int = Field(50, ge=1, description="passes over the labelled fraction, at most")
    batch_size: int = Field(64, ge=1, description="recordings in a step")
    lr: float = Field(1e-3, gt=0, description="peak rate of the head, and of the encoder in scratch; AdamW")
    encoder_lr: float | None = Field(
        None, gt=0, description="peak rate of the encoder; default: a tenth of lr in finetune, lr in scratch"
    )
    weight_decay: float = Field(1e-2, ge=0, description="AdamW; torch's default")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps spent in linear warm-up")
    patience: int = Field(10, ge=1, description="epochs without a better validation value before training stops")
    clip_norm: float | None = Field(1.0, description="clip the global gradient norm to this; None leaves it")
    precision: str = Field("auto", description="auto is bf16-mixed on a GPU that has it and 32-true elsewhere")


class _Classifier(nn.Module):
    def __init__(self, method: nn.Module, dim: int, n_outputs: int):
        super().__init__()
        self.method = method
        self.head = nn.Linear(dim, n_outputs)

    def forward(self, batch: Any) -> torch.Tensor:
        return self.head(self.method.encode(batch).float())


def run(cell: CellRun) -> Outcome:
    """Train, keep the epoch with the best validation value, score validation and test with it, once."""
    if cell.method.implements("fit"):
        return _fit(cell)
    config: Any = cell.config
    objective = Objective(cell.task.kind, cell.targets.shape[1] if cell.targets.ndim > 1 else len(cell.task.classes))
    fabric = make_fabric(config.precision)
    seed_global(cell.seed)
    cell.method.eval()
    with torch.no_grad():
        dim = cell.method.encode(cell.source.batch(cell.train[:1])).shape[1]
    classifier = _Classifier(cell.method, dim, objective.n_outputs)
    encoder_lr = config.encoder_lr or (config.lr if cell.mode == "scratch" else config.lr / 10)
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in cell.method.parameters() if p.requires_grad], "peak": encoder_lr},
            {"params": classifier.head.parameters(), "peak": config.lr},
        ],
        lr=config.lr,
        weight_decay=config.weight_decay,
    )
    model, optimiser = fabric.setup(classifier, optimiser)
    batch_size = min(config.batch_size, len(cell.train))
    steps = len(cell.train) // batch_size
    total = steps * config.epochs
    best: dict[str, Any] = {"value": -math.inf, "epoch": 0}
    history: list[dict[str, float]] = []
    for epoch in range(config.epochs):
        model.train()
        losses = []
        for i, batch in enumerate(cell.source.shuffled(cell.train, batch_size, (cell.seed, epoch))):
            batch = batch.to(fabric.device)
            factor = warmup_cosine(epoch * steps + i, total, round(config.warmup * total))
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
            loss = objective.loss(model(batch), batch.target)
            if not math.isfinite(loss.item()):
                raise BenchError(
                    f"{cell.method.name} on {cell.task.name}: the loss is {loss.item()} at epoch {epoch + 1}, step {i + 1}; "
                    f"lower {'lr' if encoder_lr == config.lr else 'encoder_lr'} (now {encoder_lr:g})."
                )
            optimiser.zero_grad()
            fabric.backward(loss)
            if config.clip_norm is not None:
                fabric.clip_gradients(model, optimiser, max_norm=config.clip_norm)
            optimiser.step()
            losses.append(loss.item())
            cell.progress(
                epoch * steps + i + 1, total, f"epoch {epoch + 1}  best {cell.task.metric} {best['value']:.3f}"
            )
        value = objective.selection_value(
            cell.targets[cell.validation], _scores(model, cell, cell.validation, objective)
        )
        history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), "validation": value})
        if value > best["value"] or "state" not in best:
            state = {k: v.detach().clone() for k, v in classifier.state_dict().items()}
            best = {"value": value, "epoch": epoch + 1, "state": state}
        elif epoch + 1 - best["epoch"] >= config.patience:
            break
    classifier.load_state_dict(best.pop("state"))
    validation, test = (_scores(model, cell, rows, objective) for rows in (cell.validation, cell.test))
    if not math.isfinite(best["value"]):  # no class can be ranked on validation data: the result says so
        best["value"] = None
    return Outcome(validation, test, {"metric": cell.task.metric, **best}, history)


def _scores(model: nn.Module, cell: CellRun, rows: np.ndarray, objective: Objective) -> np.ndarray:
    model.eval()
    device = next(model.parameters()).device
    with torch.no_grad():
        outputs = [model(batch.to(device)) for batch in cell.source.in_order(rows, 128)]
    return objective.scores(torch.cat(outputs))


def _fit(cell: CellRun) -> Outcome:
    """Methods that train without an encoder get whole partitions and answer for whole partitions."""
    seed_global(cell.seed)
    parts = [_labelled(cell.source, cell.targets, rows) for rows in (cell.train, cell.validation, cell.test)]
    predictor = cell.method.fit(parts[0], parts[1])
    return Outcome(predictor.predict(parts[1]), predictor.predict(parts[2]))


class _Batches:
    """Walks the batches of some rows, as often as asked."""

    def __init__(self, source: BatchSource, rows: np.ndarray):
        self.source, self.rows = source, rows

    def __iter__(self):
        return self.source.in_order(self.rows, 256)


def _labelled(source: BatchSource, targets: np.ndarray, rows: np.ndarray) -> LabelledData:
    return LabelledData(targets[rows], source.view.store.records.iloc[source.view.rows[rows]], _Batches(source, rows))
