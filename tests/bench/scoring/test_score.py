"""The runner's entry: what each kind reports, what is left out, what is refused, and that it survives JSON."""

import json

import numpy as np
import pytest

from bench import kinds, registry
from bench.errors import DataError, UnknownName
from bench.kinds.clinical_metrics import uncalibrated
from bench.scoring import classification
from bench.scoring.score import Score, score, score_replicates

CLASSES = ["NORM", "MI", "STTC", "RARE"]


@pytest.fixture(scope="module")
def multilabel():
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 4)) < [0.4, 0.2, 0.1, 0.0]).astype(int)
    return targets, rng.normal(size=(300, 4)) + targets, np.repeat(np.arange(150), 2)


def test_multilabel_reports_macro_values_over_scorable_classes(multilabel):
    targets, cosines, patients = multilabel
    result = score("multilabel", targets, cosines, CLASSES, patients, validation=(targets, cosines), bootstrap=200)
    assert list(result.metrics)[:4] == ["macro_auroc", "macro_auprc", "macro_f1", "macro_accuracy"]
    assert list(result.metrics) == list(kinds.load("multilabel").metrics)
    assert result.left_out == ["RARE"]
    assert result.metrics["macro_auroc"].value == pytest.approx(classification.auroc(targets, cosines)[:3].mean())
    for estimate in result.metrics.values():
        assert estimate.low < estimate.value < estimate.high
    assert result.per_class["RARE"] == dict.fromkeys(("auroc", "auprc", "f1", "accuracy"))
    assert result.thresholds["RARE"] is None
    assert result.thresholds["MI"] in cosines[:, 1]
    assert (result.n_records, result.n_clusters) == (300, 150)
    assert result.support == dict(zip(CLASSES, targets.sum(axis=0).tolist(), strict=True))


def test_accuracy_of_each_class_is_of_the_same_decisions_as_its_f1(multilabel):
    from sklearn.metrics import accuracy_score, f1_score

    targets, cosines, patients = multilabel
    result = score("multilabel", targets, cosines, CLASSES, patients, validation=(targets, cosines), bootstrap=50)
    for c, label in enumerate(CLASSES[:3]):
        decided = cosines[:, c] >= result.thresholds[label]
        assert result.per_class[label]["accuracy"] == pytest.approx(accuracy_score(targets[:, c], decided))
        assert result.per_class[label]["f1"] == pytest.approx(f1_score(targets[:, c], decided))
    mean = np.mean([result.per_class[label]["accuracy"] for label in CLASSES[:3]])
    assert result.metrics["macro_accuracy"].value == pytest.approx(mean)
    labels = np.random.default_rng(3).integers(0, 4, 300)
    one = score("multiclass", labels, cosines, CLASSES, patients, bootstrap=0)
    for c, label in enumerate(CLASSES):
        expected = accuracy_score(labels == c, cosines.argmax(axis=1) == c)
        assert one.per_class[label]["accuracy"] == pytest.approx(expected)


def test_groups_of_classes_get_a_mean_and_an_interval_of_their_own(multilabel):
    targets, cosines, patients = multilabel
    groups = {"seen": ["NORM", "STTC"], "unseen": ["MI", "RARE"], "none": ["RARE"]}
    result = score("multilabel", targets, cosines, CLASSES, patients, bootstrap=200, groups=groups)
    seen, unseen = result.metrics["macro_auroc_seen"], result.metrics["macro_auroc_unseen"]
    each = {label: values["auroc"] for label, values in result.per_class.items()}
    assert seen.value == pytest.approx((each["NORM"] + each["STTC"]) / 2)
    assert unseen.value == pytest.approx(each["MI"])
    assert seen.low < seen.value < seen.high
    assert "macro_auroc_none" not in result.metrics
    alone = score("multilabel", targets[:, [1]], cosines[:, [1]], ["MI"], patients, bootstrap=200)
    assert unseen.low == pytest.approx(alone.metrics["macro_auroc"].low)


def test_macro_f1_needs_validation_data_and_says_so(multilabel):
    targets, cosines, patients = multilabel
    result = score("multilabel", targets, cosines, CLASSES, patients, bootstrap=10)
    assert "macro_f1" not in result.metrics
    assert result.thresholds is None
    assert any("macro_f1" in note and "validation" in note for note in result.notes)


def test_thresholds_come_from_validation_and_not_from_test(multilabel):
    targets, cosines, patients = multilabel
    shifted = score("multilabel", targets, cosines, CLASSES, patients, validation=(targets, cosines + 9), bootstrap=0)
    assert shifted.metrics["macro_f1"].value == 0.0


def test_a_class_without_a_validation_positive_is_left_out_of_macro_f1_and_named(multilabel):
    targets, cosines, patients = multilabel
    without_mi = targets * [1, 0, 1, 1]
    result = score("multilabel", targets, cosines, CLASSES, patients, validation=(without_mi, cosines), bootstrap=10)
    assert result.per_class["MI"]["f1"] is None
    assert result.per_class["MI"]["auroc"] is not None
    assert any("'MI'" in note for note in result.notes)


def test_the_same_seed_gives_the_same_interval_and_another_does_not(multilabel):
    targets, cosines, patients = multilabel
    a, b, c = (
        score("multilabel", targets, cosines, CLASSES, patients, bootstrap=50, seed=s).metrics["macro_auroc"]
        for s in (1, 1, 2)
    )
    assert a == b
    assert a.value == c.value
    assert a.low != c.low


def test_monotone_rescaling_changes_no_ranking_metric(multilabel):
    targets, cosines, patients = multilabel
    a = score("multilabel", targets, cosines, CLASSES, patients, bootstrap=20)
    b = score("multilabel", targets, np.exp(cosines), CLASSES, patients, bootstrap=20)
    assert a.metrics == b.metrics


def test_replicates_of_two_methods_are_paired(multilabel):
    targets, cosines, patients = multilabel
    one = score_replicates("multilabel", targets, cosines, CLASSES, patients, bootstrap=20)["macro_auroc"]
    same = score_replicates("multilabel", targets, cosines * 2, CLASSES, patients, bootstrap=20)["macro_auroc"]
    np.testing.assert_array_equal(one.values, same.values)


@pytest.mark.parametrize("kind", registry.entries(registry.KINDS))
def test_every_kind_survives_json(kind, multilabel):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)  # class 3 never occurs
    cases = {
        "multilabel": (multilabel[0], multilabel[1]),
        "multiclass": (labels, rng.random((300, 4)) + classification.one_hot(labels, 4)),
        "identification": (labels, rng.random((300, 4)) + classification.one_hot(labels, 4)),
        "survival": (np.stack([rng.exponential(3, 300), rng.integers(0, 2, 300)], axis=1), rng.normal(size=300)),
        "regression": (np.column_stack([rng.normal(size=(300, 3)), np.ones(300)]), rng.normal(size=(300, 4))),
    }
    targets, scores = cases[kind]
    classes = ["death"] if kind == "survival" else CLASSES
    result = score(kind, targets, scores, classes, multilabel[2], bootstrap=100, seed=3)
    assert set(result.metrics) == set(uncalibrated(kinds.load(kind).metrics)) - {
        "multilabel": {"macro_f1", "macro_accuracy"},  # need thresholds
        "regression": {"rmse", "mae"},  # of several targets, in their units
    }.get(kind, set())
    for estimate in result.metrics.values():
        assert estimate.low <= estimate.value <= estimate.high
    assert result.left_out == ([] if kind == "survival" else ["RARE"])
    assert Score.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False))) == result


def test_identification_resamples_people():
    # Each person is found or not: the macro AUROC is a mean over people, and so is its standard error.
    rng = np.random.default_rng(0)
    people, classes = np.arange(200), [f"person {k}" for k in range(200)]
    scores = rng.normal(size=(200, 200)) + 2 * np.eye(200)
    result = score_replicates("identification", people, scores, classes, people, bootstrap=400)
    per_person = classification.auroc(np.eye(200), scores)
    expected = per_person.std(ddof=1) / np.sqrt(200)
    assert result["macro_auroc"].spread().standard_error == pytest.approx(expected, rel=0.15)
    found = (scores.argmax(axis=1) == people).astype(float)
    assert result["accuracy"].spread().standard_error == pytest.approx(found.std(ddof=1) / np.sqrt(200), rel=0.1)


def test_a_chosen_metric_is_the_only_one_reported():
    labels = np.array([0, 1, 0, 1])
    result = score("multiclass", labels, np.eye(2)[labels], ["a", "b"], None, metrics=["accuracy"], bootstrap=10)
    assert list(result.metrics) == ["accuracy"]
    assert result.metrics["accuracy"].value == 1.0


def test_no_scorable_class_gives_null_and_lists_all():
    result = score("multilabel", np.zeros((4, 2)), np.ones((4, 2)), ["a", "b"], None, bootstrap=10)
    assert result.to_dict()["metrics"]["macro_auroc"] == {"value": None, "low": None, "high": None}
    assert result.left_out == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t, s: s.__setitem__((7, 1), np.nan), r"test score of record index 7, class 'MI' is nan"),
        (lambda t, s: s.__setitem__((2, 0), np.inf), r"record index 2, class 'NORM' is inf"),
        (lambda t, s: t.__setitem__((5, 2), 3), r"test target of record index 5, class 'STTC' is 3; expected 0 or 1"),
    ],
)
def test_bad_values_are_refused_by_place(change, expected, multilabel):
    targets, scores = multilabel[0].copy(), multilabel[1].copy()
    change(targets, scores)
    with pytest.raises(DataError, match=expected):
        score("multilabel", targets, scores, CLASSES, None)


def test_bad_shapes_labels_and_names_are_refused(multilabel):
    targets, scores, patients = multilabel
    with pytest.raises(DataError, match=r"shape \(300, 3\); expected \(300, 4\)"):
        score("multilabel", targets, scores[:, :3], CLASSES, None)
    with pytest.raises(DataError, match="validation score of record index 0"):
        score("multilabel", targets, scores, CLASSES, None, validation=(targets, scores * np.nan))
    with pytest.raises(DataError, match="one patient id per record"):
        score("multilabel", targets, scores, CLASSES, patients[:-1])
    with pytest.raises(DataError, match="no test record"):
        score("multilabel", targets[:0], scores[:0], CLASSES, None)
    with pytest.raises(DataError, match=r"'a'.* more than once"):
        score("multilabel", targets[:, :2], scores[:, :2], ["a", "a"], None)
    with pytest.raises(DataError, match="record index 1 is 4; expected a class index from 0 to 3"):
        score("multiclass", np.array([0, 4]), np.zeros((2, 4)), CLASSES, None)
    with pytest.raises(DataError, match="record index 0, class 'event' is 2"):
        score("survival", np.array([[1.0, 2.0]]), np.zeros(1), ["death"], None)
    with pytest.raises(UnknownName, match="multilabel"):
        score("multilable", targets, scores, CLASSES, None)
    with pytest.raises(UnknownName, match="macro_auroc"):
        score("multilabel", targets, scores, CLASSES, None, metrics=["macro_auc"])


def test_a_stored_score_of_another_shape_is_refused(multilabel):
    plain = score("multilabel", *multilabel[:2], CLASSES, None, bootstrap=0).to_dict()
    with pytest.raises(DataError, match="n_clusters"):
        Score.from_dict({k: v for k, v in plain.items() if k != "n_clusters"})
    with pytest.raises(DataError, match=r"'macro_auroc' is 0\.9"):
        Score.from_dict({**plain, "metrics": {"macro_auroc": 0.9}})
