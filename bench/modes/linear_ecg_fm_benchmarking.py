"""The mode ``linear-ecg-fm-benchmarking``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.storage.large_array import large_array
from bench.training.devices import encoding_batch
from bench.training.loop import make_fabric
from bench.training.objective import Objective, objective_for

PROTOCOL = "ecg-fm-benchmarking"


class Config(BaseModel):
    """The probe; every value as in the comparison's released code."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {"epochs": 10}

    epochs: int = Field(100, ge=1, description="passes over the labelled fraction")
    batch_size: int = Field(64, ge=1, description="windows in a step")
    lr: float = Field(1e-3, gt=0, description="AdamW, constant")
    weight_decay: float = Field(1e-3, ge=0, description="AdamW")


def run(cell: ModeInput) -> ModeOutput:
    """Train the head on windows; keep the epoch with the best validation value; scores are means over windows.

    Raises:
        ConfigError: the method is not fed as in the comparison.
    """
    config: Any = cell.config
    if cell.method.config.inputs != PROTOCOL:
        name = cell.method.name
        raise ConfigError(
            f"--protocol {PROTOCOL}: {name}.inputs is {cell.method.config.inputs}, expected {PROTOCOL}. Add --set "
            f"{name}.inputs={PROTOCOL}"
        )
    windows = torch.from_numpy(_features(cell))
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    generator = torch.Generator().manual_seed(cell.seed)
    head = nn.Linear(windows.shape[2], objective.n_outputs)
    with torch.no_grad():  # torch's own initial range, from the cell's generator and not from the global one
        for parameter in (head.weight, head.bias):
            parameter.uniform_(-(windows.shape[2] ** -0.5), windows.shape[2] ** -0.5, generator=generator)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    targets = objective.learned(torch.from_numpy(np.ascontiguousarray(cell.targets)))
    count = windows.shape[1]
    best: dict[str, Any] = {"value": -np.inf, "epoch": config.epochs}
    history = []
    for epoch in range(config.epochs):
        order = torch.randperm(len(cell.train) * count, generator=generator).numpy()
        losses = []
        for start in range(0, len(order), config.batch_size):
            record, window = np.divmod(order[start : start + config.batch_size], count)
            rows = cell.train[record]
            loss = objective.loss(head(windows[rows, window]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        validation = _scores(head, objective, windows, cell.validation)
        value = objective.selection_value(cell.targets[cell.validation], validation)
        history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), "validation": value})
        if value > best["value"] or not np.isfinite(best["value"]):
            state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
            best = {"value": value, "epoch": epoch + 1, "state": state}
        cell.progress(epoch + 1, config.epochs, f"validation {cell.task.metric} {value:.3f}")
    head.load_state_dict(best.pop("state"))
    best["value"] = best["value"] if np.isfinite(best["value"]) else None  # no class can be ranked on validation data
    validation, test = (_scores(head, objective, windows, rows) for rows in (cell.validation, cell.test))
    return ModeOutput(validation, test, {"protocol": PROTOCOL, "metric": cell.task.metric, **best}, history)


def _features(cell: ModeInput) -> np.ndarray:
    """Features of each window of each example, float32 [example, window, dim]; they are not kept for other cells."""
    fabric = make_fabric()
    model = fabric.setup_module(cell.method)
    model.mark_forward_method("encode_windows")
    model.eval()
    whole, done = None, 0
    with torch.no_grad():
        for batch in cell.source.in_order(np.arange(len(cell.targets)), encoding_batch(fabric.device)):
            encoded = model.encode_windows(batch.to(fabric.device)).float().cpu().numpy()
            if whole is None:
                whole = large_array((len(cell.targets), *encoded.shape[1:]))
            whole[done : done + len(encoded)] = encoded
            done += len(encoded)
    assert whole is not None, "a task has examples"
    return whole


def _scores(head: nn.Module, objective: Objective, windows: Tensor, rows: np.ndarray) -> np.ndarray:
    """One score per example and output: the mean over its windows."""
    with torch.no_grad():
        outputs = head(windows[rows])
    count = outputs.shape[1]
    each = objective.scores(outputs.flatten(0, 1))
    return each.reshape(len(rows), count, *each.shape[1:]).mean(1)


class LinearEcgFmBenchmarking(Mode):
    """The linear probe of ecg-fm-benchmarking (arXiv 2509.25095) as its released code runs it.

    A released model reads windows of about 2.5 s (``inputs=ecg-fm-benchmarking``); a linear head on raw features is trained
    on windows by AdamW at a constant rate, and the scores of a recording are the means over its windows. The epoch is chosen
    on validation data. The comparison trains on random windows in 16 bits; here the windows are the four that are scored, in
    32 bits. Results are stamped with the protocol and never share a table with others.
    """

    name = "linear-ecg-fm-benchmarking"
    needs_one_of = ("encode_windows",)
    released_protocol = PROTOCOL
    replaces = "linear"
    Config = Config
    run = staticmethod(run)
