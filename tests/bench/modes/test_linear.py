"""The linear probe under AdamW: what it reads does not depend on the scale that an encoder happens to have."""

import numpy as np
import pytest
import torch

from bench.modes.linear import Config, run
from bench.modes.mode_io import ModeInput
from bench.training.objective import objective_for

ROWS = np.arange(200), np.arange(200, 300), np.arange(300, 600)


class Asked:
    """Just enough of a task."""

    kind, metric, classes, name = "multilabel", "macro_auroc", {"a": "a", "b": "b"}, "made up"


QUICK = {"epochs": 10, "lr": 0.01}


def outcome(scale=1.0, offset=0.0, silent=False, **config):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=600)
    targets = (hidden[:, None] + 0.5 * rng.normal(size=(600, 2)) > 0.5).astype(np.uint8)
    features = (scale * np.c_[hidden, rng.normal(size=(600, 11))] + offset).astype(np.float32)
    if silent:
        features[ROWS[0], -1] = 0
    blank = targets.copy()
    blank[ROWS[2]] = 0
    cell = ModeInput(
        method=None, task=Asked(), mode="linear", config=Config(**QUICK, **config), source=None, targets=blank,
        train=ROWS[0], validation=ROWS[1], test=ROWS[2], features=lambda: features, seed=0, progress=lambda *_: None,
    )  # fmt: skip
    found = run(cell)
    value = objective_for("multilabel", 2).selection_value(targets[ROWS[2]], found.test)
    return found, value, features


def test_features_a_thousand_times_smaller_are_learnt_from_as_well():
    """An untrained ResNet's deviate by 5e-4: a fixed rate would call them empty."""
    small = {"scale": 2.0**-11}
    assert outcome()[1] > 0.8
    assert outcome(**small)[0].test == pytest.approx(outcome()[0].test, rel=1e-3)
    assert outcome(**small, standardise=False)[1] < outcome(**small)[1] - 0.05


def test_the_head_gives_the_same_answers_from_raw_features():
    found, _, features = outcome(scale=0.01, offset=3.0)
    read = objective_for("multilabel", 2).scores(found.head.outputs(torch.from_numpy(features[ROWS[2]])))
    np.testing.assert_allclose(read, found.test, atol=1e-4)


def test_a_dimension_that_is_silent_in_the_labelled_recordings_drowns_nothing_later():
    """Divided by a deviation of nothing it would be all that is seen of every other recording."""
    assert outcome(silent=True)[1] > 0.8


def test_arrays_in_files_and_work_in_chunks_change_nothing(monkeypatch):
    """A million recordings are read, standardised, trained on and scored in parts."""
    whole, _, _ = outcome()
    monkeypatch.setattr("bench.storage.large_array.IN_MEMORY", 0)
    for name in ("bench.training.standardise.CHUNK", "bench.modes.linear.CHUNK", "bench.training.linear_head.BLOCK"):
        monkeypatch.setattr(name, 64)
    in_parts, _, _ = outcome()
    np.testing.assert_allclose(in_parts.test, whole.test, rtol=1e-4)
    np.testing.assert_allclose(in_parts.head.weight, whole.head.weight, rtol=1e-3, atol=1e-5)
    assert [h["loss"] for h in in_parts.history] == pytest.approx([h["loss"] for h in whole.history], rel=1e-4)
