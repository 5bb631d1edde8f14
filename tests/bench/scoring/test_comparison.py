"""Comparisons against reference implementations, brute force, and cases whose answer is known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bench.errors import DataError
from bench.scoring import classification, comparison
from bench.scoring.bootstrap import Replicates, Spread
from bench.scoring.score import score_replicates


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 3)) < [0.3, 0.2, 0.1]).astype(int)
    shared = rng.normal(size=(400, 3))
    good, poor = (shared + targets * effect + 0.5 * rng.normal(size=(400, 3)) for effect in (1.5, 1.0))
    return targets, good, poor


def replicates(targets, scores, seed=0, metric="macro_auroc"):
    names = [f"class {k}" for k in range(targets.shape[1])]
    return score_replicates("multilabel", targets, scores, names, None, bootstrap=300, seed=seed)[metric]


def test_pairing_sharpens_the_comparison(cohort):
    targets, good, poor = cohort
    a, b = replicates(targets, good), replicates(targets, poor)
    paired = comparison.paired_difference(a, b)
    assert paired.value == pytest.approx(a.value - b.value)
    assert paired.p_value < 0.01
    assert paired.low > 0
    unpaired = np.hypot(a.spread().standard_error, b.spread().standard_error)
    assert (paired.high - paired.low) / (2 * 1.96) < 0.8 * unpaired


def test_the_order_of_a_pair_only_turns_the_sign(cohort):
    targets, good, poor = cohort
    a, b = replicates(targets, good), replicates(targets, poor)
    there, back = comparison.paired_difference(a, b), comparison.paired_difference(b, a)
    np.testing.assert_allclose([there.low, there.high, there.p_value], [-back.high, -back.low, back.p_value])


def test_a_method_does_not_differ_from_itself(cohort):
    a = replicates(cohort[0], cohort[1])
    same = comparison.paired_difference(a, a)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert same.equivalence(0.02) == 0.0


def test_equivalence_is_two_one_sided_t_tests():
    found = comparison.t_test(0.005, Spread(0.004, 30))
    one_sided = [stats.t.sf((0.02 - 0.005) / 0.004, 30), stats.t.sf((0.02 + 0.005) / 0.004, 30)]
    assert found.equivalence(0.02) == pytest.approx(max(one_sided))
    assert comparison.t_test(-0.005, Spread(0.004, 30)).equivalence(0.02) == found.equivalence(0.02)
    assert comparison.t_test(0.02, Spread(0.004, 30)).equivalence(0.02) == pytest.approx(0.5)
    noisy = comparison.t_test(0.0, Spread(0.02, 30))  # not significant, and not shown to be equal
    assert noisy.p_value == 1.0
    assert noisy.equivalence(0.02) > 0.05


def test_the_smallest_detectable_difference_is_found_with_its_power():
    """Against simulated t tests of a true difference of that size, at Holm's first step."""
    error, freedom, comparisons = 0.01, 12, 10
    found = comparison.t_test(0.0, Spread(error, freedom)).detectable(comparisons)
    rng = np.random.default_rng(0)
    estimates = found + error * rng.normal(size=200_000)
    errors = error * np.sqrt(rng.chisquare(freedom, size=200_000) / freedom)
    p_values = 2 * stats.t.sf(np.abs(estimates) / errors, freedom)
    assert np.mean(p_values < 0.05 / comparisons) == pytest.approx(0.8, abs=0.03)
    assert found > comparison.t_test(0.0, Spread(error, freedom)).detectable(1)


def test_what_was_not_scored_on_the_same_records_is_not_paired(cohort):
    targets, good, poor = cohort
    a = replicates(targets, good)
    with pytest.raises(DataError, match="same records"):
        comparison.paired_difference(a, replicates(targets, poor, seed=1))
    with pytest.raises(DataError, match="same records"):
        comparison.paired_difference(a, replicates(targets[::-1], poor[::-1]))
    fewer = Replicates(a.estimates * [1, 1, np.nan], a.values, a.support, a.origin)
    with pytest.raises(DataError, match="different classes"):
        comparison.paired_difference(a, fewer)


def test_bootstrap_and_delong_agree_on_one_class(cohort):
    targets, good, poor = (x[:, :1] for x in cohort)
    by_bootstrap = comparison.paired_difference(replicates(targets, good), replicates(targets, poor))
    by_delong = comparison.delong(targets[:, 0], np.stack([good[:, 0], poor[:, 0]])).difference(0, 1)
    assert by_bootstrap.value == pytest.approx(by_delong.value)
    assert by_bootstrap.high - by_bootstrap.low == pytest.approx(by_delong.high - by_delong.low, rel=0.15)


@given(
    st.tuples(st.integers(2, 8), st.integers(2, 8)).flatmap(
        lambda mn: st.tuples(
            st.just(mn), arrays(np.float64, (3, sum(mn)), elements=st.integers(-3, 3).map(lambda k: k / 2))
        )
    )
)
@settings(deadline=None)
def test_delong_equals_its_definition_by_brute_force(data):
    (m, n), scores = data
    target = np.array([1] * m + [0] * n)
    result = comparison.delong(target, scores)
    np.testing.assert_allclose(
        result.aurocs, classification.auroc(np.repeat(target[:, None], 3, axis=1), scores.T), atol=1e-12
    )
    wins = np.array([[[(x > y) + 0.5 * (x == y) for y in row[m:]] for x in row[:m]] for row in scores])
    expected = np.cov(wins.mean(axis=2)) / m + np.cov(wins.mean(axis=1)) / n
    np.testing.assert_allclose(result.covariance, expected, atol=1e-12)


def test_delong_of_equal_rankings_and_of_too_few_positives():
    rng = np.random.default_rng(1)
    target, score = rng.integers(0, 2, 50), rng.normal(size=50)
    assert comparison.delong(target, np.stack([score, np.exp(score)])).difference(0, 1).p_value == 1.0
    lonely = comparison.delong(np.eye(50)[0], np.stack([score, -score])).difference(0, 1)
    assert np.isnan([lonely.value, lonely.low, lonely.p_value]).all()


def test_corrected_resampled_t_equals_its_formula():
    values = np.array([0.02, 0.01, 0.04, -0.01, 0.03, 0.02, 0.00, 0.05, 0.01, 0.02])
    result = comparison.corrected_resampled_t(values, train_records=900, test_records=100)
    t = values.mean() / np.sqrt((1 / 10 + 1 / 9) * values.var(ddof=1))
    assert result.p_value == pytest.approx(2 * stats.t.sf(t, 9))
    assert result.low + result.high == pytest.approx(2 * values.mean())
    naive = stats.ttest_1samp(values, 0.0)
    assert result.p_value > naive.pvalue
    assert comparison.corrected_resampled_t(values, 10**9, 1).p_value == pytest.approx(naive.pvalue, rel=1e-4)


def test_holm_equals_statsmodels():
    from statsmodels.stats.multitest import multipletests  # here, for the process alone that runs this file

    rng = np.random.default_rng(5)
    p_values = [rng.random(n).round(1) ** power for n, power in ((1, 1), (5, 1), (12, 3), (40, 4))]
    for column in p_values:
        np.testing.assert_allclose(comparison.holm(column), multipletests(column, method="holm")[1], atol=1e-12)


def test_holm_does_not_count_what_is_missing():
    adjusted = comparison.holm(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(adjusted, [0.02, np.nan, 0.04])


def test_friedman_and_nemenyi_equal_scikit_posthocs():
    import scikit_posthocs

    rng = np.random.default_rng(2)
    values = (rng.normal(size=(12, 5)) + np.array([0, 0, 0.5, 1, 2])).round(1)
    result = comparison.friedman(values)
    np.testing.assert_allclose(result.p_values, scikit_posthocs.posthoc_nemenyi_friedman(values), atol=1e-6)
    assert (result.statistic, result.p_value) == pytest.approx(tuple(stats.friedmanchisquare(*values.T)))
    assert result.mean_ranks.sum() == pytest.approx(15)
    assert result.mean_ranks.argmin() == 4
    # Demsar 2006, Table 5: q(0.05) = 2.728 for five methods.
    assert result.critical_difference == pytest.approx(2.728 * np.sqrt(5 * 6 / (6 * 12)), abs=1e-3)
    apart = np.abs(result.mean_ranks[:, None] - result.mean_ranks) > result.critical_difference
    np.testing.assert_array_equal(apart, result.p_values < 0.05)


def test_ranks_over_incomplete_rows_are_refused():
    values = np.ones((4, 3))
    assert comparison.friedman(values).p_value == 1.0
    values[2, 1] = np.nan
    for rank in (comparison.friedman, comparison.mean_rank):
        with pytest.raises(DataError, match="method 1 has no value in column 2"):
            rank(values)
    with pytest.raises(DataError, match="3 methods"):
        comparison.friedman(np.ones((4, 2)))


def test_mean_rank_interval_is_that_of_a_mean_over_columns():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(9, 4)) + np.array([0, 0.5, 1, 1])
    ranks = stats.rankdata(-values, axis=1)
    for k, (mean, bounds) in enumerate(comparison.mean_rank(values)):
        expected = stats.t.interval(0.95, 8, ranks[:, k].mean(), stats.sem(ranks[:, k]))
        assert mean == pytest.approx(ranks[:, k].mean())
        np.testing.assert_allclose(bounds, np.clip(expected, 1, 4))
    assert np.isnan(comparison.mean_rank(values[:1])[0][1]).all()


@given(st.integers(1, 7).flatmap(lambda n: arrays(np.bool_, (n, n))))
@settings(deadline=None)
def test_groups_are_all_the_largest_sets_without_a_difference(drawn):
    different = drawn | drawn.T
    np.fill_diagonal(different, False)
    methods = range(len(different))

    def alike(members):
        return not any(different[i, j] for i, j in itertools.combinations(members, 2))

    sets = [set(c) for size in range(1, len(different) + 1) for c in itertools.combinations(methods, size) if alike(c)]
    largest = sorted(sorted(s) for s in sets if not any(s < other for other in sets))
    assert comparison.indistinguishable(different) == largest


def test_groups_follow_the_order_given():
    different = np.zeros((3, 3), bool)
    different[0, 2] = different[2, 0] = True
    assert comparison.indistinguishable(different, order=[2, 1, 0]) == [[2, 1], [1, 0]]
