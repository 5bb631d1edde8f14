"""The one training loop: pretraining of any method, on Lightning Fabric, resumable to the bit on the CPU."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from bench.errors import BenchError, DataError
from bench.loading import BatchSource
from bench.method import Method
from bench.progress import Progress
from bench.seeding import derive, seed_global
from bench.training.config import PretrainConfig
from bench.training.schedule import schedule_of

STATE = "state.pt"


def make_fabric(precision: str = "auto") -> Fabric:
    """One device: a GPU if there is one. ``auto`` precision is bf16-mixed where the GPU has it, else float32."""
    if precision == "auto":
        precision = "bf16-mixed" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32-true"
    fabric = Fabric(accelerator="auto", devices=1, precision=precision)  # type: ignore[arg-type]
    if fabric.device.type == "cpu":
        # Without this, threads add the gradients of an indexed parameter (lead embeddings) in whatever order they come.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Filling fresh memory, which that switches on too, costs time and guards against nothing here.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return fabric


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

    Positions and tokens are told by their shape, [1, n, width].
    """
    decays: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
    for p in group["params"]:
        decays[p.ndim > 1 and not (p.ndim == 3 and len(p) == 1)].append(p)
    parts = [group | {"params": decays[True], "weight_decay": weight_decay}]
    parts.append(group | {"params": decays[False], "weight_decay": 0.0})
    return [part for part in parts if part["params"]]


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write aside and rename: a reader sees the state of one epoch or of the one before, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
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
) -> list[dict[str, float]]:
    """Pretrain ``method`` in place and return its history, one entry an epoch.

    After every epoch, ``folder/state.pt`` holds weights, optimiser and history; if it is there at the start, training
    goes on from it. All that is drawn at random in an epoch comes from (seed, epoch), so an interrupted run ends with
    the weights of an undisturbed one.

    Raises:
        DataError: fewer than two recordings. BenchError: a loss that is not finite, or a state that cannot be written.
    """
    if len(rows) < 2:
        raise DataError(
            f"pretraining {method.name} needs at least 2 recordings; the corpus has {len(rows)} to train on."
        )
    fabric = make_fabric(config.precision)
    batch_size = config.batch_for(len(rows))
    steps = len(rows) // batch_size
    total = steps * config.epochs
    warmup = round(config.warmup_epochs * steps)
    factor_at = schedule_of(config)
    optimiser = make_optimiser(method, config)
    model, optimiser = fabric.setup(method, optimiser)
    model.mark_forward_method("pretraining_loss")

    history: list[dict[str, float]] = []
    if (folder / STATE).exists():
        state = torch.load(folder / STATE, map_location=fabric.device, weights_only=True)
        method.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        history = state["history"]

    for epoch in range(len(history), config.epochs):
        seed_global(derive("pretrain-epoch", config.seed, epoch))
        model.train()
        sums: dict[str, float] = {}
        started, waited = time.perf_counter(), 0.0
        batches = source.shuffled(rows, batch_size, (config.seed, epoch))
        for i in range(steps):
            asked = time.perf_counter()
            batch = next(batches).to(fabric.device)
            waited += time.perf_counter() - asked
            step = epoch * steps + i
            factor = factor_at(step, total, warmup)
            for group in optimiser.param_groups:
                group["lr"] = config.lr * factor
            terms: dict[str, Tensor] = model.pretraining_loss(batch)
            loss = torch.stack(list(terms.values())).sum()
            values = {name: value.item() for name, value in terms.items()}
            if not all(math.isfinite(v) for v in values.values()):
                kept = f"The state of epoch {epoch} is kept in {folder}" if epoch else "Nothing was kept"
                raise BenchError(
                    f"pretraining {method.name}: the loss is not finite at epoch {epoch + 1}, step {i + 1} "
                    f"({_show(values)}). {kept}; lower pretrain.lr "
                    f"(now {config.lr:g}) or set pretrain.clip_norm, which starts a checkpoint of its own."
                )
            optimiser.zero_grad()
            fabric.backward(loss)
            if config.clip_norm is not None:
                fabric.clip_gradients(model, optimiser, max_norm=config.clip_norm)
            optimiser.step()
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            progress(step + 1, total, f"epoch {epoch + 1}/{config.epochs}  {_show(values)}")
        seconds = time.perf_counter() - started
        entry = {"epoch": epoch + 1, "lr": config.lr * factor}
        entry |= {name: value / steps for name, value in sums.items()}
        entry |= {
            f"validation_{k}": v for k, v in validation_loss(method, model, source, validation_rows, batch_size, epoch)
        }
        entry |= {
            "seconds": seconds,
            "recordings_per_second": steps * batch_size / seconds,
            "waiting": waited / seconds,
        }
        history.append(entry)
        save_state(
            folder / STATE,
            {"model": method.state_dict(), "optimiser": optimiser.state_dict(), "history": history},
        )
    return history


def validation_loss(
    method: Method, model: Any, source: BatchSource, rows: np.ndarray, batch_size: int, epoch: int
) -> Iterator[tuple[str, float]]:
    """Mean of each loss term over full validation batches, with the same random draws every epoch."""
    batch_size = min(batch_size, len(rows))
    if batch_size < 2:
        return
    seed_global(derive("pretrain-validation", 0))
    model.eval()
    sums: dict[str, float] = {}
    n = 0
    with torch.no_grad():
        for batch in source.shuffled(rows, batch_size, (0,)):
            for name, value in model.pretraining_loss(batch.to(model.device)).items():
                sums[name] = sums.get(name, 0.0) + value.item()
            n += 1
    model.train()
    yield from ((name, value / n) for name, value in sums.items())


def _show(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in values.items())
