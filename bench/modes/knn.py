"""The mode ``knn``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from bench.modes.mode import Mode
from bench.modes.mode_io import ModeInput, ModeOutput
from bench.training.objective import objective_for
from bench.training.standardise import standardised

CHUNK = 2048  # recordings asked about at a time: memory does not follow the size of the task


class Config(BaseModel):
    """Neighbours and their votes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    smoke: ClassVar[dict[str, Any]] = {}

    neighbours: tuple[int, ...] = Field(
        (5, 10, 20, 50, 100, 200),
        min_length=1,
        description="numbers tried on validation data; Wu et al. use 200, DINO 10 to 200. A number above that of the "
        "labelled recordings means all of them",
    )
    temperature: float = Field(0.07, gt=0, description="of a vote's weight; Wu et al., 3.2")


def nearest(
    asked: Float[Tensor, "asked dim"], known: Float[Tensor, "known dim"], count: int
) -> tuple[Float[Tensor, "asked count"], Int[Tensor, "asked count"]]:
    """Cosines to the ``count`` nearest of ``known``, nearest first, and their rows; both sides of unit length."""
    neighbours = [torch.topk(chunk @ known.T, count) for chunk in asked.split(CHUNK)]
    return torch.cat([f.values for f in neighbours]), torch.cat([f.indices for f in neighbours])


def votes(
    cosine: Float[Tensor, "asked count"], answers: Float[Tensor, "asked count output"], temperature: float
) -> Float[Tensor, "asked output"]:
    """The mean of the neighbours' answers, each weighing exp(cosine / temperature)."""
    weight = torch.softmax(cosine.double() / temperature, dim=1)
    return torch.einsum("ac,aco->ao", weight, answers.double())


def _voters(answers: Float[Tensor, "known output"]) -> tuple[list[Int[Tensor, " voter"]], Int[Tensor, " output"]]:
    """Sets of recordings that vote, and the set of each output: outputs that are known of the same recordings share one."""
    if not answers.isnan().any():
        return [torch.arange(len(answers))], torch.zeros(answers.shape[1], dtype=torch.int64)
    masks, pattern = torch.unique(~answers.isnan(), dim=1, return_inverse=True)
    return [torch.nonzero(mask)[:, 0] for mask in masks.T], pattern


def run(cell: ModeInput) -> ModeOutput:
    """Standardise by the labelled recordings, find neighbours once, choose their number on validation data."""
    config: Any = cell.config
    features, _ = standardised(cell.features(), cell.train)
    unit = {
        part: functional.normalize(features[rows], dim=1)
        for part, rows in (("train", cell.train), ("validation", cell.validation), ("test", cell.test))
    }
    objective = objective_for(cell.task.kind, cell.n_outputs)
    answers = objective.votes(cell.targets[cell.train])
    counts = sorted({min(count, len(cell.train)) for count in config.neighbours})

    voters, pattern = _voters(answers)

    def neighbours_of(part: str, count: int) -> list[tuple[Tensor, Tensor]]:
        """Cosines and rows of the training part, for each set of voters."""
        asked, known = unit[part], unit["train"]
        sets = (
            nearest(asked, known if len(rows) == len(known) else known[rows], min(count, len(rows))) for rows in voters
        )
        return [(cosine, rows[nth]) for rows, (cosine, nth) in zip(voters, sets, strict=True)]

    def scores(neighbours: list[tuple[Tensor, Tensor]], count: int) -> np.ndarray:
        asked = len(neighbours[0][0])
        voted = torch.full((asked, answers.shape[1]), 0.5, dtype=torch.float64)  # of outputs without a voter
        for k, (cosine, rows) in enumerate(neighbours):
            outputs = torch.nonzero(pattern == k)[:, 0]
            if not len(voters[k]):
                continue
            votes_of = answers if len(outputs) == answers.shape[1] else answers[:, outputs]
            parts = zip(cosine[:, :count].split(CHUNK), rows[:, :count].split(CHUNK), strict=True)
            voted[:, outputs] = torch.cat([votes(c, votes_of[r], config.temperature) for c, r in parts])
        return objective.voted_scores(voted.numpy())

    neighbours = neighbours_of("validation", counts[-1])
    best: dict[str, Any] = {"value": -np.inf, "neighbours": counts[-1]}
    history = []
    for i, count in enumerate(counts):
        value = objective.selection_value(cell.targets[cell.validation], scores(neighbours, count))
        history.append({"neighbours": count, "validation": value})
        if value > best["value"]:
            best = {"value": value, "neighbours": count}
        cell.progress(i + 1, len(counts), f"{count} neighbours: validation {cell.task.metric} {value:.3f}")
    validation = scores(neighbours, best["neighbours"])
    test = scores(neighbours_of("test", best["neighbours"]), best["neighbours"])
    chosen = {"metric": cell.task.metric, **best, "value": best["value"] if np.isfinite(best["value"]) else None}
    return ModeOutput(validation, test, chosen, history)


class KNN(Mode):
    """The nearest labelled recordings vote; nothing is trained.

    Similarity is the cosine between standardised representations; a neighbour's vote weighs exp(cosine / temperature), as in
    Wu et al., CVPR 2018, whose evaluation this is. The number of neighbours is the one that does best on validation data.
    Where labels are unknown, the neighbours of a class are the nearest recordings whose label is known.
    """

    name = "knn"
    needs_one_of = ("encode",)
    reads_features = True
    chooses = "the number of neighbours"
    Config = Config
    run = staticmethod(run)

    def depends_on_seed(self, config: Any) -> bool:
        return False
