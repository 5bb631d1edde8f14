"""The mean corruption error against its definition, and its interval over patients."""

import numpy as np
import pytest

from bench.errors import DataError
from bench.scoring.corruption_error import mean_corruption_error, mean_value
from bench.scoring.score import score_replicates


def replicates(quality, seed=0, records=300):
    """Macro AUROC of three classes whose scores have a given distance between the classes."""
    rng = np.random.default_rng(5)
    targets = (rng.random((records, 3)) < 0.3).astype(float)
    noise = np.random.default_rng(seed).standard_normal(targets.shape)
    scores = noise + quality * targets
    drawn = score_replicates(
        "multilabel", targets, scores, ["a", "b", "c"], None, bootstrap=200, metrics=["macro_auroc"]
    )
    return drawn["macro_auroc"]


def test_it_is_the_mean_of_ratios_of_errors():
    method = {"muscle": [replicates(2.0, 1), replicates(1.5, 2)], "gain": [replicates(1.0, 3)]}
    reference = {"muscle": [replicates(1.0, 4), replicates(0.5, 5)], "gain": [replicates(0.5, 6)]}
    ratios = [
        sum(1 - run.value for run in method[name]) / sum(1 - run.value for run in reference[name]) for name in method
    ]
    error, interval = mean_corruption_error(method, reference)
    assert error == pytest.approx(100 * np.mean(ratios))
    assert interval.low < error < interval.high
    assert mean_corruption_error(reference, reference) == (pytest.approx(100), (pytest.approx(100), pytest.approx(100)))


def test_a_class_that_a_draw_loses_leaves_the_interval_finite():
    run = replicates(1.0)
    run.values[3, 1] = np.nan
    error, interval = mean_corruption_error({"gain": [run]}, {"gain": [replicates(0.5, 9)]})
    assert np.isfinite([error, *interval]).all()


def test_differing_corruptions_and_perfect_references_are_refused():
    run = replicates(1.0)
    with pytest.raises(DataError, match="the corruptions differ: gain and muscle"):
        mean_corruption_error({"gain": [run]}, {"muscle": [run]})
    with pytest.raises(DataError, match="makes no error under gain"):
        mean_corruption_error({"gain": [run]}, {"gain": [replicates(100.0)]})


def test_mean_of_runs_narrows_with_runs():
    runs = [replicates(1.0, seed) for seed in range(8)]
    value, interval = mean_value(runs, "logit")
    assert value == pytest.approx(np.mean([run.value for run in runs]))
    assert interval.high - interval.low < np.diff(runs[0].interval("logit"))[0]
