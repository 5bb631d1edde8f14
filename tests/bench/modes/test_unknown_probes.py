"""Probes of tasks with unknown labels: each class is answered as by the recordings in which it is known."""

import numpy as np
import pytest
import torch

from bench.errors import ConfigError
from bench.modes import knn, linear, linear_merl_released
from bench.modes.mode_io import ModeInput
from bench.training.standardise import standardised

TRAIN, VALIDATION, TEST = np.arange(200), np.arange(200, 260), np.arange(260, 300)


class Asked:
    """Just enough of a task."""

    name, metric = "asked", "value"

    def __init__(self, kind, n):
        self.kind, self.classes = kind, {str(i): str(i) for i in range(n)}


@pytest.fixture
def planted():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(300, 5)).astype(np.float32)
    values = features[:, :3] + rng.normal(size=(300, 3))
    unknown = rng.random((300, 3)) < [0.0, 0.4, 0.4]
    return features, values, unknown


def cell(mode, kind, features, targets, train=TRAIN, **config):
    return ModeInput(
        method=None, task=Asked(kind, targets.shape[1]), mode="", config=mode.Config(**config), source=None,
        targets=targets, train=train, validation=VALIDATION, test=TEST, features=lambda: features, seed=3,
        progress=lambda *_: None, test_targets=targets[TEST],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_neighbours_of_a_class_are_the_nearest_of_known_label(planted, kind):
    features, values, unknown = planted
    values = (values > 0).astype(np.float32) if kind == "multilabel" else values
    targets = np.where(unknown, np.nan, values)
    scores = knn.run(cell(knn, kind, features, targets, neighbours=(7,))).test
    scaled = standardised(features, TRAIN)[0].numpy()  # by all training records, whatever is known of them
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    for k in range(3):
        rows = TRAIN[~unknown[TRAIN, k]]
        cosine = unit[TEST] @ unit[rows].T
        nearest = np.argsort(-cosine, axis=1)[:, :7]
        weight = np.exp(np.take_along_axis(cosine, nearest, 1) / 0.07)
        expected = (weight * values[rows, k][nearest]).sum(1) / weight.sum(1)
        np.testing.assert_allclose(scores[:, k], expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_a_probe_of_one_class_is_that_of_its_known_recordings(planted, kind):
    """With whole-set batches the steps are the same; the unknown rows of validation do not move the selection either."""
    features, values, unknown = planted
    values = (values > 0).astype(float) if kind == "multilabel" else values
    targets = np.where(unknown, np.nan, values)[:, 1:2]
    targets[VALIDATION, 0] = values[VALIDATION, 1]
    config = {"standardise": False, "batch_size": 500, "epochs": 30, "lr": 0.05}
    whole = linear.run(cell(linear, kind, features, targets, **config))
    alone = linear.run(cell(linear, kind, features, targets, TRAIN[~unknown[TRAIN, 1]], **config))
    np.testing.assert_allclose(whole.test, alone.test, atol=1e-4)
    assert whole.selection["epoch"] == alone.selection["epoch"]


def test_the_penalty_of_the_exact_probe_is_chosen_on_known_labels(planted):
    features, values, unknown = planted
    targets = np.where(unknown, np.nan, values > 0)
    outcome = linear.run(cell(linear, "multilabel", features, targets, solver="exact"))
    assert outcome.selection["value"] > 0.6
    assert torch.isfinite(torch.from_numpy(outcome.test)).all()


def test_merls_released_probe_refuses_unknown_labels(planted):
    features, values, unknown = planted
    with pytest.raises(ConfigError, match="asked has unknown labels"):
        linear_merl_released.run(
            cell(linear_merl_released, "multilabel", features, np.where(unknown, np.nan, values > 0))
        )
