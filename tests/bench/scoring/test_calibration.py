"""Probabilities of scores and their calibration, against scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from mapie.metrics.calibration import expected_calibration_error
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from bench.scoring.calibration import BINS, Calibration, Line, fit_line, fit_offset, logits, platt, probabilities


def sample(n: int = 400, slope: float = 0.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and overconfident probabilities: the true log odds are ``slope`` times the stated ones, less 0.4."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.5, n)
    return (rng.random(n) < expit(slope * x - 0.4)).astype(float), expit(x)


def measured(target: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    calibration = Calibration.of(target, probability)
    return calibration.measure(calibration.sums(weights))


ONCE = np.ones((400, 1))


def test_slope_and_intercept_are_those_of_statsmodels():
    target, probability = sample()
    values = measured(target, probability, ONCE)
    free = sm.GLM(target, sm.add_constant(logit(probability)), family=sm.families.Binomial()).fit(tol=1e-14)
    moved = sm.GLM(target, np.ones(400), family=sm.families.Binomial(), offset=logit(probability)).fit(tol=1e-14)
    assert values["calibration_slope"][0] == pytest.approx(free.params[1], rel=1e-9)
    assert values["calibration_intercept"][0] == pytest.approx(moved.params[0], rel=1e-9)
    assert values["calibration_slope"][0] == pytest.approx(0.6, abs=0.25)


def test_weighted_line_is_that_of_repeated_records():
    target, probability = sample(80)
    times = np.random.default_rng(1).integers(0, 4, 80)
    again = np.repeat(np.arange(80), times)
    x = logits(probability)
    np.testing.assert_allclose(fit_line(x, target, times.astype(float)), fit_line(x[again], target[again]), rtol=1e-9)
    assert fit_offset(x, target, times.astype(float)) == pytest.approx(fit_offset(x[again], target[again]), rel=1e-9)


def test_platt_is_a_regression_on_smoothed_targets():
    target, probability = sample()
    m, n = target.sum(), (1 - target).sum()
    smooth = np.where(target == 1, (m + 1) / (m + 2), 1 / (n + 2))
    oracle = sm.GLM(smooth, sm.add_constant(probability), family=sm.families.Binomial()).fit(tol=1e-14)
    (line,) = platt(target[:, None], probability[:, None])
    np.testing.assert_allclose(line, oracle.params, rtol=1e-8)


def test_scores_that_separate_the_classes_have_a_finite_line_and_no_slope_of_their_own():
    target = np.repeat([0.0, 1.0], 20)
    (line,) = platt(target[:, None], target[:, None])
    assert np.isfinite(line).all() and line.at(np.array([1.0]))[0] > 0.9
    assert np.isnan(fit_line(target, target).slope)
    assert fit_line(np.zeros(40), target) == Line(0.0, 0.0)


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_probabilities_are_fitted_on_validation_records_class_by_class(shift):
    """Scores outside [0, 1], such as similarities, are fitted as they are; probabilities by their log odds."""
    (_, probability), (other, seen) = sample(seed=1), sample(seed=2)
    given = np.stack([probability, 1 - probability], axis=1) + shift
    of_validation = np.stack([seen, 1 - seen], axis=1) + shift
    targets = np.stack([other, np.full(400, np.nan)], axis=1)
    result = probabilities(given, (targets, of_validation))
    assert np.isnan(result[:, 1]).all()  # nothing is known of the class
    m, n = other.sum(), (1 - other).sum()
    smooth = np.where(other == 1, (m + 1) / (m + 2), 1 / (n + 2))
    x = (lambda p: p + shift) if shift else logit
    fitted = sm.GLM(smooth, sm.add_constant(x(seen)), family=sm.families.Binomial()).fit(tol=1e-14)
    np.testing.assert_allclose(result[:, 0], fitted.predict(sm.add_constant(x(probability))), rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_ece_is_that_of_mapie(seed):
    """Its "array split" takes tenths of the records as they come, so they are sorted; its "quantile" has a bin for the lowest
    record alone."""
    target, probability = sample(seed=seed)
    order = np.argsort(probability)
    oracle = expected_calibration_error(
        target[order].astype(int), probability[order], num_bins=BINS, split_strategy="array split"
    )
    assert measured(target, probability, ONCE)["ece"][0] == pytest.approx(oracle, rel=1e-12)


def test_brier_score_ece_and_decomposition_are_those_of_scikit_learn():
    target, probability = sample()
    values = {name: value[0] for name, value in measured(target, probability, ONCE).items()}
    assert values["brier"] == pytest.approx(brier_score_loss(target, probability), rel=1e-12)
    observed, mean = calibration_curve(target, probability, n_bins=BINS, strategy="quantile")
    assert values["ece"] == pytest.approx(np.abs(observed - mean).mean(), rel=1e-12)  # 400 records: 40 in each bin
    assert values["brier_reliability"] == pytest.approx(((observed - mean) ** 2).mean(), rel=1e-12)
    share = target.mean()
    assert values["brier_uncertainty"] == pytest.approx(share * (1 - share), rel=1e-12)
    parts = values["brier_reliability"] - values["brier_resolution"] + values["brier_uncertainty"]
    assert parts == pytest.approx(values["brier"], rel=1e-12)
    # Of forecasts that have one value per bin the resolution is Murphy's: the variance of the observed shares.
    rounded = np.repeat(np.linspace(0.05, 0.95, BINS), 40)
    ordered = np.sort(target)
    of_bins = {name: value[0] for name, value in measured(ordered, rounded, ONCE).items()}
    shares = ordered.reshape(BINS, 40).mean(axis=1)
    assert of_bins["brier_resolution"] == pytest.approx(shares.var(), rel=1e-12)


def test_isotonic_probabilities_have_no_unreliability_within_their_levels():
    """Of a perfectly calibrated forecast slope and intercept are 1 and 0."""
    target, probability = sample()
    fitted = IsotonicRegression(y_min=0.01, y_max=0.99, out_of_bounds="clip").fit(probability, target)
    values = measured(target, np.clip(fitted.predict(probability), 0.01, 0.99), ONCE)
    assert values["calibration_intercept"][0] == pytest.approx(0, abs=0.05)
    recalibrated = fit_line(logits(probability), target).at(logits(probability))
    again = measured(target, recalibrated, ONCE)
    assert again["calibration_slope"][0] == pytest.approx(1, rel=1e-9)
    assert again["calibration_intercept"][0] == pytest.approx(0, abs=1e-9)


def test_draws_weigh_records_and_slopes_have_the_spread_of_refitting():
    target, probability = sample()
    rng = np.random.default_rng(3)
    weights = rng.multinomial(400, np.full(400, 1 / 400), size=200).T.astype(float)
    values = measured(target, probability, weights)
    drawn = np.repeat(np.arange(400), weights[:, 0].astype(int))
    assert values["brier"][0] == pytest.approx(brier_score_loss(target[drawn], probability[drawn]), rel=1e-12)
    x = logits(probability)
    refitted = np.array([fit_line(x, target, w).slope for w in weights.T])
    assert values["calibration_slope"].std() == pytest.approx(refitted.std(), rel=0.15)
    assert np.corrcoef(values["calibration_slope"], refitted)[0, 1] > 0.95


def test_a_draw_of_few_ambiguous_records_does_not_send_the_slope_anywhere():
    target = np.array([0.0] * 50 + [1.0] * 12 + [0.0, 1.0])
    probability = np.array([0.01] * 50 + [0.98] * 12 + [0.9, 0.2])
    weights = np.random.default_rng(0).multinomial(64, np.full(64, 1 / 64), size=500).T.astype(float)
    slopes = measured(target, probability, weights)["calibration_slope"]
    assert slopes.std() < 1
