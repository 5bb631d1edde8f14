from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import ConfigError
from bench.splitting.label_fractions import labelled_subset

MERL = Path(__file__).parents[4] / "shared" / "data" / "merl-splits"
PUBLISHED = json.loads((Path(__file__).parents[2] / "golden" / "merl_subsets.json").read_text())


def labels(n: int = 5000, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, 6)) < [0.5, 0.3, 0.1, 0.02, 0.002, 0.0004]).astype(np.uint8)


@pytest.mark.parametrize("seed", [0, 1])
def test_subsets_are_nested_deterministic_and_of_the_stated_size(seed):
    targets, rows = labels(), np.arange(300, 4800)
    found = {f: labelled_subset(rows, f, seed, targets) for f in (0.01, 0.05, 0.1, 0.5, 1.0)}
    assert [len(chosen) for chosen in found.values()] == [45, 225, 450, 2250, 4500]
    previous = np.empty(0, int)
    for fraction, chosen in found.items():
        np.testing.assert_array_equal(chosen, labelled_subset(rows, fraction, seed, targets))
        assert (np.diff(chosen) > 0).all()
        assert np.isin(previous, chosen).all()
        assert np.isin(chosen, rows).all()
        previous = chosen


@pytest.mark.parametrize(("whole", "tenth", "hundredth"), [(4030, 400, 40), (1698, 170, 17), (2498, 250, 25)])
def test_mmcls_sizes_are_those_published_and_nested(whole, tenth, hundredth):
    targets = np.arange(whole)[:, None] % 2
    larger, smaller = (labelled_subset(np.arange(whole), f, 0, targets, "mmcl") for f in (0.1, 0.01))
    assert (len(larger), len(smaller)) == (tenth, hundredth)
    assert np.isin(smaller, larger).all()
    assert len(labelled_subset(np.arange(3), 0.01, 0, targets[:3], "mmcl")) == 1


def test_seeds_differ():
    targets, rows = labels(), np.arange(5000)
    assert not np.array_equal(labelled_subset(rows, 0.01, 0, targets), labelled_subset(rows, 0.01, 1, targets))


def test_every_class_keeps_a_positive_and_frequencies_their_size():
    targets, rows = labels(), np.arange(5000)
    for seed in range(5):
        small = targets[labelled_subset(rows, 0.01, seed, targets)]
        assert (small.sum(axis=0) > 0)[targets.any(axis=0)].all()
        tenth = targets[labelled_subset(rows, 0.1, seed, targets)]
        np.testing.assert_allclose(tenth.mean(axis=0), targets.mean(axis=0), atol=0.06)


def test_classes_survival_and_regression_are_stratified():
    rng = np.random.default_rng(0)
    rows = np.arange(2000)
    classes = rng.choice(4, 2000, p=[0.7, 0.2, 0.09, 0.01])
    chosen = classes[labelled_subset(rows, 0.05, 0, classes)]
    np.testing.assert_allclose(np.bincount(chosen, minlength=4) / 100, [0.7, 0.2, 0.09, 0.01], atol=0.03)
    survival = np.stack([rng.exponential(5, 2000), rng.random(2000) < 0.1], axis=1)
    assert survival[labelled_subset(rows, 0.1, 0, survival), 1].mean() == pytest.approx(
        survival[:, 1].mean(), abs=0.006
    )
    value = rng.normal(size=(2000, 1))
    assert value[labelled_subset(rows, 0.1, 0, value)].std() == pytest.approx(value.std(), rel=0.1)


def test_small_training_sets_leave_at_least_one_row():
    assert len(labelled_subset(np.arange(7), 0.01, 0, labels(7))) == 1
    assert len(labelled_subset(np.arange(100), 0.29, 0, labels(100))) == 29
    assert len(labelled_subset(np.arange(0), 0.5, 0, labels(7))) == 0


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, float("nan")])
def test_fractions_out_of_range_are_refused(fraction):
    with pytest.raises(ConfigError, match="--fraction"):
        labelled_subset(np.arange(10), fraction, 0, labels(10))


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match="expected one of stratified, merl, mmcl"):
        labelled_subset(np.arange(10), 0.5, 0, labels(10), rule="random")


@pytest.mark.parametrize("percent", [1, 10])
@pytest.mark.parametrize(
    "name", ["ptbxl_super_class", "ptbxl_sub_class", "ptbxl_form", "ptbxl_rhythm", "icbeb", "chapman"]
)
def test_merl_s_rule_gives_the_published_subsets(name, percent):
    if not MERL.is_dir():
        pytest.skip("no released label files: ../shared/data/merl-splits is absent")
    family, _, kind = name.partition("_")
    table = pd.read_csv(next((MERL / family / kind).glob("*_train.csv")))
    ids = table["ecg_path" if name == "chapman" else "ecg_id"].astype(str).to_numpy()
    chosen = ids[labelled_subset(np.arange(len(ids)), percent / 100, 7, np.zeros((len(ids), 1)), rule="merl")]
    expected = PUBLISHED[f"{name}_{percent}"]
    assert len(chosen) == expected["n"]
    assert list(chosen[:5]) == expected["first5"]
    assert hashlib.sha256("\n".join(chosen).encode()).hexdigest() == expected["sha256_of_newline_joined"]
