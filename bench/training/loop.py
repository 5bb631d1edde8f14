"""The one training loop: pretraining of any method, on Lightning Fabric, resumable to the bit on the CPU.

Several processes (:mod:`bench.training.devices`) share out each batch; what they draw at random differs from one to the next
and comes from (seed, epoch, process). The first one writes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.errors import BenchError, ConfigError, DataError
from bench.method import Method
from bench.method.pretrain_config import PretrainConfig
from bench.progress import Progress
from bench.seeding import derive, seed_global
from bench.storage.artifacts import replace_file
from bench.training import micro_batches
from bench.training.batch_norm import over_all_processes
from bench.training.clipping import clip_gradients
from bench.training.collapse import representation_measures
from bench.training.contrast import contrasts
from bench.training.devices import Devices, full, in_parts, make_fabric
from bench.training.distributed import agreed, average, rank, ranks
from bench.training.method_calls import Model, set_up
from bench.training.schedule import schedule_of
from bench.training.training_log import TrainingLog, gradient_norm

STATE = "state.pt"
Probe = Callable[[Method, int, int], dict[str, float]]
"""The method, the epoch that has ended, from 1, and the number of epochs -> what was measured, empty between probes."""


def make_optimiser(method: torch.nn.Module, config: PretrainConfig) -> torch.optim.Optimizer:
    """AdamW or Adam over the weights that train, as the config says."""
    trainable = [p for p in method.parameters() if p.requires_grad]
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    if config.decayed == "all":
        return kind(trainable, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay)
    groups = split_decay({"params": trainable}, config.weight_decay)
    return kind(groups, lr=config.lr, betas=config.betas)


def split_decay(group: dict[str, Any], weight_decay: float) -> list[dict[str, Any]]:
    """A group of parameters in two: matrices, which decay, and biases, gains, positions and class tokens, which do not.

    Positions and tokens are recognised by their shape, [1, n, width].
    """
    decays: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
    for p in group["params"]:
        decays[p.ndim > 1 and not (p.ndim == 3 and len(p) == 1)].append(p)
    parts = [group | {"params": decays[True], "weight_decay": weight_decay}]
    parts.append(group | {"params": decays[False], "weight_decay": 0.0})
    return [part for part in parts if part["params"]]


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write under another name, flush, rename: a reader finds the state of one epoch, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(state, temporary)
        replace_file(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        raise BenchError(
            f"{path}: the state of this epoch could not be written ({error}). The state of the epoch before it is kept; "
            f"free some space, then run the same command again and it continues from there."
        ) from error


def train(
    method: Method,
    source: BatchSource,
    rows: np.ndarray,
    validation_rows: np.ndarray,
    config: PretrainConfig,
    folder: Path,
    progress: Progress,
    devices: Devices | None = None,
    log: TrainingLog | None = None,
    probe: Probe | None = None,
) -> list[dict[str, float]]:
    """Pretrain ``method`` in place and return its history, one entry an epoch.

    After every epoch, ``folder/state.pt`` holds weights, optimiser and history; if it is there at the start, training
    goes on from it. All that is drawn at random in an epoch comes from (seed, epoch), so an interrupted run ends with
    the weights of an undisturbed one.

    Args:
        devices: in one of several processes, what they run on together.
        log: records steps and epochs.
        probe: measures the weights after some epochs; it changes none.

    Raises:
        DataError: fewer than two recordings. ConfigError: what the devices, or the method, cannot do. BenchError: a loss
        that is not finite, or a state that cannot be written.
    """
    if len(rows) < 2:
        raise DataError(
            f"pretraining {method.name} needs at least 2 recordings; the corpus has {len(rows)} to train on."
        )
    batch_size = config.batch_for(len(rows))
    _check(method, config, batch_size, devices)
    log = log or TrainingLog()
    fabric = make_fabric(config.precision, devices)
    draws = (rank(),) if rank() else ()
    steps = len(rows) // batch_size
    total = steps * config.epochs
    warmup = round(config.warmup_epochs * steps)
    factor_at = schedule_of(config)
    state: dict[str, Any] = {}
    if agreed((folder / STATE).exists()):
        state = torch.load(folder / STATE, map_location=fabric.device, weights_only=True)
        method.load_state_dict(state["model"])
    if ranks() > 1:
        over_all_processes(method, fabric.device)
    model = set_up(fabric, method)
    optimiser: Any = fabric.setup_optimizers(make_optimiser(method, config))
    if state:
        optimiser.load_state_dict(in_parts(state["optimiser"], optimiser))
    history: list[dict[str, float]] = state.get("history", [])
    seen = validation_rows if len(validation_rows) > 1 else rows
    untrained = _untrained_rank(history, method, model, source, seen) if config.epochs else {}

    for epoch in range(len(history), config.epochs):
        seed_global(derive("pretrain-epoch", config.seed, epoch, *draws))
        method.train()
        sums: dict[str, float] = {}
        started, waited = time.perf_counter(), 0.0
        batches = source.shuffled(rows, batch_size, (config.seed, epoch), rank=rank(), ranks=ranks())
        for i in range(steps):
            requested = time.perf_counter()
            batch = next(batches).to(fabric.device)
            waited += time.perf_counter() - requested
            step = epoch * steps + i
            factor = factor_at(step, total, warmup)
            for group in optimiser.param_groups:
                group["lr"] = config.lr * factor
            optimiser.zero_grad()
            terms = _backward(fabric, method, model, batch, config.micro_batch)
            values = _values(terms)
            if not all(math.isfinite(v) for v in values.values()):
                state_note = f"The state of epoch {epoch} is kept in {folder}" if epoch else "Nothing was kept"
                raise BenchError(
                    f"pretraining {method.name}: the loss is not finite at epoch {epoch + 1}, step {i + 1} "
                    f"({_show(values)}). {state_note}; lower pretrain.lr "
                    f"(now {config.lr:g}) or set pretrain.clip_norm, which starts a separate checkpoint."
                )
            if log.wants(step + 1, total):
                log.step(step + 1, batch_size, values, config.lr * factor, gradient_norm(fabric, method))
            if config.clip_norm is not None:
                clip_gradients(fabric, model.module, optimiser, config.clip_norm, f"pretrain.lr (now {config.lr:g})")
            optimiser.step()
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            progress(step + 1, total, f"epoch {epoch + 1}/{config.epochs}  {_show(values)}")
        seconds = time.perf_counter() - started
        entry = {"epoch": epoch + 1, "lr": config.lr * factor}
        entry |= {name: value / steps for name, value in sums.items()}
        with contrasts() as contrast:
            entry |= {
                f"validation_{k}": v
                for k, v in validation_loss(method, model, source, validation_rows, batch_size, config)
            }
        entry |= {
            "seconds": seconds,
            "recordings_per_second": steps * batch_size / seconds,
            "waiting": waited / seconds,
            "devices": ranks(),
        }
        entry |= log.measured() | representation_measures(method, model, source, seen) | untrained | contrast.measured()
        if probe is not None:
            entry |= probe(method, epoch + 1, config.epochs)
        history.append(entry)
        log.epoch(entry, list(sums))
        state = {"model": method.state_dict(), "optimiser": optimiser.state_dict(), "history": history}
        if ranks() > 1:
            state = full(state)
        if rank() == 0:
            save_state(folder / STATE, state)
    return history


def _untrained_rank(
    history: list[dict[str, float]], method: Method, model: Model, source: BatchSource, rows: np.ndarray
) -> dict[str, float]:
    """The centred rank before the first epoch, which every epoch's entry repeats."""
    if history:
        return {name: value for name, value in history[0].items() if name == "untrained_rank"}
    before = representation_measures(method, model, source, rows)
    return {"untrained_rank": before["centred_rank"]} if before else {}


def _check(method: Method, config: PretrainConfig, batch_size: int, devices: Devices | None) -> None:
    strategy = devices.strategy if devices is not None else "auto"
    if config.micro_batch is not None:
        micro_batches.check(method, strategy)
    if batch_size % ranks():
        raise ConfigError(
            f"pretraining {method.name}: a batch of {batch_size} recordings cannot be divided evenly over {ranks()} "
            "devices. Take a number of devices that divides it, or another pretrain.batch_size (the batch of all "
            "devices)."
        )
    still = [name for name, p in method.named_parameters() if not p.requires_grad]
    if strategy == "fsdp" and still:
        raise ConfigError(
            f"--strategy fsdp: {method.name} keeps weights that do not train or follow others ({still[0]}), which "
            "cannot be kept in parts. Use --strategy ddp."
        )


def _backward(
    fabric: Fabric, method: Method, model: Model, batch: ECGBatch, micro_batch: int | None
) -> dict[str, Tensor]:
    """The terms of a batch's loss; its gradient is added to the weights'."""
    if micro_batch is not None and micro_batch < len(batch):
        return micro_batches.backward(fabric, method, model, batch, micro_batch)
    terms: dict[str, Tensor] = model.pretraining_loss(batch)
    fabric.backward(torch.stack(list(terms.values())).sum())
    return terms


def _values(terms: dict[str, Tensor]) -> dict[str, float]:
    """The terms as numbers, over all processes."""
    if ranks() == 1:
        return {name: value.item() for name, value in terms.items()}
    return dict(zip(terms, average(torch.stack(list(terms.values())).detach().double()).tolist(), strict=True))


def validation_loss(
    method: Method, model: Model, source: BatchSource, rows: np.ndarray, batch_size: int, config: PretrainConfig
) -> Iterator[tuple[str, float]]:
    """Mean of each loss term over full validation batches, with the same random draws every epoch."""
    batch_size = min(batch_size, len(rows)) // ranks() * ranks()
    if batch_size < 2:
        return
    seed_global(derive("pretrain-validation", 0, *((rank(),) if rank() else ())))
    method.eval()
    sums: dict[str, float] = {}
    n = 0
    with torch.no_grad():
        for batch in source.shuffled(rows, batch_size, (0,), rank=rank(), ranks=ranks()):
            batch = batch.to(model.module.device)
            if config.micro_batch is not None and config.micro_batch < len(batch):
                terms = micro_batches.loss(method, model, batch, config.micro_batch)
            else:
                terms = model.pretraining_loss(batch)
            for name, value in _values(terms).items():
                sums[name] = sums.get(name, 0.0) + value
            n += 1
    method.train()
    yield from ((name, value / n) for name, value in sums.items())


def _show(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in values.items())
