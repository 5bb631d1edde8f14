"""The mode ``layer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import Tensor

from bench.modes.curve import CurveOutput
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.modes.probe import Probe, best_probe
from bench.training.blocks import block_outputs, blocks_of
from bench.training.objective import objective_for
from bench.training.standardise import standardised

OUTPUT = "encode"
"""The name of the last layer: what the encoder gives to other modes."""


class Config(BaseModel):
    """A linear probe after each block."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {}

    c: tuple[PositiveFloat, ...] = Field(
        (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6),
        min_length=1,
        description="inverse penalties tried on validation data, per layer; those of linear.solver=exact",
    )


def layers_of(method: Any, example: Any) -> Callable[[Any], Tensor]:
    """What reads all layers of a batch in one pass: [record, dim], the layers one after another, the encoder's output last.

    Args:
        example: a batch, to find the blocks.
    """
    names = blocks_of(method, example)

    def read(batch: Any) -> Tensor:
        outputs, encoded = block_outputs(method, names, batch)
        return torch.cat([*(output.mean(1) for output in outputs.values()), encoded.float()], dim=1)

    return read


def layout(method: Any, example: Any) -> dict[str, int]:
    """Layer -> its dimensions, in the order of :func:`layers_of`."""
    outputs, encoded = block_outputs(method, blocks_of(method, example), example)
    return {**{name: output.shape[-1] for name, output in outputs.items()}, OUTPUT: encoded.shape[1]}


def run(cell: ModeInput) -> ModeOutput:
    """Probe each layer; score validation and test by the layer that is best on validation data."""
    config: Any = cell.config
    dims = layout(cell.method, cell.source.batch(cell.train[:2]))  # before the features: these may move the method
    features = cell.features()
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    probes: dict[str, Probe] = {}
    history, start = [], 0
    for number, (name, dim) in enumerate(dims.items(), start=1):
        layer, _ = standardised(features[:, start : start + dim], cell.train)
        start += dim
        probe = probes[name] = best_probe(cell, layer, cell.train, objective, config.c)
        history.append({"depth": number, "validation": probe.value, "c": probe.c})
        cell.progress(number, len(dims), f"{name}: validation {cell.task.metric} {probe.value:.3f}")
    values = np.array([probe.value for probe in probes.values()])
    chosen = len(probes) - 1 if np.isnan(values).all() else int(np.nanargmax(values))
    name, best = list(probes.items())[chosen]
    cell.report(1, best.value)
    selection = {
        "metric": cell.task.metric,
        "value": best.value if np.isfinite(best.value) else None,
        "layer": chosen + 1,
        "block": name,
        "c": best.c,
        "blocks": list(dims),
    }
    curve = [probe.test for probe in probes.values()]
    return CurveOutput(best.validation, best.test, selection, history, curve=curve)


class Layer(Mode):
    """A linear probe after each block of the frozen encoder; the layer that is best on validation data is scored.

    Alain and Bengio, "Understanding intermediate layers using linear classifier probes", ICLR 2017 (workshop). Each block's
    output is averaged over time steps or tokens, and one pass of the encoder reads all of them. The probe is that of
    ``linear`` with ``solver=exact``: it has no learning rate, and its penalty is chosen on validation data for each layer.
    The last layer is the encoder's own output. The result also holds the test scores of every layer, for its curve.
    """

    name = "layer"
    needs_one_of = ("encode",)
    offered_with = "finetune"
    reads_features = True
    chooses = "the penalty"
    Config = Config
    run = staticmethod(run)
    representation = staticmethod(layers_of)

    def depends_on_seed(self, config: Any) -> bool:
        return False
