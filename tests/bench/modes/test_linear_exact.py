"""The exact linear probe as a mode: one penalty for all classes, chosen on validation data."""

import numpy as np
import pytest
import torch

from bench.modes.linear import Config, run
from bench.modes.mode_io import ModeInput
from bench.training.objective import objective_for


class Asked:
    """Just enough of a task."""

    def __init__(self, kind):
        self.kind, self.metric, self.classes = kind, "value", {str(i): str(i) for i in range(3)}


RISK = np.random.default_rng(0).normal(size=600)
HIDDEN = {
    "multilabel": lambda r, rng: (r[:, None] + 0.5 * rng.normal(size=(600, 3)) > [0, 0.5, 1]).astype(np.uint8),
    "multiclass": lambda r, rng: np.digitize(r, [-0.5, 0.5]),
    "regression": lambda r, rng: np.c_[r, -r, 100 * r] + 0.3 * rng.normal(size=(600, 3)),
    "survival": lambda r, rng: np.c_[rng.exponential(np.exp(-2 * r)).clip(max=2), np.ones(600)],
}
ROWS = np.arange(200), np.arange(200, 300), np.arange(300, 600)


def outcome(kind, seed=0, rows=ROWS, **config):
    rng = np.random.default_rng(1)
    targets = HIDDEN[kind](RISK, rng)
    noise = rng.normal(size=(600, 60))
    features = np.c_[1000 * RISK + 5, noise, np.ones(600)].astype(np.float32)  # one is large, one constant
    blank = targets.copy()
    blank[rows[2]] = 0
    cell = ModeInput(
        method=None, task=Asked(kind), mode="linear", config=Config(solver="exact", **config), source=None, targets=blank,
        train=rows[0], validation=rows[1], test=rows[2], features=lambda: features, seed=seed, progress=lambda *_: None,
    )  # fmt: skip
    return run(cell), targets, features


@pytest.mark.parametrize("kind", HIDDEN)
def test_it_finds_what_the_features_hold_and_takes_the_best_penalty(kind):
    found, targets, features = outcome(kind)
    objective = objective_for(kind, 3, training_targets=targets[ROWS[0]])

    assert objective.selection_value(targets[ROWS[2]], found.test) > 0.75
    values = {entry["c"]: entry["validation"] for entry in found.history}
    assert found.selection["value"] == max(values.values()) == values[found.selection["c"]]
    scored = objective.scores(found.head.outputs(torch.from_numpy(features[ROWS[2]])))
    np.testing.assert_allclose(scored, found.test, atol=2e-3 * np.abs(found.test).max())


def test_the_seed_plays_no_part():
    assert np.array_equal(outcome("multilabel")[0].test, outcome("multilabel", seed=7)[0].test)


def test_without_a_validation_value_the_strongest_penalty_stands():
    nobody = np.flatnonzero(HIDDEN["multilabel"](RISK, np.random.default_rng(1)).sum(1) == 0)
    nobody = nobody[nobody >= 200][:20]
    found = outcome("multilabel", rows=(ROWS[0], nobody, ROWS[2]), c=(1.0, 0.01))[0]
    assert found.selection["value"] is None
    assert found.selection["c"] == 0.01
