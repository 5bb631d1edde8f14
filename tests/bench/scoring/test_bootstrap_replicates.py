"""The fast replicates against scikit-learn with integer sample weights, and the draws they are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics

from bench.scoring import bootstrap, classification, regression, survival, weighted


@st.composite
def weighed(draw):
    """Few distinct scores (ties), weights with zeros, classes that may be empty or full."""
    records, replicates = draw(st.integers(2, 25)), draw(st.integers(1, 3))
    targets = draw(arrays(np.int64, (records, 3), elements=st.integers(0, 1)))
    scores = draw(arrays(np.float64, (records, 3), elements=st.integers(-3, 3).map(float)))
    weights = draw(arrays(np.float64, (records, replicates), elements=st.integers(0, 4).map(float)))
    return targets, scores, weights


def has_both(target, weight):
    return 0 < weight @ target < weight.sum()


@given(weighed())
@settings(deadline=None)
def test_weighted_ranking_equals_scikit_learn(data):
    targets, scores, weights = data
    values = weighted.Ranking(targets, scores).measure(weights, ("auroc", "auprc"))
    f1 = weighted.f1(targets, scores >= 0, weights)
    for b, weight in enumerate(weights.T):
        for c in range(3):
            y, s = targets[:, c], scores[:, c]
            if not has_both(y, weight):
                assert np.isnan([values["auroc"][b, c], values["auprc"][b, c], f1[b, c]]).all()
                continue
            expected = sklearn_metrics.roc_auc_score(y, s, sample_weight=weight)
            assert values["auroc"][b, c] == pytest.approx(expected, abs=1e-12)
            expected = sklearn_metrics.average_precision_score(y, s, sample_weight=weight)
            assert values["auprc"][b, c] == pytest.approx(expected, abs=1e-12)
            expected = sklearn_metrics.f1_score(y, s >= 0, sample_weight=weight)
            assert f1[b, c] == pytest.approx(expected, abs=1e-12)


@given(weighed())
@settings(deadline=None)
def test_weights_are_repetitions(data):
    targets, scores, weights = data
    ranking = weighted.Ranking(targets, scores)
    for weight in weights.T:
        drawn = np.repeat(np.arange(len(weight)), weight.astype(int))
        values = ranking.measure(weight[:, None], ("auroc", "auprc"))
        for name, plain in (("auroc", classification.auroc), ("auprc", classification.average_precision)):
            np.testing.assert_allclose(values[name][0], plain(targets[drawn], scores[drawn]), atol=1e-12)


def test_weights_of_one_give_the_plain_value():
    rng = np.random.default_rng(0)
    targets = (rng.random((500, 9)) < 0.1).astype(int)
    scores = (rng.normal(size=(500, 9)) + targets).round(1)
    ones, ranking = np.ones((500, 1)), weighted.Ranking(targets, scores)
    np.testing.assert_allclose(ranking.auroc(ones)[0], classification.auroc(targets, scores), atol=1e-14, rtol=0)
    np.testing.assert_allclose(
        ranking.measure(ones, ("auprc",))["auprc"][0],
        classification.average_precision(targets, scores),
        atol=1e-14,
        rtol=0,
    )


def test_every_other_metric_treats_weights_as_repetitions():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.integers(4, size=60), rng.random((60, 4)).round(1)
    measured = rng.normal(50, 3, size=(60, 2))
    predicted = measured + rng.normal(size=(60, 2))
    times, events, risk = rng.integers(1, 9, 60).astype(float), rng.integers(0, 2, 60), rng.normal(size=60).round(1)
    weights = next(bootstrap.draws(np.arange(60), 5, seed=2))
    r = regression.weighted(measured, predicted, weights)
    for b, weight in enumerate(weights.T):
        drawn = np.repeat(np.arange(60), weight.astype(int))
        y, p = measured[drawn], predicted[drawn]
        assert weighted.accuracy(labels, probabilities, weights)[b] == pytest.approx(
            classification.accuracy(labels[drawn], probabilities[drawn]), abs=1e-12
        )
        np.testing.assert_allclose(
            weighted.argmax_f1(labels, probabilities, weights)[b],
            classification.argmax_f1(labels[drawn], probabilities[drawn]),
            atol=1e-12,
        )
        np.testing.assert_allclose(r["r2"][b], sklearn_metrics.r2_score(y, p, multioutput="raw_values"), atol=1e-10)
        np.testing.assert_allclose(r["pearson_r"][b], [np.corrcoef(y[:, k], p[:, k])[0, 1] for k in (0, 1)], atol=1e-10)
        assert survival.weighted_harrell_c(times, events, risk, weights)[b] == pytest.approx(
            survival.harrell_c(times[drawn], events[drawn], risk[drawn]), abs=1e-12
        )


def test_draws_are_the_same_in_blocks_of_any_size(monkeypatch):
    clusters = np.repeat(np.arange(37), 3)
    whole = np.concatenate(list(bootstrap.draws(clusters, 100, seed=5)), axis=1)
    for held in ("_WEIGHTS_HELD", "_WEIGHTS_IN_CACHE"):
        monkeypatch.setattr(bootstrap, held, 1)
    blocks = list(bootstrap.draws(clusters, 100, seed=5))
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
    assert not np.array_equal(np.concatenate(list(bootstrap.draws(clusters, 100, seed=6)), axis=1), whole)


def test_recordings_of_one_patient_are_drawn_together():
    patients = np.array(["b", "a", "b", "c", "a", "b"])
    weights = next(bootstrap.draws(bootstrap.cluster_numbers(patients, 6), 40, seed=0))
    for patient in "abc":
        rows = weights[patients == patient]
        assert (rows == rows[0]).all()
    first_of_each = weights[[0, 1, 3]]
    assert (first_of_each.sum(axis=0) == 3).all()
    assert first_of_each.max() > 1


@pytest.mark.parametrize("most", [4, 300, 70_000])
def test_many_draws_of_one_record_are_counted_as_drawn(most):
    rng = np.random.default_rng(most)
    targets, scores = rng.integers(0, 2, (40, 2)), rng.integers(-4, 4, (40, 2)).astype(float)
    weights = rng.integers(0, most, (40, 3)).astype(float)
    values = weighted.Ranking(targets, scores).measure(weights, ("auroc", "auprc"))
    for b, weight in enumerate(weights.T):
        for c in range(2):
            for name, slow in (
                ("auroc", sklearn_metrics.roc_auc_score),
                ("auprc", sklearn_metrics.average_precision_score),
            ):
                expected = slow(targets[:, c], scores[:, c], sample_weight=weight)
                assert values[name][b, c] == pytest.approx(expected, rel=1e-14)
