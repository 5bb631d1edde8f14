"""Kaplan-Meier, log-rank and the Cox loss, against scikit-survival on its own real data sets."""

import numpy as np
import pytest
import torch
from sksurv import datasets
from sksurv.compare import compare_survival
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

from bench.scoring import survival_curves as curves
from bench.scoring.score import score
from bench.training.objective import cox_loss

COHORTS = [(datasets.load_whas500, "fstat", "lenfol"), (datasets.load_gbsg2, "cens", "time")]


@pytest.fixture(params=COHORTS, ids=["whas500", "gbsg2"], scope="module")
def cohort(request):
    load, event, time = request.param
    frame, outcome = load()
    features = np.column_stack([frame[c].to_numpy(float) for c in frame.select_dtypes("number")])
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    return features, outcome[time] / 365.25, outcome[event].astype(int)


def test_kaplan_meier_and_log_rank(cohort):
    features, times, events = cohort
    curve = curves.kaplan_meier(times, events)
    at, expected = kaplan_meier_estimator(events == 1, times)
    np.testing.assert_allclose(curve.times, at, atol=0)
    np.testing.assert_allclose(curve.survival, expected, atol=1e-8)
    assert curve.at_risk[0] == len(times) and (np.diff(curve.at_risk) < 0).all()
    assert curve.at(0.0) in (1.0, expected[0]) and np.isnan(curve.at(1e3))
    group = features[:, 0] > 0
    _, p = compare_survival(Surv.from_arrays(events == 1, times), group)
    assert curves.log_rank(times, events, group) == pytest.approx(p, abs=1e-8)


def test_the_cox_loss_has_its_minimum_where_scikit_survival_has(cohort):
    features, times, events = cohort
    coefficients = (
        CoxPHSurvivalAnalysis(ties="breslow", tol=1e-14, n_iter=200)
        .fit(features, Surv.from_arrays(events == 1, times))
        .coef_
    )
    x, t, e = torch.tensor(features), torch.tensor(times), torch.tensor(events)
    beta = torch.tensor(coefficients, requires_grad=True)
    cox_loss(x @ beta, t, e).backward()
    assert beta.grad.abs().max() < 1e-8
    elsewhere = torch.tensor(coefficients + 0.1, requires_grad=True)
    cox_loss(x @ elsewhere, t, e).backward()
    assert elsewhere.grad.abs().max() > 1e-3


def test_risk_groups_have_the_paper_s_cut_offs():
    risk = np.arange(1000.0)
    for share, percentile in ((162 / 11581, 98), (0.04, 96)):
        events = np.zeros(1000)
        events[: round(share * 1000)] = 1
        group = curves.high_risk(risk, events)
        assert group.sum() == 1000 - 10 * percentile and group[-1] and not group[0]


def test_a_survival_score_reports_the_secondary_measures(cohort):
    features, times, events = cohort
    train = np.arange(len(times)) % 2 == 0
    outcome = Surv.from_arrays(events[train] == 1, times[train])
    risk = CoxPHSurvivalAnalysis(alpha=1.0).fit(features[train], outcome).predict(features)
    targets = np.stack([times, events], axis=1)
    found = score(
        "survival",
        targets[~train],
        risk[~train],
        ["death"],
        None,
        validation=(targets[train], risk[train]),
        bootstrap=0,
    ).per_class["death"]
    assert 0.5 < found["c_index"] < 0.9
    assert 0.5 < found["uno_c"] < 0.9
    assert 0.5 < found["td_auc"] < 0.95
    assert 0 < found["integrated_brier"] < 0.25
    assert found["log_rank_p"] < 0.05
    assert found["predicted_5y"] == pytest.approx(found["observed_5y"], abs=0.1)


@pytest.mark.parametrize("events", [[0, 0, 0, 0], [0, 0, 0, 1]], ids=["all censored", "event comes last"])
def test_without_a_comparable_pair_nothing_is_reported_and_nothing_breaks(events):
    targets = np.stack([np.array([1.0, 2.0, 3.0, 4.0]), np.array(events, float)], axis=1)
    found = score("survival", targets, np.arange(4.0), ["death"], None, validation=(targets, np.arange(4.0)))
    assert np.isnan(found.metrics["c_index"].value)
    assert found.left_out == ["death"]
    assert "undefined" in found.notes[0]
    assert found.per_class["death"]["uno_c"] is None


def test_all_risks_and_times_tied():
    targets = np.array([[2.0, 1], [2.0, 0], [2.0, 1], [2.0, 0]])
    found = score("survival", targets, np.zeros(4), ["death"], None, validation=(targets, np.zeros(4)))
    assert found.metrics["c_index"].value == 0.5
    assert found.per_class["death"]["td_auc"] is None
