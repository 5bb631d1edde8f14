"""The mode ``finetune``; ``scratch`` trains by the same code."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from bench import registry
from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method import LabelledData
from bench.method.independence import check_scores
from bench.method.search_space import LogUniform, Spaces
from bench.modes import facts
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.scoring.released import aggregate_windows
from bench.seeding import seed_global
from bench.training.clipping import clip_gradients
from bench.training.devices import encoding_batch
from bench.training.layer_decay import layer_factors
from bench.training.loop import make_fabric, split_decay
from bench.training.objective import Objective, objective_for
from bench.training.schedule import SCHEDULES

PositiveRate = Annotated[float, Field(gt=0)]


class Config(BaseModel):
    """Training of encoder and head together.

    No paper of the zero-shot line states a protocol: the defaults, ``protocol: selected``, are common values. A named
    protocol puts its own in their place; single fields may still be set on top of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 10}
    small: ClassVar[dict[str, Any]] = {
        # Published rates, batches and crops are those of corpora ten times as large. A tenth of 1,300 recordings is two
        # batches of 64: too few steps.
        "protocol": "selected",
        "epochs": 50,
        "patience": 10,
        "batch_size": 16,
        "lr": (5e-4, 2e-3),
        "lr_batch": None,
    }
    space: ClassVar[Spaces] = {"lr": LogUniform(low=1e-5, high=1e-2), "weight_decay": LogUniform(low=1e-4, high=1.0)}
    """What ``bench sweep`` varies where a method's paper names nothing else."""
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "strodthoff": {
            "epochs": 50,
            "batch_size": 128,
            "lr": 1e-2,
            "weight_decay": 1e-2,
            "betas": (0.9, 0.99),
            "schedule": "one-cycle",
            "warmup": 0.3,
            "clip_norm": None,
            "crop_seconds": 2.5,
            "stride_seconds": 1.25,
            "windows": "max",
            "select": "last",
        }
    }

    protocol: Literal["selected", "strodthoff"] = Field(
        "selected",
        description="selected: the epoch that is best on validation data, whole recordings. strodthoff: the PTB-XL "
        "benchmark (Strodthoff et al., IEEE JBHI 2021, released code): one cycle over random 2.5 s crops, last epoch, "
        "the maximum over overlapping windows",
    )
    epochs: int = Field(50, ge=1, description="passes over the labelled fraction, at most")
    batch_size: int = Field(64, ge=1, description="recordings in a step")
    lr: PositiveRate | tuple[PositiveRate, ...] = Field(
        1e-3,
        description="peak rate of the head, and of the encoder in scratch; AdamW. Several: each is trained from the same "
        "start, and validation data choose the rate, as they choose the epoch",
    )
    encoder_lr: PositiveRate | Literal["lr"] | None = Field(
        None,
        description="peak rate of the encoder; lr: the rate of the head; default: a tenth of lr in finetune; lr in "
        "scratch, and with layer_decay",
    )
    lr_batch: int | None = Field(
        None,
        ge=1,
        description="batch for which lr and encoder_lr are stated: rates are multiplied by batch_size / lr_batch "
        "(MMCL's released code: 4); None: rates are used as stated",
    )
    layer_decay: float | None = Field(
        None,
        gt=0,
        le=1,
        description="factor on the encoder's rate from each layer to the one below it, 1 at the head (0.75 in MAE and in "
        "MMCL's released code); None: one rate for all of the encoder",
    )
    weight_decay: float = Field(1e-2, ge=0, description="AdamW; torch's default")
    decayed: Literal["all", "matrices"] = Field(
        "all",
        description="matrices: no weight decay on biases, gains, positions and class tokens, as in MAE and methods "
        "based on it",
    )
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW; one-cycle changes the first beta")
    schedule: Literal["cosine", "constant", "one-cycle"] = Field(
        "cosine",
        description="after warm-up; one-cycle: cosine from lr/25 to lr and down to lr/250000, momentum 0.95, 0.85, 0.95",
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps spent in warm-up")
    clip_norm: float | None = Field(1.0, description="clip the global gradient norm to this; None: no clipping")
    crop_seconds: float | None = Field(
        None,
        gt=0,
        description="s; train on random crops of this length and score windows of it; None: as the method asks",
    )
    stride_seconds: float = Field(1.25, gt=0, description="s between the starts of scored windows")
    batches: Literal["shuffled", "stratified"] = Field(
        "shuffled",
        description="stratified: every batch holds events (or classes) in their share of the training set; LLM-DAN "
        "III-C. Recordings with several labels or values have no such share and are shuffled",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of class labels; MMCL IV-C.2 sweeps 0, 0.1 and 0.2")
    windows: Literal["max", "mean"] = Field("mean", description="scores of a recording from those of its windows")
    select: Literal["best", "last"] = Field("best", description="the epoch with the best validation value, or the last")
    patience: int = Field(10, ge=1, description="epochs without a better validation value before training stops")
    precision: str = Field("auto", description="auto is bf16-mixed on a GPU that has it and 32-true elsewhere")


class _Classifier(nn.Module):
    def __init__(self, method: Any, example: Any, n_outputs: int):
        super().__init__()
        self.method = method
        method.eval()
        with torch.no_grad():
            dim = method.encode(example).shape[1]
        self.head = method.head(dim, n_outputs)

    def forward(self, batch: Any) -> torch.Tensor:
        return self.head(self.method.encode(batch).float()).float()

    def training_loss(self, batch: Any, objective: Objective) -> torch.Tensor:
        seen = self.method.augment_finetuning(batch)
        encoded = self.method.encode(seen).float()
        return self.method.finetune_loss(
            batch, seen, encoded, _loss(objective, self.head(encoded).float(), batch.target)
        )


def run(cell: ModeInput) -> ModeOutput:
    """Train with each rate, keep the epoch that did best, score validation and test with it, once."""
    if cell.method.implements("fit"):
        return _fit(cell)
    config: Any = cell.config
    objective = objective_for(cell.task.kind, cell.n_outputs, config.label_smoothing, cell.targets[cell.train])
    fabric = make_fabric(config.precision)
    rates = config.lr if isinstance(config.lr, tuple) else (config.lr,)
    seed_global(cell.seed)
    cell.method.begin_finetuning()
    start = _copy(cell.method) if len(rates) > 1 else {}
    trainings: list[_Training] = []
    for rate in rates:
        if trainings:
            seed_global(cell.seed)
            cell.method.load_state_dict(start)
            cell.method.to(fabric.device)
        before = sum(len(earlier.history) for earlier in trainings)
        trainings.append(_train(cell, config.model_copy(update={"lr": rate}), objective, fabric, before, len(rates)))
        chosen = max(trainings, key=lambda training: training.rank)
        for training in trainings:
            if training is not chosen:
                training.state.clear()  # weights of a large network are held once
    classifier = trainings[-1].classifier
    if chosen.state:
        classifier.load_state_dict(chosen.state)
    validation, test = (_scores(classifier, fabric, cell, rows, objective) for rows in (cell.validation, cell.test))
    value = chosen.value
    if config.select == "last":
        value = objective.selection_value(cell.targets[cell.validation], validation)
    selection = {"metric": cell.task.metric, "value": value if math.isfinite(value) else None, "epoch": chosen.epoch}
    if len(rates) > 1:
        selection["lr"] = chosen.rate
    history = [epoch for training in trainings for epoch in training.history]
    return ModeOutput(validation, test, selection, history, classifier.head)


@dataclass
class _Training:
    """One training with one rate.

    Attributes:
        value, epoch: of the weights in ``state``; the value is NaN where no class can be ranked, and negative infinity where
            nothing was scored.
        state: weights of encoder and head, where a later epoch or training changes them.
    """

    classifier: _Classifier
    rate: float
    epoch: int
    value: float = -math.inf
    state: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def rank(self) -> float:
        return self.value if math.isfinite(self.value) else -math.inf


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _train(
    cell: ModeInput, config: Any, objective: Objective, fabric: Fabric, epochs_before: int, trainings: int
) -> _Training:
    """Train with one rate.

    Args:
        epochs_before: of the trainings before this one.
        trainings: how many the cell has in all.
    """
    source = cell.source if config.crop_seconds is None else cell.source.random_crops(config.crop_seconds)
    classifier = _Classifier(cell.method, source.batch(cell.train[:1]), objective.n_outputs)
    batch_size = objective.batch_size(min(config.batch_size, len(cell.train)), cell.targets[cell.train])
    steps = len(cell.train) // batch_size
    whole = not facts(cell.mode).uses_checkpoint or config.layer_decay is not None
    lr, encoder_lr = _rates(config, whole)
    groups = [
        *_encoder_groups(cell, source, encoder_lr),
        {"params": list(classifier.head.parameters()), "lr": lr},
    ]
    if config.decayed == "matrices":
        groups = [part for group in groups for part in split_decay(group, config.weight_decay)]
    optimiser = torch.optim.AdamW(groups, betas=config.betas, weight_decay=config.weight_decay)
    scheduler = _scheduler(optimiser, config, steps * config.epochs)
    # The classifier itself is called, under autocast: what Fabric wraps would convert batches, which are frozen, and leaves
    # out its precision for every function that is not forward.
    model, optimiser = fabric.setup(classifier, optimiser)
    stratified = objective.couples_records or config.batches == "stratified"
    strata = objective.strata(cell.targets[cell.train]) if stratified else None
    rate = f"{'lr' if encoder_lr == lr else 'encoder_lr'} (now {encoder_lr:g})"
    training = _Training(classifier, config.lr, config.epochs)
    for epoch in range(config.epochs):
        model.train()
        losses = []
        for i, batch in enumerate(source.shuffled(cell.train, batch_size, (cell.seed, epoch), strata)):
            batch = batch.to(fabric.device)
            with fabric.autocast():
                loss = classifier.training_loss(batch, objective)
            if not math.isfinite(loss.item()):
                raise BenchError(
                    f"{cell.method.name} on {cell.task.name}: the loss is {loss.item()} at epoch {epoch + 1}, "
                    f"step {i + 1}; lower {rate}."
                )
            optimiser.zero_grad()
            fabric.backward(loss)
            if config.clip_norm is not None:
                clip_gradients(fabric, model, optimiser, config.clip_norm, rate)
            optimiser.step()
            scheduler.step()
            losses.append(loss.item())
            so_far = f"best {cell.task.metric} {training.value:.3f}" if training.state else f"loss {losses[-1]:.3f}"
            done = (epochs_before + epoch) * steps + i + 1
            cell.progress(done, steps * config.epochs * trainings, f"epoch {epoch + 1}  {so_far}")
        training.history.append({"epoch": epoch + 1, "loss": float(np.mean(losses))})
        if trainings > 1:
            training.history[-1]["lr"] = config.lr
        last = epoch + 1 == config.epochs
        if config.select == "last" and not (last and trainings > 1):
            continue
        value = objective.selection_value(
            cell.targets[cell.validation], _scores(classifier, fabric, cell, cell.validation, objective)
        )
        training.history[-1]["validation"] = value
        cell.report(epochs_before + epoch + 1, value)
        # What cannot be ranked yet gives way to the latest.
        if config.select == "last" or value > training.value or not math.isfinite(training.value):
            training.value, training.epoch, training.state = value, epoch + 1, _copy(classifier)
        elif epoch + 1 - training.epoch >= config.patience:
            break
    return training


def _rates(config: Any, whole: bool) -> tuple[float, float]:
    """Peak rates of the head and of the encoder; ``whole``: the encoder's is the head's unless it is stated."""
    scale = 1.0 if config.lr_batch is None else config.batch_size / config.lr_batch
    stated = config.encoder_lr
    if stated == "lr" or (stated is None and whole):
        stated = config.lr
    return config.lr * scale, (config.lr / 10 if stated is None else stated) * scale


def _encoder_groups(cell: ModeInput, source: BatchSource, lr: float) -> list[dict[str, Any]]:
    """The encoder's parameters with their peak rates."""
    config: Any = cell.config
    decay = config.layer_decay
    if decay is None:
        return [{"params": [p for p in cell.method.parameters() if p.requires_grad], "lr": lr}]
    factors = layer_factors(cell.method, source.batch(cell.train[:1]), decay)
    return [{"params": parameters, "lr": lr * factor} for factor, parameters in factors]


def _scheduler(optimiser: torch.optim.Optimizer, config: Any, total: int) -> LRScheduler:
    if config.schedule == "one-cycle":
        peaks = [group["lr"] for group in optimiser.param_groups]
        return OneCycleLR(optimiser, peaks, total_steps=total, pct_start=config.warmup)
    factor, warmup = SCHEDULES[config.schedule], round(config.warmup * total)
    return LambdaLR(optimiser, lambda step: factor(step, total, warmup))


def _loss(objective: Objective, outputs: torch.Tensor, target: Any) -> torch.Tensor:
    """Of one answer, [record, output], or the sum over several."""
    answers = outputs if outputs.ndim == 3 else outputs[None]
    return torch.stack([objective.loss(answer, target) for answer in answers]).sum()


def _scores(model: nn.Module, fabric: Fabric, cell: ModeInput, rows: np.ndarray, objective: Objective) -> np.ndarray:
    """Scores of some rows, one a row: of the whole recording, or put together from its windows."""
    config: Any = cell.config
    source, owner = cell.source, None
    if config.crop_seconds is not None:
        source, owner = source.sliding(rows, config.crop_seconds, config.stride_seconds)
        rows = np.arange(len(owner))
    model.eval()
    with torch.no_grad(), fabric.autocast():
        batches = source.in_order(rows, encoding_batch(fabric.device))
        outputs = [model(batch.to(fabric.device)) for batch in batches]
    scores = objective.scores(torch.cat(outputs))
    if owner is None:
        return scores
    each = aggregate_windows(scores.reshape(len(scores), -1), owner, config.windows)
    return each.reshape(-1, *scores.shape[1:])


def _fit(cell: ModeInput) -> ModeOutput:
    """Methods that train without an encoder get whole partitions and answer for whole partitions."""
    seed_global(cell.seed)
    train, validation, test = (_labelled(cell, rows) for rows in (cell.train, cell.validation, cell.test))
    predictor = cell.method.fit(train, validation)
    output = ModeOutput(predictor.predict(validation), predictor.predict(test))
    check_scores(cell.method, "predict", output.test, lambda few: predictor.predict(_labelled(cell, cell.test[few])))
    return output


class _Batches:
    """Walks the batches of some rows, as often as asked."""

    def __init__(self, source: BatchSource, rows: np.ndarray):
        self.source, self.rows = source, rows

    def __iter__(self):
        return self.source.in_order(self.rows, 256)


def _labelled(cell: ModeInput, rows: np.ndarray) -> LabelledData:
    view = cell.source.view
    dataset = registry.load(registry.DATASETS, cell.task.dataset)
    shown = [*dataset.tabular_variables, *dataset.measurements]
    records = view.store.records.iloc[view.rows[rows]]
    return LabelledData(
        targets=cell.targets[rows],
        records=records[[name for name in shown if name in records]],
        batches=_Batches(cell.source, rows),
        kind=cell.task.kind,
        n_outputs=cell.n_outputs,
    )


class Finetune(Mode):
    """Encoder and head are trained together, from a checkpoint."""

    name = "finetune"
    needs_one_of = ("encode",)
    trains = True
    gives_head = True
    Config = Config
    run = staticmethod(run)
