"""Survival metrics against scikit-survival, on its own real data sets too; regression metrics against scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr
from sklearn import metrics as sklearn_metrics
from sksurv import datasets
from sksurv import metrics as sksurv_metrics
from sksurv.functions import StepFunction
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from bench.errors import DataError
from bench.scoring import regression, survival
from bench.scoring.score import score

GOLDEN = Path(__file__).parents[2] / "golden"


@st.composite
def followed(draw):
    """Times and risks from few values, so that both tie."""
    n = draw(st.integers(2, 25))
    times = draw(arrays(np.float64, n, elements=st.integers(1, 6).map(float)))
    events = draw(arrays(np.int64, n, elements=st.integers(0, 1)))
    risk = draw(arrays(np.float64, n, elements=st.integers(-3, 3).map(lambda k: k / 2)))
    return times, events, risk


@given(followed())
@settings(deadline=None)
def test_harrell_c_equals_scikit_survival(data):
    times, events, risk = data
    try:
        expected = sksurv_metrics.concordance_index_censored(events.astype(bool), times, risk)[0]
    except (sksurv_metrics.NoComparablePairException, ValueError):
        expected = np.nan
    np.testing.assert_allclose(survival.harrell_c(times, events, risk), expected, atol=1e-12)


def test_harrell_c_is_the_same_in_blocks_of_any_size(monkeypatch):
    rng = np.random.default_rng(0)
    times, events, risk = rng.integers(1, 30, 80).astype(float), rng.integers(0, 2, 80), rng.normal(size=80)
    whole = survival.harrell_c(times, events, risk)
    monkeypatch.setattr(survival, "_PAIRS_HELD", 1)
    assert survival.harrell_c(times, events, risk) == whole


def test_harrell_c_equals_lifelines_on_the_released_code_s_case():
    golden = np.load(GOLDEN / "cox_cindex.npz")
    value = survival.harrell_c(golden["time"][:, 0], golden["event"][:, 0], golden["theta"][:, 0])
    assert value == pytest.approx(float(golden["c_index_lifelines"]), abs=1e-12)


def numeric_columns(frame):
    return np.column_stack([frame[c].to_numpy(float) for c in frame.select_dtypes("number")])


@pytest.mark.parametrize(
    ("load", "event", "time"), [(datasets.load_whas500, "fstat", "lenfol"), (datasets.load_gbsg2, "cens", "time")]
)
def test_real_cohorts_give_scikit_survival_s_values(load, event, time):
    frame, outcome = load()
    features = numeric_columns(frame)
    events, times = outcome[event].astype(int), outcome[time] / 365.25
    train = np.arange(len(times)) % 3 > 0
    # The earliest and the latest records belong to training, so that the test's follow-up lies within it.
    train[[times.argmin(), times.argmax()]] = True
    cox = CoxPHSurvivalAnalysis(alpha=1.0).fit(features[train], Surv.from_arrays(events[train] == 1, times[train]))
    risk = cox.predict(features)
    test = ~train
    past, seen = (times[train], events[train]), (times[test], events[test], risk[test])

    truth = Surv.from_arrays(events[test] == 1, times[test])
    training = Surv.from_arrays(events[train] == 1, times[train])
    expected = sksurv_metrics.concordance_index_censored(events[test] == 1, times[test], risk[test])[0]
    assert survival.harrell_c(*seen) == pytest.approx(expected, abs=1e-12)
    at = np.quantile(times[test], [0.3, 0.5, 0.7])
    tau = float(at[-1])
    expected = sksurv_metrics.concordance_index_ipcw(training, truth, risk[test], tau=tau)[0]
    assert survival.uno_c(*past, *seen, tau=tau) == pytest.approx(expected, abs=1e-12)
    auc, mean = survival.time_dependent_auc(*past, *seen, at)
    expected_auc, expected_mean = sksurv_metrics.cumulative_dynamic_auc(training, truth, risk[test], at)
    np.testing.assert_allclose(auc, expected_auc, atol=1e-12)
    assert mean == pytest.approx(expected_mean, abs=1e-12)

    curves = survival.breslow_survival(*past, risk[train], risk[test], at)
    functions: list[StepFunction] = list(cox.predict_survival_function(features[test]))
    np.testing.assert_allclose(curves, [[f(t) for t in at] for f in functions], atol=1e-8)
    expected = sksurv_metrics.integrated_brier_score(training, truth, curves, at)
    assert survival.integrated_brier(*past, *seen[:2], curves, at) == pytest.approx(expected, abs=1e-12)


def test_breslow_survival_starts_at_one_and_falls():
    rng = np.random.default_rng(1)
    times, events, risk = rng.exponential(3, 50), rng.integers(0, 2, 50), rng.normal(size=50)
    curves = survival.breslow_survival(times, events, risk + 800, risk + 800, np.array([0.0, 1.0, 5.0, 1e6]))
    np.testing.assert_array_equal(curves[:, 0], 1.0)
    assert (np.diff(curves, axis=1) <= 0).all()
    np.testing.assert_allclose(curves, survival.breslow_survival(times, events, risk, risk, np.array([0.0, 1, 5, 1e6])))


def test_times_beyond_the_follow_up_are_explained():
    times, events, risk = np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]), np.zeros(3)
    with pytest.raises(DataError, match=r"time-dependent AUC cannot be computed.*follow-up"):
        survival.time_dependent_auc(times, events, times, events, risk, np.array([9.0]))


values = st.integers(-20, 20).map(lambda k: k / 4)


@given(st.integers(2, 20).flatmap(lambda n: st.tuples(*[arrays(np.float64, (n, 2), elements=values)] * 2)))
@settings(deadline=None)
def test_regression_equals_scikit_learn(data):
    targets, predictions = data
    columns = range(2)
    np.testing.assert_allclose(
        regression.rmse(targets, predictions),
        sklearn_metrics.root_mean_squared_error(targets, predictions, multioutput="raw_values"),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        regression.mae(targets, predictions),
        sklearn_metrics.mean_absolute_error(targets, predictions, multioutput="raw_values"),
        atol=1e-12,
    )
    for k in columns:
        y, p = targets[:, k], predictions[:, k]
        if np.ptp(y) == 0:
            assert np.isnan(regression.r2(targets, predictions)[k])
        else:
            assert regression.r2(targets, predictions)[k] == pytest.approx(sklearn_metrics.r2_score(y, p), abs=1e-9)
        if np.ptp(y) == 0 or np.ptp(p) == 0:
            assert np.isnan(regression.pearson_r(targets, predictions)[k])
        else:
            assert regression.pearson_r(targets, predictions)[k] == pytest.approx(pearsonr(y, p).statistic, abs=1e-9)


def test_pearson_keeps_its_digits_far_from_zero():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(500, 1))
    p = y + rng.normal(size=(500, 1))
    shifted = regression.pearson_r(y + 1e6, p + 1e6)[0]
    assert shifted == pytest.approx(regression.pearson_r(y, p)[0], abs=1e-8)


def test_errors_in_different_units_have_no_mean():
    draw = np.random.default_rng(0)
    targets = draw.normal(size=(40, 2)) * [100, 1]
    predictions = targets + draw.normal(size=(40, 2))
    both = score("regression", targets, predictions, ["volume", "fraction"], None, bootstrap=20)
    assert set(both.metrics) == {"pearson_r", "r2"}
    assert both.per_class["volume"]["rmse"] > 0
    alone = score("regression", targets[:, :1], predictions[:, :1], ["volume"], None, bootstrap=20)
    assert alone.metrics["rmse"].value == pytest.approx(both.per_class["volume"]["rmse"])


def test_unos_c_counts_ties_as_its_documentation_says():
    times, events = np.array([1.0, 1.0, 1.0, 2.0]), np.array([1, 1, 0, 0])
    risks = np.array([1.0, 0.5, 1.0, 0.0])  # pairs (0, 2) half, (0, 3) right, (1, 2) wrong, (1, 3) right
    training = np.arange(1.0, 5.0), np.ones(4, int)  # nobody censored: all weights are 1
    assert survival.uno_c(*training, times, events, risks) == pytest.approx(2.5 / 4)
