"""Means over replicates: variance by source, intervals and tests, against simulated truth and brute force."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from bench.errors import DataError
from bench.scoring.bootstrap import Replicates
from bench.scoring.comparison import corrected_resampled_t, paired_difference
from bench.scoring.replication import (
    components,
    difference,
    difference_over_folds,
    differences_of_all_pairs,
    mean_over_folds,
)
from bench.scoring.score import score_replicates

CLASSES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def targets():
    return (np.random.default_rng(0).random((300, 3)) < [0.4, 0.3, 0.15]).astype(int)


def drawn(targets, scores, draws=300, seed=0):
    names = [str(k) for k in range(targets.shape[1])]
    found = score_replicates("multilabel", targets, scores, names, None, bootstrap=draws, seed=seed)
    return found["macro_auroc"]


def runs(targets, count, effect=1.0, shared=0.5, moves=0.0, seed=1, noise=None):
    """Replicates whose scores share a part of their noise; their effect moves by ``moves`` from one to the next."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=targets.shape) if noise is None else noise
    effects = effect + moves * (np.arange(count) - (count - 1) / 2)
    return [
        drawn(targets, shared**0.5 * common + (1 - shared) ** 0.5 * rng.normal(size=targets.shape) + e * targets)
        for e in effects
    ]


def test_one_replicate_has_the_interval_of_its_bootstrap(targets):
    (run,) = runs(targets, 1)
    found = components([run])
    assert found.interval("logit") == run.interval("logit")
    assert np.isnan(found.between)


def test_replicates_that_are_one_model_have_the_interval_of_that_model(targets):
    (run,) = runs(targets, 1)
    assert components([run] * 4).interval("logit") == pytest.approx(run.interval("logit"))
    assert components([run] * 4).between == 0.0


def test_the_patients_part_is_the_covariance_of_different_replicates(targets):
    found = runs(targets, 4)
    values = np.stack([np.nanmean(run.values, axis=1) for run in found])
    pairs = [np.cov(values[i], values[j])[0, 1] for i, j in itertools.combinations(range(4), 2)]
    result = components(found)
    assert result.patients == pytest.approx(np.mean(pairs), rel=0.03)  # up to m / (m - 1)
    between = np.var([run.value for run in found], ddof=1)
    assert result.spread.standard_error**2 == pytest.approx(result.patients + between / 4)


def test_replicates_that_differ_widen_the_interval_and_more_of_them_narrow_it(targets):
    def width(found):
        low, high = components(found).interval("logit")
        return high - low

    steady, moved, more = runs(targets, 3), runs(targets, 3, moves=0.5), runs(targets, 9, moves=0.125)
    assert width(moved) > 1.5 * width(steady)
    assert width(more) < width(moved)
    low, high = components(runs(targets, 3, effect=3.5, moves=2.0)).interval("logit")
    assert 0 <= low < high <= 1


def test_perfect_replicates_have_an_interval(targets):
    low, high = components([drawn(targets, targets * 1.0)] * 3).interval("logit")
    assert 0.9 < low < high == 1.0


def test_one_replicate_each_is_the_paired_difference(targets):
    (first,), (second,) = runs(targets, 1), runs(targets, 1, effect=1.4, seed=2)
    found, expected = difference([first], [second]), paired_difference(first, second)
    assert found.p_value == pytest.approx(expected.p_value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_draw_that_helps_both_methods_cancels_where_they_are_paired(targets):
    noise = np.random.default_rng(7).normal(size=targets.shape)
    first = runs(targets, 4, moves=0.4, shared=0.98, noise=noise)
    second = runs(targets, 4, effect=1.3, moves=0.4, shared=0.98, noise=noise, seed=3)
    paired, apart = (difference(first, second, paired) for paired in (True, False))
    assert paired.value == pytest.approx(apart.value)
    assert paired.spread.standard_error < 0.5 * apart.spread.standard_error
    assert paired.spread.freedom < apart.spread.freedom


def test_a_method_does_not_differ_from_itself(targets):
    found = runs(targets, 3)
    assert difference(found, found).value == 0.0
    assert difference(found, found, paired=True).p_value == 1.0


def test_all_pairs_at_once_are_the_pairs_one_by_one(targets):
    """Lines of one and several replicates, a class that one patient carries, and two lines that are nearly one."""
    targets = targets.copy()
    targets[:, 2] = np.arange(300) == 7
    near = runs(targets, 1)
    rng = np.random.default_rng(4)
    almost = [drawn(targets, 1e-7 * rng.normal(size=targets.shape) + k) for k in (targets * 1.0, targets * 2.0)]
    lines = [near, runs(targets, 3, seed=5), runs(targets, 3, seed=6, moves=0.3), [almost[0]], [almost[1]]]
    draws = [None, (0, 1, 2), (0, 1, 2), None, None]
    found = differences_of_all_pairs(lines, draws)
    pairs = list(itertools.combinations(range(5), 2))
    expected = [difference(lines[i], lines[j], paired=(i, j) == (1, 2)) for i, j in pairs]
    np.testing.assert_allclose([d.p_value for d in found], [d.p_value for d in expected], rtol=1e-6)
    np.testing.assert_allclose([d.low for d in found], [d.low for d in expected], rtol=1e-6, atol=1e-12)
    assert differences_of_all_pairs(lines[:1]) == []


def test_what_was_not_scored_on_the_same_records_is_not_averaged(targets):
    (first,) = runs(targets, 1)
    with pytest.raises(DataError, match="same records"):
        components([first, drawn(targets[::-1], np.zeros(targets.shape))])
    fewer = Replicates(first.estimates * [1, 1, np.nan], first.values, first.support, first.origin, first.trials)
    with pytest.raises(DataError, match="different classes"):
        difference([first], [fewer])


# Over folds


def test_one_replicate_each_over_folds_is_the_corrected_resampled_t():
    first, second = np.random.default_rng(0).normal(size=(2, 1, 10))
    found, expected = difference_over_folds(first, second, 0.5), corrected_resampled_t((first - second)[0], 20, 10)
    assert (found.value, found.p_value) == pytest.approx((expected.value, expected.p_value))
    low, high = mean_over_folds(first, 0.5).interval("plain")
    alone = corrected_resampled_t(first[0], 20, 10)
    assert (low, high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize(
    ("of_replicates", "of_folds", "residual", "most"),
    [(0.0, 0.0, 1.0, 1.3), (0.0, 1.0, 1.0, 1.1), (1.0, 0.5, 2.0, 1.15)],
)
def test_over_folds_the_residual_of_replicates_is_counted_once(of_replicates, of_folds, residual, most):
    """Training sets do not overlap here, so that the variance of the mean is known. The estimate of a part that is 0 is above
    it, as it is not negative; counted twice, the residual would make it 2, 1.25 and 1.31 times too large."""
    rng, means, differences = np.random.default_rng(1), [], []
    for _ in range(2000):
        first, second = (
            of_replicates * rng.normal(size=(3, 1)) + of_folds * rng.normal(size=8) + residual * rng.normal(size=(3, 8))
            for _ in range(2)
        )
        means.append(mean_over_folds(first, 0.0).spread.standard_error ** 2)
        differences.append(difference_over_folds(first, second, 0.0).spread.standard_error ** 2)
    expected = of_folds**2 / 8 + of_replicates**2 / 3 + residual**2 / 24
    assert 0.97 < np.mean(means) / expected < most
    assert 0.97 < np.mean(differences) / (2 * expected) < most


# Simulated experiments: two methods alike whose trainings move the AUROC by 4 points.

EXPERIMENTS = 300


@pytest.fixture(scope="module")
def experiments():
    found = []
    for seed in range(EXPERIMENTS):
        rng = np.random.default_rng([seed, 11])
        targets = (rng.random((150, 2)) < 0.3).astype(int)
        common = rng.normal(size=targets.shape)
        methods = []
        for _ in range(2):
            aurocs = 0.8 + 0.04 * rng.normal(size=5)
            noises = [np.sqrt(0.6) * common + np.sqrt(0.4) * rng.normal(size=targets.shape) for _ in aurocs]
            methods.append(
                [
                    drawn(targets, n + np.sqrt(2) * norm.ppf(a) * targets, draws=100, seed=seed)
                    for n, a in zip(noises, aurocs, strict=True)
                ]
            )
        found.append(methods)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 5])
def test_the_interval_covers_the_mean_over_all_trainings(experiments, count):
    intervals = [components(first[:count]).interval("logit") for first, _ in experiments]
    assert 0.92 <= np.mean([low <= 0.8 <= high for low, high in intervals]) <= 0.985


@pytest.mark.slow
def test_the_test_keeps_its_level_where_that_of_two_single_trainings_does_not(experiments):
    several = [difference(first, second).p_value < 0.05 for first, second in experiments]
    single = [paired_difference(first[0], second[0]).p_value < 0.05 for first, second in experiments]
    assert np.mean(several) <= 0.075
    assert np.mean(single) > 0.15
