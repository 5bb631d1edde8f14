"""The mode ``zeroshot``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench import kinds
from bench.errors import BenchError
from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput, unreported
from bench.training.loop import make_fabric


class Config(BaseModel):
    """Settings of zero-shot scoring."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {}

    batch_size: int = Field(64, ge=1, description="recordings encoded at once; changes speed, not scores")


def run(cell: ModeInput) -> ModeOutput:
    """Score test recordings, and those of validation where thresholds are chosen on them or a search asks for them."""
    fabric = make_fabric()
    model = fabric.setup_module(cell.method)
    model.mark_forward_method("zero_shot")
    model.eval()
    config: Any = cell.config
    chosen_on = kinds.load(cell.task.kind).several_at_once or cell.report is not unreported
    validation = cell.validation if chosen_on else cell.validation[:0]
    again = np.array_equal(validation, cell.test)  # in a search
    rows = cell.test if again else np.concatenate([validation, cell.test])
    parts: list[np.ndarray] = []
    done = 0
    with torch.no_grad():
        for batch in cell.source.in_order(rows, config.batch_size):
            scores = model.zero_shot(batch.to(fabric.device), list(cell.prompts))
            if tuple(scores.shape) != (len(batch), len(cell.prompts)):
                raise BenchError(
                    f"{cell.method.name}.zero_shot returned shape {tuple(scores.shape)} for {len(batch)} recordings and "
                    f"{len(cell.prompts)} classes; expected ({len(batch)}, {len(cell.prompts)})."
                )
            parts.append(scores.double().cpu().numpy())
            done += len(batch)
            cell.progress(done, len(rows))
    scores = np.concatenate(parts)
    return ModeOutput(validation=scores[: len(validation)], test=scores[-len(cell.test) :])


class ZeroShot(Mode):
    """Nothing is trained downstream: the method scores each class from its name in words."""

    name = "zeroshot"
    needs_one_of = ("zero_shot",)
    uses_labels = False
    names_classes = True
    Config = Config
    run = staticmethod(run)
