"""Reliability diagrams and decision curves: their points, and pictures of both."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from bench.explain.clinical_plots import draw_decision_curves, draw_reliability
from bench.scoring.calibration import probabilities
from bench.scoring.clinical_curves import THRESHOLDS, calibrated, decision_curve, pooled, reliability

N = 200


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    targets = (rng.random((2 * N, 3)) < [0.4, 0.2, 0.0]).astype(float)
    scores = 1 / (1 + np.exp(-(rng.normal(size=(2 * N, 3)) + 2 * targets - 1)))
    return targets[:N], scores[:N], (targets[N:], scores[N:])


def test_points_are_those_of_scikit_learn_and_intervals_hold_them(predictions):
    targets, scores, validation = predictions
    classes = calibrated("multilabel", targets, scores, ["a", "b", "never"], validation)
    assert classes.names == ["a", "b"]
    of_scores = probabilities(scores, validation)
    np.testing.assert_allclose(classes.probabilities, of_scores[:, :2])
    points = reliability(classes.targets[:, 0], classes.probabilities[:, 0], classes.weights)
    observed, mean = calibration_curve(targets[:, 0], of_scores[:, 0], n_bins=10, strategy="quantile")
    np.testing.assert_allclose(points.observed, observed)
    np.testing.assert_allclose(points.mean, mean)
    assert ((points.low <= points.observed) & (points.observed <= points.high)).all()
    assert (points.high - points.low > 0.1).all()  # 20 records in each bin
    assert len(pooled(classes).mean) == 10


def test_acting_on_everyone_has_the_net_benefit_of_the_prevalence(predictions):
    targets, scores, validation = predictions
    classes = calibrated("multilabel", targets, scores, ["a", "b", "never"], validation)
    own, everyone = decision_curve(classes)
    share = targets[:, :2].mean()
    np.testing.assert_allclose(everyone, share - (1 - share) * THRESHOLDS / (1 - THRESHOLDS), atol=1e-12)
    assert own[29] > max(0.0, everyone[29])  # at a risk of 30 %


def test_kinds_without_classes_and_results_without_validation_have_no_curves(predictions):
    targets, scores, validation = predictions
    assert calibrated("regression", targets, scores, ["a", "b", "c"], validation) is None
    assert calibrated("multilabel", targets, scores, ["a", "b", "c"], (targets[:0], scores[:0])) is None


def test_a_panel_per_class_is_drawn(predictions):
    targets, scores, validation = predictions
    classes = calibrated("multilabel", targets, scores, ["a", "b", "never"], validation)
    for draw in (draw_reliability, draw_decision_curves):
        figure = draw(classes, "title")
        assert [panel.get_title(loc="left") for panel in figure.axes] == ["a", "b"]
