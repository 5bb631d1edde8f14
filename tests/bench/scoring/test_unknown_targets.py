"""Unknown targets (NaN): every number is that of the known records of a class alone."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from bench.errors import DataError
from bench.scoring import classification, weighted
from bench.scoring.comparison import delong
from bench.scoring.kinds import sides
from bench.scoring.score import score

CLASSES = ["a", "b", "c"]


@pytest.fixture
def data():
    rng = np.random.default_rng(4)
    targets = (rng.random((400, 3)) < 0.3).astype(float)
    scores = (rng.normal(size=(400, 3)) + targets).round(1)
    targets[rng.random((400, 3)) < [0.0, 0.3, 0.6]] = np.nan
    return targets, scores


def of_known(targets, scores, c):
    rows = ~np.isnan(targets[:, c])
    return targets[rows, c], scores[rows, c]


def test_metrics_and_thresholds_equal_scikit_learn_on_the_known_records(data):
    targets, scores = data
    result = score("multilabel", targets, scores, CLASSES, None, validation=(targets, scores), bootstrap=0)
    for c, name in enumerate(CLASSES):
        truth, values = of_known(targets, scores, c)
        precision, recall, candidates = sklearn_metrics.precision_recall_curve(truth, values)
        quality = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        threshold = candidates[np.argmax(quality[:-1])]
        expected = {
            "auroc": sklearn_metrics.roc_auc_score(truth, values),
            "auprc": sklearn_metrics.average_precision_score(truth, values),
            "f1": sklearn_metrics.f1_score(truth, values >= threshold),
            "accuracy": sklearn_metrics.accuracy_score(truth, values >= threshold),
            "known": len(truth),
        }
        assert result.thresholds[name] == threshold
        assert result.per_class[name] == pytest.approx(expected, abs=1e-12)
        assert result.support[name] == truth.sum()
    assert result.metrics["macro_auroc"].value == pytest.approx(
        np.mean([result.per_class[name]["auroc"] for name in CLASSES]), abs=1e-15
    )
    assert any("labels are unknown and count for no metric" in note for note in result.notes)


def test_replicates_equal_scikit_learn_on_the_known_records_that_they_drew(data):
    targets, scores = data
    weights = np.random.default_rng(1).poisson(1.0, (400, 4)).astype(float)
    values = weighted.Ranking(targets, scores).measure(weights, ("auroc", "auprc"))
    f1 = weighted.f1(targets, scores >= 0.5, weights)
    accuracy = weighted.decision_accuracy(targets, scores >= 0.5, weights)
    for c in range(3):
        rows = ~np.isnan(targets[:, c])
        for b, weight in enumerate(weights.T):
            options = {"sample_weight": weight[rows]}
            truth, ranked = of_known(targets, scores, c)
            expected = sklearn_metrics.roc_auc_score(truth, ranked, **options)
            assert values["auroc"][b, c] == pytest.approx(expected, abs=1e-12)
            expected = sklearn_metrics.average_precision_score(truth, ranked, **options)
            assert values["auprc"][b, c] == pytest.approx(expected, abs=1e-12)
            assert f1[b, c] == pytest.approx(sklearn_metrics.f1_score(truth, ranked >= 0.5, **options), abs=1e-12)
            expected = sklearn_metrics.accuracy_score(truth, ranked >= 0.5, **options)
            assert accuracy[b, c] == pytest.approx(expected, abs=1e-12)


def test_only_patients_with_a_known_label_carry_an_interval(data):
    targets, _ = data
    patients = np.arange(400) // 2
    expected = [[len(np.unique(patients[targets[:, c] == value])) for c in range(3)] for value in (1, 0)]
    assert sides(targets, patients).tolist() == expected


def test_a_class_of_which_nothing_or_one_side_is_known_is_left_out(data):
    targets, scores = data
    targets[:, 1] = np.nan
    targets[targets[:, 2] == 0, 2] = np.nan
    result = score("multilabel", targets, scores, CLASSES, None, validation=(targets, scores), bootstrap=10)
    assert result.left_out == ["b", "c"]
    assert result.per_class["b"]["known"] == 0
    assert result.support["b"] == 0
    assert result.metrics["macro_auroc"].value == result.per_class["a"]["auroc"]
    assert np.isnan(classification.auroc(targets, scores)[1:]).all()


def test_known_targets_have_no_further_column(data):
    targets, scores = np.nan_to_num(data[0]), data[1]
    plain = score("multilabel", targets.astype(np.uint8), scores, CLASSES, None, bootstrap=20)
    assert plain == score("multilabel", targets, scores, CLASSES, None, bootstrap=20)
    assert list(plain.per_class["a"]) == ["auroc", "auprc"]


def test_other_values_and_other_kinds_are_still_refused(data):
    targets, scores = data
    targets[5, 0] = np.inf
    with pytest.raises(DataError, match=r"target of record index 5, class 'a' is inf"):
        score("multilabel", targets, scores, CLASSES, None)
    with pytest.raises(DataError, match=r"target .* is nan; expected a finite number"):
        score("survival", data[0][:, 1:], scores[:, 0], ["event"], None)


def test_delongs_covariance_is_of_the_known_records(data):
    targets, scores = data
    rows = ~np.isnan(targets[:, 2])
    whole, part = delong(targets[:, 2], scores.T), delong(targets[rows, 2], scores[rows].T)
    np.testing.assert_array_equal(whole.aurocs, part.aurocs)
    np.testing.assert_array_equal(whole.covariance, part.covariance)


def test_values_of_a_regression_are_scored_over_the_known_records(data):
    unknown = np.isnan(data[0])
    rng = np.random.default_rng(1)
    values, scores = rng.normal(5, 2, (400, 3)), rng.normal(5, 2, (400, 3))
    patients = rng.integers(0, 150, 400).astype(str)
    targets = np.where(unknown, np.nan, values)
    result = score("regression", targets, scores, CLASSES, patients, bootstrap=100)
    for c, name in enumerate(CLASSES):
        rows = ~unknown[:, c]
        alone = score("regression", values[rows, c : c + 1], scores[rows, c : c + 1], [name], None, bootstrap=0)
        assert {k: v for k, v in result.per_class[name].items() if k != "known"} == pytest.approx(alone.per_class[name])
        assert result.per_class[name]["known"] == result.support[name] == rows.sum()
    pearson = result.metrics["pearson_r"]
    assert pearson.low < pearson.value < pearson.high
    assert result.notes == [
        f"{unknown.sum()} of 1,200 values are unknown and count for no metric; known ones of each target: known in per_class."
    ]
    targets[:, 0] = np.nan
    assert score("regression", targets, scores, CLASSES, patients, bootstrap=20).left_out == ["a"]
