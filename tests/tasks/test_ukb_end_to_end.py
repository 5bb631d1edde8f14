"""The simulated UK Biobank from its files to scored survival, disease and phenotype tasks."""

from __future__ import annotations

import math

import pytest

from bench.data_source import DataSource
from bench.runner.execute import run
from bench.runner.plan import RunOptions
from bench.workspace import Workspace


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> DataSource:
    return DataSource(Workspace(tmp_path_factory.mktemp("workspace")), simulated_records=200)


def results_of(source, task, mode, epochs):
    options = RunOptions(["random-resnet"], [task], [mode], overrides=[f"{mode}.epochs={epochs}"], track=False)
    report = run(options, source)
    assert report.failures == {}
    return report.results


def test_survival_is_scored_fold_by_fold_with_its_cohort_told(source, capsys):
    results = results_of(source, "ukb-hyp-hf", "linear", 2)
    assert [result.cell.fold for result in results] == list(range(10))
    for result in results:
        assert 0 <= result.score["metrics"]["c_index"]["value"] <= 1
        assert set(result.score["per_class"]["HF"]) >= {"c_index", "uno_c", "td_auc", "integrated_brier", "log_rank_p"}
        assert result.split["cohort"]["left"] == sum(result.counts[part] for part in ("train", "validation", "test"))
    assert "without hypertension at the ECG or before" in capsys.readouterr().err


def test_phenotypes_are_told_one_by_one_and_by_group_in_their_own_units(source):
    (result,) = results_of(source, "ukb-phenotypes", "linear", 5)
    metrics = result.score["metrics"]
    assert {f"{metric}_{group}" for metric in ("pearson_r", "r2") for group in ("LV", "RV", "WT", "Ecc", "Err")} <= set(
        metrics
    )
    assert len(result.score["per_class"]) == 61
    # targets of every size are learned alike: none is further off than its own spread, by much
    assert metrics["r2"]["value"] > -0.5
    predictions = result.predictions()
    assert predictions["score_LVEDV"].mean() == pytest.approx(predictions["target_LVEDV"].mean(), rel=0.1)


def test_diseases_have_an_auroc_and_nested_fractions(source):
    options = RunOptions(
        ["random-resnet"], ["ukb-cad"], ["linear"], [1.0, 0.1], overrides=["linear.epochs=2"], track=False
    )
    whole, tenth = run(options, source).results
    assert whole.counts["train"] // 10 == tenth.counts["train"]
    assert not math.isnan(tenth.score["metrics"]["macro_auroc"]["value"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["finetune", "scratch"])
@pytest.mark.parametrize(
    ("task", "metric"), [("ukb-hyp-hf", "c_index"), ("ukb-phenotypes", "pearson_r"), ("ukb-af", "macro_auroc")]
)
def test_everything_can_be_trained_on_every_kind(source, mode, task, metric):
    for result in results_of(source, task, mode, 1):
        assert math.isfinite(result.score["metrics"][metric]["value"])
