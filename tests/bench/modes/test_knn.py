"""The nearest labelled recordings answer, whatever the task asks."""

import numpy as np
import pytest
import torch

from bench.modes.knn import Config, nearest, run
from bench.modes.mode_io import ModeInput
from bench.scoring.survival import harrell_c
from bench.training.objective import objective_for


class Asked:
    """Just enough of a task."""

    def __init__(self, kind, n):
        self.kind, self.metric, self.classes = kind, "value", {str(i): str(i) for i in range(n)}


RISK = np.random.default_rng(0).normal(size=600)
HIDDEN = {
    "multilabel": lambda r, rng: (r[:, None] + 0.5 * rng.normal(size=(600, 3)) > [0, 0.5, 1]).astype(np.uint8),
    "multiclass": lambda r, rng: np.digitize(r, [-0.5, 0.5]),
    "regression": lambda r, rng: np.c_[r, -r] + 0.3 * rng.normal(size=(600, 2)),
    "survival": lambda r, rng: np.c_[rng.exponential(np.exp(-2 * r)).clip(max=2), np.ones(600)],
}


def cell(kind, features, targets, rows):
    blank = targets.copy()
    blank[rows[2]] = 0
    n = targets.shape[1] if targets.ndim > 1 else 3
    return ModeInput(
        method=None, task=Asked(kind, n), mode="knn", config=Config(), source=None, targets=blank, train=rows[0],
        validation=rows[1], test=rows[2], features=lambda: features, seed=0, progress=lambda *_: None,
    )  # fmt: skip


@pytest.mark.parametrize("kind", HIDDEN)
def test_neighbours_find_what_the_features_hold(kind):
    rng = np.random.default_rng(1)
    targets = HIDDEN[kind](RISK, rng)
    features = np.c_[RISK, 2 * RISK + 0.1 * rng.normal(size=600), 0.1 * rng.normal(size=600)].astype(np.float32)
    rows = (np.arange(400), np.arange(400, 500), np.arange(500, 600))

    outcome = run(cell(kind, features, targets, rows))

    value = objective_for(kind, 3).selection_value(targets[rows[2]], outcome.test)
    assert value > 0.75
    assert outcome.selection["neighbours"] in Config().neighbours
    assert outcome.validation.shape[0] == outcome.test.shape[0] == 100


def test_nearest_are_the_nearest():
    generator = torch.Generator().manual_seed(0)
    known = torch.nn.functional.normalize(torch.randn(50, 8, generator=generator))
    cosine, rows = nearest(known[:5], known, 3)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert torch.allclose(cosine, (known[:5] @ known.T).sort(descending=True).values[:, :3])


def test_few_labelled_recordings_are_all_neighbours():
    targets = np.array([[1], [0], [1], [0], [1], [0]], np.uint8)
    features = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    outcome = run(cell("multilabel", features, targets, (np.arange(3), np.arange(3, 5), np.array([5]))))
    assert outcome.selection["neighbours"] == 3


def test_residuals_rank_who_fared_worse():
    targets = np.array([[1.0, 1], [2, 1], [2, 0], [3, 1], [5, 0]])
    residual = objective_for("survival", 1).votes(targets)[:, 0]
    assert residual.sum().item() == pytest.approx(
        0, abs=1e-6 * residual.abs().sum().item()
    )  # as martingale residuals do
    assert harrell_c(targets[:, 0], targets[:, 1].astype(bool), residual.double().numpy()) == 1
