"""The mode ``kshot``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from bench.modes.curve import CurveOutput
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.modes.probe import Probe, best_probe
from bench.splitting.shots import shot_subsets
from bench.training.objective import objective_for
from bench.training.standardise import standardised


class Config(BaseModel):
    """A linear probe on few labels."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {}

    shots: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (1, 2, 4, 8, 16, 32, 64),
        min_length=1,
        description="positives per class; 1 to 16 in CLIP's few-shot figure (Radford et al. 2021, Figure 6)",
    )
    c: tuple[PositiveFloat, ...] = Field(
        (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6),
        min_length=1,
        description="inverse penalties tried on validation data, per number of shots; those of linear.solver=exact",
    )


def run(cell: ModeInput) -> ModeOutput:
    """Probe each number of shots; the scores of the cell are those of the largest."""
    config: Any = cell.config
    # No label is needed to know the scale of the features: that of all training recordings is steadier than that of a few.
    features, _ = standardised(cell.features(), cell.train)
    objective = objective_for(cell.task.kind, cell.n_outputs, training_targets=cell.targets[cell.train])
    subsets = shot_subsets(cell.train, sorted(set(config.shots)), cell.seed, cell.targets)
    probes: list[Probe] = []
    history = []
    for number, (shots, rows) in enumerate(subsets.items(), start=1):
        probe = best_probe(cell, features, rows, objective, config.c)
        probes.append(probe)
        history.append({"shots": shots, "records": len(rows), "validation": probe.value, "c": probe.c})
        cell.progress(number, len(subsets), f"{shots} shots: validation {cell.task.metric} {probe.value:.3f}")
    last = probes[-1]
    cell.report(1, last.value)
    selection = {
        "metric": cell.task.metric,
        "value": last.value if np.isfinite(last.value) else None,
        "shots": history[-1]["shots"],
        "records": history[-1]["records"],
        "c": last.c,
    }
    return CurveOutput(last.validation, last.test, selection, history, curve=[probe.test for probe in probes])


class KShot(Mode):
    """A linear probe on 1, 2, 4, ... 64 positives (and as many negatives) of each class; nothing else is labelled.

    The few-shot linear probe of CLIP (Radford et al., ICML 2021, Figure 6; Tian et al., "Rethinking few-shot image
    classification", ECCV 2020). The seed draws the recordings, the same for all methods, and smaller draws lie within larger
    ones. The probe is that of ``linear`` with ``solver=exact``: the penalty is chosen on the validation data, which are not
    few, and features are standardised by all training recordings, which needs no label. The scores are those of the
    largest number; the result also holds the test scores of every number, for its curve.
    """

    name = "kshot"
    needs_one_of = ("encode",)
    offered_with = "linear"
    reads_features = True
    chooses = "the penalty"
    counts_positives = True
    Config = Config
    run = staticmethod(run)
