"""The simulated UK Biobank from its files to scored survival, disease and phenotype tasks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.leaderboard.collect import collect_all
from bench.method import Method
from bench.modes import finetune
from bench.modes.mode_io import ModeInput
from bench.runner.execute import run
from bench.runner.plan import RunOptions
from bench.runner.session import Session
from bench.signals.input_spec import InputSpec
from bench.storage.workspace import Workspace
from bench.tracking.run_fields import metrics_of
from tasks.ukb import InfarctionHeartFailure


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
    ceilings = [result.provenance["ceiling"]["c_index"] for result in results]
    found = [result.score["metrics"]["c_index"]["value"] for result in results]
    assert np.mean(ceilings) > max(0.65, np.mean(found))
    assert metrics_of(results[0])["ceiling_c_index"] == ceilings[0]
    (table,) = collect_all(results)
    assert any(f"c_index {np.mean(ceilings):.3f}" in note for note in table.footnotes)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_fold_without_an_event_cannot_be_trained_on_and_has_no_c_index(source, monkeypatch):
    """One event in all: of each two folds one has nothing to score and the other nothing to learn a risk from."""
    original = InfarctionHeartFailure.examples

    def with_one_event(self, records):
        examples = original(self, records)
        examples.targets[np.flatnonzero(examples.targets[:, 1])[1:], 1] = 0
        return examples

    monkeypatch.setattr(InfarctionHeartFailure, "examples", with_one_event)
    options = RunOptions(["random-resnet"], ["ukb-mi-hf"], ["scratch"], overrides=["scratch.epochs=1"], track=False)
    report = run(options, source)
    assert len(report.failures) == len(report.results) == 5
    assert all("no risk can be learned from them" in message for message in report.failures.values())
    assert all(result.score["metrics"]["c_index"]["value"] is None for result in report.results)
    (table,) = collect_all(report.results)
    (line,) = table.lines
    assert line.summaries[0].value is None
    assert "undefined" in line.summaries[0].missing


class Curious(Method):
    """Remembers what it was shown before pretraining, and what it was given to fit."""

    name = "curious"
    input = InputSpec(fs=100, seconds=1.0)

    def prepare_corpus(self, corpus):
        self.shown = list(corpus.records)

    def fit(self, train, validation):
        self.given = list(train.records)
        return self

    def predict(self, data):
        return np.zeros(len(data.targets))


def test_no_method_is_shown_the_simulators_truth(source):
    session = Session(source, "smoke")
    assert session.store("ukb") and source.prepared("ukb")  # although the endpoints lie in the package
    data = session.task_data("ukb-hyp-hf")
    assert data.examples.truth is not None
    method = Curious()
    corpus, _ = session.corpus_data("ukb", None)
    method.prepare_corpus(corpus)
    rows = np.arange(4)
    batches = session.resolve(Cell("cox-ecg", "ukb-hyp-hf", "scratch")).batches(data.examples.targets)
    cell = ModeInput(
        method, data.task, "scratch", None, batches, data.examples.targets, rows, rows, rows, None, 0, None
    )
    finetune.run(cell)
    for columns in (method.shown, method.given):
        assert "ecg_ventricular_rate" in columns
        assert not [name for name in columns if "true" in name or "truth" in name]
    assert not [name for name in method.given if "date" in name]


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


@pytest.fixture(scope="module")
def larger(tmp_path_factory) -> DataSource:
    return DataSource(Workspace(tmp_path_factory.mktemp("workspace")), simulated_records=400)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "cohort", "settings"),
    [
        ("llm-dan", "source", ["pretrain.epochs=2"]),
        ("mmcl", "larger", ["pretrain.epochs=6", "mdm_pretrain.epochs=1", "image_pretrain.epochs=1"]),
    ],
)
def test_pretrained_from_the_files_on_they_measure_hearts_better_than_chance(request, method, cohort, settings):
    source = request.getfixturevalue(cohort)
    options = RunOptions([method], ["ukb-phenotypes"], ["linear"], overrides=settings, track=False)
    report = run(options, source)
    assert report.failures == {}
    (result,) = report.results
    correlation = result.score["metrics"]["pearson_r"]
    assert correlation["low"] > 0, correlation
    assert result.checkpoint["corpus"]["dataset"] == {"llm-dan": "ptbxl", "mmcl": "ukb"}[method]
    losses = pd.read_csv(source.workspace.checkpoints / result.checkpoint["name"] / "history.csv")
    last = losses[losses["stage"] == "contrast"]["contrast"] if method == "mmcl" else losses["reconstruction"]
    assert last.iloc[-1] < last.iloc[0]
