"""Plain classification metrics against scikit-learn, on scores with ties, constant columns and single-class columns."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn_metrics

from bench.scoring import classification

# Halves between -3 and 3: ties are certain, sums are exact.
tied_scores = st.integers(-6, 6).map(lambda k: k / 2)


@st.composite
def labelled(draw, max_records=40, classes=3):
    records = draw(st.integers(2, max_records))
    targets = draw(arrays(np.int64, (records, classes), elements=st.integers(0, 1)))
    scores = draw(arrays(np.float64, (records, classes), elements=tied_scores))
    return targets, scores


def both_labels(column):
    return 0 < column.sum() < len(column)


@given(labelled())
@settings(deadline=None)
def test_auroc_and_average_precision_equal_scikit_learn(data):
    targets, scores = data
    auroc = classification.auroc(targets, scores)
    precision = classification.average_precision(targets, scores)
    for c in range(targets.shape[1]):
        if both_labels(targets[:, c]):
            assert auroc[c] == pytest.approx(sklearn_metrics.roc_auc_score(targets[:, c], scores[:, c]), abs=1e-12)
            expected = sklearn_metrics.average_precision_score(targets[:, c], scores[:, c])
            assert precision[c] == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(auroc[c])
            assert np.isnan(precision[c])


@given(labelled(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_record_order_changes_nothing(data, random):
    targets, scores = data
    order = list(range(len(targets)))
    random.shuffle(order)
    for metric in (classification.auroc, classification.average_precision, classification.best_f1_thresholds):
        np.testing.assert_array_equal(metric(targets, scores), metric(targets[order], scores[order]))


@given(labelled())
@settings(deadline=None)
def test_negated_scores_mirror_the_auroc(data):
    targets, scores = data
    np.testing.assert_allclose(
        classification.auroc(targets, scores) + classification.auroc(targets, -scores),
        np.where(classification.scorable(targets), 1.0, np.nan),
        atol=1e-12,
    )


def test_constant_scores_are_worth_a_coin():
    targets = np.array([[1], [0], [0], [0]])
    assert classification.auroc(targets, np.zeros((4, 1)))[0] == 0.5
    assert classification.average_precision(targets, np.zeros((4, 1)))[0] == 0.25


def test_equality_with_scikit_learn_at_the_size_of_ptbxl_all():
    rng = np.random.default_rng(0)
    targets = (rng.random((2203, 71)) < rng.uniform(0.002, 0.4, 71)).astype(int)
    scores = (rng.normal(size=(2203, 71)) + targets).round(2)
    kept = classification.scorable(targets)
    expected = sklearn_metrics.roc_auc_score(targets[:, kept], scores[:, kept], average=None)
    np.testing.assert_allclose(classification.auroc(targets, scores)[kept], expected, atol=1e-12, rtol=0)
    expected = sklearn_metrics.average_precision_score(targets[:, kept], scores[:, kept], average=None)
    np.testing.assert_allclose(classification.average_precision(targets, scores)[kept], expected, atol=1e-12, rtol=0)


@given(labelled())
@settings(deadline=None)
def test_best_thresholds_reach_the_top_of_the_precision_recall_curve(data):
    targets, scores = data
    thresholds = classification.best_f1_thresholds(targets, scores)
    for c in range(targets.shape[1]):
        if not targets[:, c].any():
            assert np.isnan(thresholds[c])
            continue
        reached = sklearn_metrics.f1_score(targets[:, c], scores[:, c] >= thresholds[c])
        precision, recall, candidates = sklearn_metrics.precision_recall_curve(targets[:, c], scores[:, c])
        with np.errstate(invalid="ignore"):
            curve = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
        assert reached == pytest.approx(curve.max(), abs=1e-12)
        # The stated tie rule: the lowest of the best.
        best = candidates[curve >= curve.max() - 1e-12]
        assert thresholds[c] == best.min()


def test_f1_counts_the_threshold_itself_as_positive():
    targets, scores = np.array([[0], [1], [1]]), np.array([[0.1], [0.5], [0.9]])
    assert classification.f1(targets, scores, np.array([0.5]))[0] == 1.0
    assert classification.f1(targets, scores, np.array([np.nextafter(0.5, 1)]))[0] == pytest.approx(2 / 3)
    assert np.isnan(classification.f1(targets, scores, np.array([np.nan]))[0])


@given(
    st.integers(3, 40).flatmap(
        lambda n: st.tuples(
            arrays(np.int64, n, elements=st.integers(0, 3)), arrays(np.float64, (n, 4), elements=tied_scores)
        )
    )
)
@settings(deadline=None)
def test_multiclass_metrics_equal_scikit_learn(data):
    labels, scores = data
    assert classification.accuracy(labels, scores) == sklearn_metrics.accuracy_score(labels, scores.argmax(axis=1))
    per_class = classification.argmax_f1(labels, scores)
    present = [c for c in range(4) if 0 < (labels == c).sum() < len(labels)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn_metrics.f1_score(labels, scores.argmax(axis=1), labels=present, average=None)
    np.testing.assert_allclose(per_class[present], expected if present else [], atol=1e-12)
    assert np.isnan(np.delete(per_class, present)).all()
    ovr = classification.ovr_auroc(labels, scores)
    for c in present:
        assert ovr[c] == pytest.approx(sklearn_metrics.roc_auc_score(labels == c, scores[:, c]), abs=1e-12)


def test_macro_ovr_auroc_equals_scikit_learn_on_probabilities():
    rng = np.random.default_rng(1)
    labels = rng.integers(5, size=300)
    logits = rng.normal(size=(300, 5)) + 2 * classification.one_hot(labels, 5)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = sklearn_metrics.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert classification.macro(classification.ovr_auroc(labels, probabilities)) == pytest.approx(expected, abs=1e-12)


def test_macro_leaves_out_what_has_no_value():
    assert classification.macro(np.array([0.2, np.nan, 0.6])) == pytest.approx(0.4)
    assert np.isnan(classification.macro(np.array([np.nan, np.nan])))
    np.testing.assert_allclose(classification.macro(np.array([[1.0, np.nan], [np.nan, np.nan]])), [1.0, np.nan])
