"""Figures of runs: their numbers, for each kind of task, and a page that needs nothing from the network."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from bench.cells.result import write_result
from bench.tracking.figures import charts_of, figures_page, hanley_mcneil


@pytest.fixture
def drawn(make_result, tmp_path):
    """Charts by title, of a result of some kind with these predictions."""

    def draw(kind, columns, **keywords):
        result = make_result(**keywords)
        result = dataclasses.replace(result, score=result.score | {"kind": kind})
        n = len(next(iter(columns.values())))
        ids = {"record_id": [str(k) for k in range(n)], "patient_id": ["a"] * n, "partition": "test"}
        history = [{"epoch": k, "loss": 1 / k, "validation": 0.1 * k} for k in range(1, 9)]
        stored = write_result(tmp_path, result, pd.DataFrame(ids | columns), history)
        return {chart["title"]: chart for chart in charts_of(stored)}, figures_page(stored)

    return draw


def test_roc_and_precision_are_scikit_learns_with_ties_and_unknown_values_left_out(drawn):
    rng = np.random.default_rng(0)
    positive, score = (rng.random(120) < 0.3).astype(float), rng.integers(0, 40, 120) / 40
    positive[:3] = np.nan
    all_known_positive = np.where(np.arange(120) < 5, 1.0, np.nan)  # has no ROC
    columns = {"target_a": positive, "score_a": score, "target_b": all_known_positive, "score_b": score}
    charts, _ = drawn("multilabel", columns)
    (roc,), (precision,) = charts["ROC"]["series"], charts["Precision and recall"]["series"]
    known = ~np.isnan(positive)
    x, y, _ = roc_curve(positive[known], score[known], drop_intermediate=False)
    np.testing.assert_allclose([roc["x"], roc["y"]], [x, y], rtol=1e-3)
    expected, recall, _ = precision_recall_curve(positive[known], score[known])
    np.testing.assert_allclose(precision["y"][::-1], expected[:-1][recall[:-1] > 0], rtol=1e-3)
    np.testing.assert_allclose(precision["x"][::-1], recall[:-1][recall[:-1] > 0], rtol=1e-3)


def test_a_multilabel_result_has_curves_per_class_the_chosen_epoch_and_a_page_that_stands_alone(drawn):
    score = np.linspace(0, 1, 40)
    labels = (score > 0.5).astype(int)
    charts, page = drawn("multilabel", {"target_A<b>": labels, "score_A<b>": score}, per_class={"A<b>": {"auroc": 0.9}})
    assert charts["ROC"]["series"][0]["y"][-1] == 1
    assert max(charts["Precision and recall"]["series"][0]["y"]) == 1
    assert charts["Calibration (tenths of the records by score)"]["series"][0]["y"] == [0.0] * 5 + [1.0] * 5
    assert charts["training loss by epoch"]["mark"]["x"] == 7
    (row,) = charts["AUROC per class"]["rows"]
    assert row["value"] == 0.9
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data)["charts"][-1]["series"][0]["name"] == "A<b>"
    assert not re.findall(r"(?:src|href)\s*=|https?://(?!www\.w3\.org)", page)


def test_other_kinds_show_confusion_survival_and_measured_values(drawn):
    multiclass = {"target": [0, 1, 1, 2], "score_a": [0.9, 0.2, 0.6, 0.1], "score_b": [0.1, 0.7, 0.3, 0.2]}
    charts, _ = drawn("multiclass", multiclass | {"score_c": [0.0, 0.1, 0.1, 0.7]}, seed=1)
    assert charts["Confusion"]["values"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    n = 30
    years, risk = np.linspace(10, 0.5, n), np.linspace(0, 1, n)
    charts, _ = drawn("survival", {"target_years": years, "target_event": np.ones(n), "score": risk}, seed=2)
    low, _, high = charts["Kaplan-Meier curves by predicted risk"]["series"]
    assert low["y"][1] > 0.8 and low["x"][1] > high["x"][-1]
    charts, _ = drawn("regression", {"target_ef": risk, "score_ef": risk * 2}, seed=3)
    assert len(charts["ef: predicted against measured"]["series"][0]["x"]) == n


def test_the_interval_of_an_auroc_narrows_with_records_and_needs_two_of_each():
    assert hanley_mcneil(0.9, 1, 50) == (None, None)
    few, many = hanley_mcneil(0.8, 10, 10), hanley_mcneil(0.8, 1000, 1000)
    assert few[0] < many[0] < 0.8 < many[1] < few[1]
    # Hanley and McNeil, Radiology 143 (1982), Table II: 0.893 with 51 positive and 58 negative has an error of 0.032
    low, high = hanley_mcneil(0.893, 51, 58)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)
