"""Promises of the runner: finished cells are kept, failures are never cached, the test split is read once, runs repeat."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from bench import registry
from bench.cells.result import read_results
from bench.data.source import DataSource
from bench.runner import execute, failures
from bench.runner.job_estimates import Costs
from bench.runner.plan import RunOptions
from bench.runner.schedule import jobs_of
from bench.runner.session import Session
from bench.storage.workspace import Workspace
from tasks.datasets.ptbxl import PTBXL

SPY = '''
    import numpy as np
    from bench.method import Method
    from bench.signals.input_spec import InputSpec

    class Spy(Method):
        """Trains by fit, scores at random, and remembers what it was shown."""
        name = "spy"
        input = InputSpec(fs=100, seconds=1)
        seen = []
        columns = set()
        fails = False

        def fit(self, train, validation):
            if Spy.fails:
                raise RuntimeError("the spy was asked to fail")
            Spy.seen += [train.targets.copy(), validation.targets.copy()]
            Spy.columns |= {*train.records.columns, *train.batches.source.view.store.records.columns}
            return self

        def predict(self, data):
            Spy.seen.append(data.targets.copy())
            return np.random.default_rng(0).random(data.targets.shape)
'''

CURIOUS = '''
    from torch import nn
    from bench.method import Method
    from bench.signals.input_spec import InputSpec

    class Curious(Method):
        """Keeps the corpus that it was shown."""
        name = "curious"
        input = InputSpec(fs=100, seconds=1, modalities=("text",))
        smoke = {"pretrain.epochs": 1, "pretrain.batch_size": 16}
        corpora = []

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def prepare_corpus(self, corpus):
            Curious.corpora.append(corpus)

        def pretraining_loss(self, batch):
            return {"size": self.encode(batch).square().mean()}

        def encode(self, batch):
            return self.net(batch.ecg.mean(1))
'''

WORDED = '''
    from torch import nn
    from bench.method import Method
    from bench.signals.input_spec import InputSpec

    class Worded(Method):
        """Learns from reports."""
        name = "worded"
        input = InputSpec(fs=100, seconds=1, modalities=("text",))

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def pretraining_loss(self, batch):
            return {"size": self.encode(batch).square().mean()}

        def encode(self, batch):
            return self.net(batch.ecg.mean(1))
'''


@pytest.fixture
def spy(plugin, monkeypatch):
    """A plugin that tells what the runner showed it."""
    monkeypatch.delitem(sys.modules, "spy_plugin", raising=False)
    plugin("spy_plugin", SPY)
    return registry.load(registry.METHODS, "spy")


def run(workspace, **options):
    defaults = {"methods": ["spy"], "tasks": ["ptbxl-super"], "modes": ["scratch"], "track": False}
    return execute.run(RunOptions(**(defaults | options)), DataSource(workspace, simulated_records=120))


def test_no_mode_ever_sees_a_test_target(workspace, spy):
    (result,) = run(workspace).results
    labelled, validation, shown_validation, test, few = spy.seen
    assert labelled.any()
    assert validation.any()
    assert shown_validation.any()
    assert not spy.columns & {"superclass", "scp_codes", "report"}  # a test record's own answers
    assert len(few) < len(test)  # asked again, alone
    assert not test.any()  # blanked: it has labels, as the stored predictions show
    assert not few.any()
    table = result.predictions()
    assert table.loc[table.partition == "test", "target_NORM"].any()


def test_a_corpus_holds_no_labels_and_nothing_of_the_recordings_that_are_tested_on(workspace, plugin):
    plugin("curious_plugin", CURIOUS)
    run(workspace, methods=["curious"], modes=["linear"], overrides=["linear.epochs=1"], corpus="ptbxl")
    corpus = registry.load(registry.METHODS, "curious").corpora[0]
    assert set(corpus.records) == {"patient_id", "age", "sex"}
    outside = ~(corpus.train | corpus.validation)
    assert outside.any()
    assert not any(text for text, out in zip(corpus.text, outside, strict=True) if out)
    assert all(text for text, out in zip(corpus.text, outside, strict=True) if not out)
    assert set(corpus.records.patient_id[outside]) == {""}
    assert corpus.records.age[outside].isin([0]).all() or corpus.records.age[outside].isna().all()
    assert corpus.records.patient_id[corpus.train].str.len().all()


def test_a_label_that_a_method_states_to_read_is_there_for_training_alone(workspace, plugin):
    states = """
        @classmethod
        def label_columns(cls, config):
            return ("superclass",)
    """
    plugin("stating_plugin", CURIOUS.replace("curious", "stating") + states)
    (result,) = run(
        workspace, methods=["stating"], modes=["linear"], overrides=["linear.epochs=1"], corpus="ptbxl"
    ).results
    corpus = registry.load(registry.METHODS, "stating").corpora[0]
    outside = ~(corpus.train | corpus.validation)
    assert corpus.records.superclass[corpus.train].str.len().any()
    assert not corpus.records.superclass[outside].str.len().any()
    assert result.checkpoint["corpus"]["labels"] == ["superclass"]


def test_predictions_that_depend_on_the_other_test_records_are_refused(workspace, plugin):
    """Batch statistics in evaluation: the composition of the test set would leak into each score."""
    depends = """
        def zero_shot(self, batch, names):
            encoded = self.encode(batch)
            return (encoded - encoded.mean(0))[:, :1].repeat(1, len(names))
    """
    plugin("leaning_plugin", CURIOUS.replace("curious", "leaning") + depends)
    report = run(workspace, methods=["leaning"], modes=["zeroshot"], corpus="ptbxl")
    (message,) = report.failures.values()
    assert "answers differently for a test recording alone and together with others" in message


RANKING = """
    import numpy as np

    from bench.method import Method
    from bench.signals.input_spec import InputSpec


    class Ranking(Method):
        name = "ranking"
        input = InputSpec(fs=100, seconds=1)

        def fit(self, train, validation):
            return self

        def predict(self, data):
            return np.random.default_rng(0).random(data.targets.shape).argsort(axis=0) / len(data.targets)
"""


def test_scores_that_are_ranks_among_the_test_records_are_refused(workspace, plugin):
    plugin("ranking_plugin", RANKING)
    (message,) = run(workspace, methods=["ranking"], modes=["scratch"]).failures.values()
    assert "ranking.predict answers differently for a test recording alone and together with others" in message


def test_a_failure_is_recorded_never_cached_and_stops_nothing_else(workspace, spy, small):
    spy.fails = True
    report = run(workspace, methods=["spy", "small"], modes=["scratch", "zeroshot"], overrides=["scratch.epochs=1"])
    assert list(report.failures.values()) == ["RuntimeError: the spy was asked to fail"]
    assert {r.cell.mode for r in report.results} == {"scratch", "zeroshot"}
    (failure,) = failures.recorded(workspace)
    assert "asked to fail" in failure["traceback"]
    spy.fails = False
    again = run(workspace)
    assert again.computed == 1
    assert failures.recorded(workspace) == []


def test_from_initial_weights_it_does_not_matter_that_there_is_nothing_to_pretrain_on(workspace, plugin, monkeypatch):
    plugin("worded_plugin", WORDED)
    monkeypatch.setattr(PTBXL, "text_sources", ())
    report = run(workspace, methods=["worded"], overrides=["scratch.epochs=1"])
    assert (report.computed, report.failures) == (1, {})
    cells = [(result.cell, result.key) for result in report.results]
    session = Session(DataSource(workspace, simulated_records=120), "smoke")
    assert [job.kind for job in jobs_of(cells, session, Costs.of(workspace.root, "smoke"), shared=True)] == ["cell"]


@pytest.mark.parametrize(
    ("method", "settings"),
    [("small", []), pytest.param("kmerl", ["depth=1", "segment=100"], marks=pytest.mark.slow)],
)
def test_the_same_cell_twice_gives_the_same_predictions_bit_for_bit(workspace, small, method, settings):
    options = {
        "methods": [method],
        "modes": ["zeroshot", "linear", "finetune"],
        "overrides": ["pretrain.epochs=1", "linear.epochs=2", "finetune.epochs=1", *settings],
    }
    first = {r.cell: r.predictions() for r in run(workspace, **options).results}
    for folder in ("checkpoints", "features", "results"):
        os.rename(workspace.root / folder, workspace.root / f"old-{folder}")
    second = {r.cell: r.predictions() for r in run(workspace, **options).results}
    assert first.keys() == second.keys()
    for cell in first:
        assert first[cell].equals(second[cell]), cell


def test_a_result_says_what_it_was_made_from(workspace, small):
    (result,) = run(
        workspace, methods=["small"], modes=["linear"], fractions=[0.1], overrides=["linear.epochs=2"]
    ).results
    folds = (
        DataSource(workspace, simulated_records=120).store("ptbxl").records.query("superclass.str.len() > 0").strat_fold
    )
    assert result.counts["train"] == (folds <= 8).sum() // 10
    assert result.counts["test"] == result.score["n_records"] == (folds == 10).sum()
    assert result.counts["expected"] == {"train": 17084, "validation": 2146, "test": 2158}
    assert result.split["complete"] is False
    assert result.dataset["digest"] and result.split["digest"]
    assert result.config["linear"]["epochs"] == 2
    assert result.selection["metric"] == "macro_auroc"
    assert set(result.provenance["versions"]) >= {"torch", "numpy", "python"}
    json.dumps(result.score, allow_nan=False)


def test_a_result_whose_bytes_changed_is_refused(workspace, spy):
    (result,) = run(workspace).results
    path = result.folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="altered since the cell was finished"):
        result.predictions()


@pytest.mark.slow
def test_a_command_that_is_killed_ends_like_an_undisturbed_one(workspace, small, tmp_path):
    """As somebody types it; test_faults.py kills at fifty moments."""
    settings = ["pretrain.epochs=4", "linear.epochs=3", "small.sleeps=0.05"]  # three seconds of pretraining
    command = [
        sys.executable, "-m", "bench.cli.main", "run", "-m", "small,random-resnet", "-t", "ptbxl-super", "--mode",
        "linear", "--seed", "0", *(part for setting in settings for part in ("--set", setting)), "--no-track",
    ]  # fmt: skip
    environment = os.environ | {"BENCH_SIMULATED_RECORDS": "120", "BENCH_WORKSPACE": str(workspace.root)}
    environment["PYTHONPATH"] = str(tmp_path)  # where the plugin lies
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while not list(workspace.checkpoints.glob(".*.partial")) and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    list(read_results(workspace.results))  # whatever is visible is whole
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calm = Workspace(tmp_path / "calm")
    calm.root.mkdir()
    for folder in ("simulated", "stores"):
        (calm.root / folder).symlink_to(workspace.root / folder)
    options = RunOptions(
        ["small", "random-resnet"], ["ptbxl-super"], ["linear"], overrides=settings,
        track=False,
    )  # fmt: skip
    execute.run(options, DataSource(calm, simulated_records=120))
    broken, whole = ({r.cell: (r.key, r.score) for r in read_results(w.results)} for w in (workspace, calm))
    assert broken == whole
    assert len(whole) == 2


def test_rows_of_a_board_with_one_label_fail_separately(small, workspace, tmp_path):
    (tmp_path / "how").write_text("sys.exit")
    source = DataSource(workspace, simulated_records=120)
    options = RunOptions(["small"], ["ptbxl-super"], ["finetune"], track=False, of_board=True)
    rows = [[f"small.dies={tmp_path / 'how'}"], ["small.dies=''"]]
    reports = [execute.run(replace(options, overrides=["finetune.epochs=1", *row]), source) for row in rows]
    assert [len(report.failures) for report in reports] == [1, 0]
    (failure,) = failures.recorded(workspace)
    assert "called sys.exit(0)" in failure["error"]
    (tmp_path / "how").unlink()
    assert not execute.run(replace(options, overrides=["finetune.epochs=1", *rows[0]]), source).failures
    assert failures.recorded(workspace) == []
