"""Clinical metrics of results: operating points, net benefit, masks, intervals, and events under censoring."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import average_precision_score, brier_score_loss, roc_curve
from sksurv.metrics import brier_score

from bench import kinds
from bench.kinds.clinical_metrics import CALIBRATED, CLINICAL, LEVELS, uncalibrated
from bench.scoring.calibration import probabilities
from bench.scoring.clinical import Clinical
from bench.scoring.horizon import at_horizon, cox_slope
from bench.scoring.operating_points import benefits, operating_points
from bench.scoring.score import score, score_replicates
from bench.scoring.survival import breslow_survival
from bench.scoring.weighted import Ranking, ranked_records

N = 300
CLASSES = ["common", "rare"]


def predictions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = (rng.random((N, 2)) < [0.4, 0.08]).astype(float)
    raw = rng.normal(size=(N, 2)) + 1.5 * targets - 1
    return targets, 1 / (1 + np.exp(-np.round(raw, 1)))  # with ties


@pytest.fixture(scope="module")
def test_and_validation() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return predictions(0), predictions(1)


def oracle(target: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    rate, hits, _ = roc_curve(target, scores, drop_intermediate=False)
    points = {"auprc": average_precision_score(target, scores), "prevalence": target.mean()}
    for percent in LEVELS:
        points[f"sensitivity_at_specificity_{percent}"] = hits[rate <= 1 - percent / 100 + 1e-12].max()
        points[f"specificity_at_sensitivity_{percent}"] = 1 - rate[hits >= percent / 100 - 1e-12].min()
    return points


def test_operating_points_are_those_of_scikit_learns_curve(test_and_validation):
    (targets, scores), _ = test_and_validation
    once = Clinical(targets, scores, None).once(list(CLINICAL))
    for c in range(2):
        for name, value in oracle(targets[:, c], scores[:, c]).items():
            assert once[name][c] == pytest.approx(value, rel=1e-12), name


def test_a_draw_counts_a_record_as_often_as_it_was_drawn_and_unknown_targets_not_at_all(test_and_validation):
    (targets, scores), _ = test_and_validation
    targets = targets.copy()
    targets[::7, 0] = np.nan
    weights = np.random.default_rng(2).integers(0, 3, (N, 5)).astype(float)
    again = Clinical(targets, scores, scores).again(weights, list(CLINICAL))
    for r in range(5):
        rows = np.repeat(np.arange(N), weights[:, r].astype(int))
        rows = rows[~np.isnan(targets[rows, 0])]
        for name, value in oracle(targets[rows, 0], scores[rows, 0]).items():
            assert again[name][r, 0] == pytest.approx(value, rel=1e-12), name
        expected = brier_score_loss(targets[rows, 0], scores[rows, 0])
        assert again["brier"][r, 0] == pytest.approx(expected, rel=1e-12)


def test_draws_are_the_same_in_any_number_of_blocks_and_with_classes_that_are_not_kept(
    test_and_validation, monkeypatch
):
    (targets, scores), _ = test_and_validation
    weights = np.random.default_rng(4).integers(0, 3, (N, 7)).astype(float)
    at_once = Clinical(targets, scores, scores).again(weights, list(CLINICAL))
    monkeypatch.setattr("bench.scoring.clinical.KEPT", 0)
    forgetful = Clinical(targets, scores, scores, ranking=Ranking(targets, scores))
    blocks = [forgetful.again(block, list(CLINICAL)) for block in (weights[:, :3], weights[:, 3:])]
    for name, values in at_once.items():
        np.testing.assert_array_equal(np.concatenate([block[name] for block in blocks]), values, err_msg=name)


def test_a_draw_without_a_positive_has_no_value():
    target, scores = np.array([[1.0], [0.0], [0.0]]), np.array([[0.9], [0.1], [0.2]])
    again = Clinical(target, scores, scores).again(np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 1.0]]), list(CLINICAL))
    assert again["sensitivity_at_specificity_90"][:, 0].tolist() == pytest.approx([1.0, np.nan], nan_ok=True)
    assert np.isnan(again["prevalence"][1, 0]) and np.isnan(again["brier"][1, 0])


def test_fractional_weights_count_in_proportion():
    target, scores = predictions(3)
    ranked = ranked_records(target[:, 0], scores[:, 0])
    whole = np.random.default_rng(0).integers(0, 3, (N, 1)).astype(float)
    points, halved = operating_points(ranked, whole), operating_points(ranked, whole / 2)
    for name, values in points.items():
        assert halved[name] == pytest.approx(values, rel=1e-12)


def test_net_benefit_of_treating_all_and_none():
    target = np.array([1.0, 0.0, 0.0, 0.0])
    at = np.array([0.1, 0.2])
    everyone = benefits(target, np.ones(4), at).mean(axis=0)
    np.testing.assert_allclose(everyone, 0.25 - 0.75 * at / (1 - at))
    assert not benefits(target, np.zeros(4), at).any()


def test_every_kind_reports_them_with_intervals_that_hold_the_value(test_and_validation):
    (targets, scores), validation = test_and_validation
    patients = np.arange(N) // 2
    result = score("multilabel", targets, scores, CLASSES, patients, validation=validation, bootstrap=100)
    named = [f"macro_{name}" for name in CLINICAL]
    assert set(named) <= set(result.metrics)
    for name in named:
        estimate = result.metrics[name]
        assert estimate.low < estimate.value < estimate.high, name
    calibrated = probabilities(scores, validation)
    mean = np.mean([brier_score_loss(targets[:, c], calibrated[:, c]) for c in range(2)])
    assert result.metrics["macro_brier"].value == pytest.approx(mean, rel=1e-12)

    labels, rows = targets[:, 0].astype(int), np.stack([1 - scores[:, 0], scores[:, 0]], axis=1)
    both = score("multiclass", labels, rows, ["no", "yes"], patients, validation=(labels, rows), bootstrap=20)
    assert both.metrics["macro_auprc"].value == pytest.approx(
        np.mean([average_precision_score(labels == k, rows[:, k]) for k in range(2)]), rel=1e-12
    )


def test_without_validation_records_nothing_is_calibrated(test_and_validation):
    (targets, scores), _ = test_and_validation
    result = score("multilabel", targets, scores, CLASSES, None, bootstrap=0)
    assert not {f"macro_{name}" for name in CALIBRATED} & set(result.metrics)
    assert "macro_sensitivity_at_specificity_90" in result.metrics
    assert any(note.startswith("Brier score, calibration and net benefit are not reported") for note in result.notes)
    assert "macro_brier" not in uncalibrated(kinds.load("multilabel").metrics)


def test_a_class_without_validation_positives_is_left_out_of_calibration_only(test_and_validation):
    (targets, scores), (seen, seen_scores) = test_and_validation
    seen = seen.copy()
    seen[:, 1] = 0
    drawn = score_replicates(
        "multilabel", targets, scores, CLASSES, None, validation=(seen, seen_scores), bootstrap=10,
        metrics=["macro_brier", "macro_prevalence"],
    )  # fmt: skip
    assert drawn["macro_brier"].present.tolist() == [True, False]
    assert drawn["macro_prevalence"].present.all()


def followed(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Years, events and log-risks; the true coefficient is 0.7."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    event = rng.exponential(8 / np.exp(0.7 * x))
    censored = rng.uniform(2, 9, n)
    return np.minimum(event, censored), (event <= censored).astype(float), x


def test_the_brier_score_of_a_censored_event_is_scikit_survivals():
    (years, events, risk), (seen_years, seen_events, seen_risk) = followed(), followed(seed=1)
    validation = (np.stack([seen_years, seen_events], axis=1), seen_risk)
    within = at_horizon(years, events, risk, validation, 5)
    assert within.weights.sum() == pytest.approx(len(years), rel=1e-9)
    outcome = np.array(list(zip(events != 0, years, strict=True)), dtype=[("event", bool), ("time", float)])
    expected = brier_score(outcome, outcome, 1 - within.risks, [5.0])[1][0]
    result = score(
        "survival", np.stack([years, events], axis=1), risk, ["event"], None, validation=validation, bootstrap=50
    )
    assert result.metrics["brier_5y"].value == pytest.approx(expected, rel=1e-9)
    assert 0.5 < result.metrics["calibration_slope_5y"].value < 1.7
    estimate = result.metrics["net_benefit_at_20_5y"]
    assert estimate.low < estimate.value < estimate.high


def test_risks_come_from_a_cox_regression_on_validation_records():
    (years, events, risk), (seen_years, seen_events, seen_risk) = followed(), followed(seed=1)
    oracle = sm.PHReg(seen_years, seen_risk[:, None], status=seen_events, ties="breslow").fit()
    assert cox_slope(seen_years, seen_events, seen_risk) == pytest.approx(oracle.params[0], rel=1e-6)
    slope = cox_slope(seen_years, seen_events, seen_risk)
    within = at_horizon(years, events, risk, (np.stack([seen_years, seen_events], axis=1), seen_risk), 5)
    free = breslow_survival(seen_years, seen_events, slope * seen_risk, slope * risk, np.array([5.0]))
    np.testing.assert_allclose(within.risks, 1 - free)


def test_a_short_follow_up_has_no_metrics_at_five_years():
    years, events, risk = followed()
    result = score("survival", np.stack([years / 4, events], axis=1), risk, ["event"], None, bootstrap=0)
    assert list(result.metrics) == ["c_index"]
    assert any("within 5 years are not reported" in note for note in result.notes)
