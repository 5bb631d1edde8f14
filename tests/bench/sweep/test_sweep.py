"""From a sweep to a result: validation data alone choose, the choice is an ordinary result, folds choose for themselves."""

import contextlib
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.cells.result import read_results
from bench.data.source import DataSource
from bench.errors import ConfigError, UnknownName
from bench.leaderboard import console_tables
from bench.method.search_space import grid_size, parse_vary
from bench.runner.plan import RunOptions
from bench.runner.replay import replay
from bench.runner.session import Session
from bench.splitting import split
from bench.sweep.storage import opened
from bench.sweep.sweep import SweepOptions, check_spaces, plan_sweep, spaces_of, sweep
from bench.tracking.mirror import push

TUNED = '''
    import numpy as np
    from pydantic import Field
    from bench.method import Method, MethodConfig
    from bench.signals.input_spec import InputSpec
    from bench.method.search_space import Categorical, Uniform

    class Tuned(Method):
        """Trains nothing: scores by the records' own noise and by its setting, and remembers what it was shown."""
        name = "tuned"
        input = InputSpec(fs=100, seconds=1)
        spaces = {"scratch": {"angle": Uniform(low=0.0, high=6.28)}}
        shown = []

        class Config(MethodConfig):
            angle: float = Field(0.0, ge=0, le=6.3)
            other: int = 1

        def fit(self, train, validation):
            self.look("train", train)
            self.look("validation", validation)
            return self

        def predict(self, data):
            self.look("scored", data)
            rows = np.arange(len(data.targets))[:, None] + np.arange(data.targets.shape[1]) * 7
            return np.sin(rows * 12.9898 + self.config.angle)

        @classmethod
        def look(cls, what, data):
            cls.shown.append((what, list(data.records.index), data.targets.copy()))
'''

PRETRAINED = """
    from torch import nn
    from bench.method import Method
    from bench.signals.input_spec import InputSpec

    class Pretrained(Method):
        name = "pretrained"
        input = InputSpec(fs=100, seconds=1)
        smoke = {"pretrain.batch_size": 16}

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def pretraining_loss(self, batch):
            return {"mean": (self.encode(batch).mean(1) - batch.ecg.mean((1, 2))).square().mean()}

        def encode(self, batch):
            return self.net(batch.ecg.mean(1))
"""

CV = """
    from tasks.ptbxl import PTBXLSuperclass

    class InFolds(PTBXLSuperclass):
        name = "super-cv"
        split = "super-cv"
"""

CV_SPLIT = """
description: two folds
source: made up
classes: [HYP, NORM, MI, CD, STTC]
rule: {kind: repeated-stratified-cv, folds: 2, seeds: [1], validation: 0.25}
"""


@pytest.fixture
def tuned(plugin, monkeypatch):
    monkeypatch.delitem(sys.modules, "tuned_plugin", raising=False)
    plugin("tuned_plugin", TUNED)
    return registry.load(registry.METHODS, "tuned")


@pytest.fixture
def in_folds(plugin, tmp_path, monkeypatch):
    """A task in two folds."""
    monkeypatch.delitem(sys.modules, "cv_plugin", raising=False)
    folder = tmp_path / "cv_splits"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "super-cv.yaml").write_text(CV_SPLIT)
    plugin("cv_files", "", group="bench.splits", value="cv_splits")
    plugin("cv_plugin", CV, group="bench.tasks")
    split.split_files.cache_clear()
    yield
    split.split_files.cache_clear()


def options(trials=8, run=None, **more):
    asked = {"methods": ["tuned"], "tasks": ["ptbxl-super"], "modes": ["scratch"], "track": False}
    return SweepOptions(RunOptions(**(asked | (run or {}))), trials=trials, **more)


def source(workspace):
    return DataSource(workspace, simulated_records=120)


def test_the_test_split_is_not_read_before_the_choice(workspace, tuned):
    tuned.shown.clear()
    report = sweep(options(), source(workspace))
    (result,) = report.results
    table = result.predictions()
    test_ids = set(table.loc[table.partition == "test", "record_id"])
    assert test_ids
    reads = [bool(test_ids & set(ids)) for _, ids, _ in tuned.shown]
    # Eight trials and the choice: training, validation, both scored partitions, and a few of the last alone.
    assert len(reads) == 9 * 5
    assert sum(reads) == 2
    assert reads[-2:] == [True, True]
    assert all(targets.any() for what, ids, targets in tuned.shown[:-2])


def test_poisoned_test_targets_change_the_score_and_not_the_choice(workspace, tuned, tmp_path, monkeypatch):
    (honest,) = (report := sweep(options(), source(workspace))).results
    original = Session.task_data

    def poisoned(self, name):
        data = original(self, name)
        targets = data.examples.targets.copy()
        rows = data.partition(0).test
        targets[rows] = 1 - targets[rows]
        return dataclasses.replace(data, examples=dataclasses.replace(data.examples, targets=targets), _digests={})

    monkeypatch.setattr(Session, "task_data", poisoned)
    (fooled,) = (other := sweep(options(), source(workspace))).results
    assert other.studies[0].study != report.studies[0].study  # the split's digest covers the labels
    assert other.studies[0].setting == report.studies[0].setting
    assert other.studies[0].value == report.studies[0].value
    assert fooled.score["metrics"] != honest.score["metrics"]


def test_the_choice_is_trained_again_as_it_was_tried_and_its_result_tells_how_it_was_chosen(workspace, small):
    asked = options(
        trials=4,
        run={"methods": ["small"], "modes": ["linear"], "overrides": ["linear.epochs=3"], "seeds": [0, 1]},
        vary=["linear.lr=log:1e-4..1e-1"],
    )
    report = sweep(asked, source(workspace))
    assert [result.cell.seed for result in report.results] == [0, 1]
    (chosen,) = report.studies
    first = report.results[0]
    assert first.selection["value"] == chosen.value  # the same setting, seed and weights, bit for bit
    assert first.config["linear"]["lr"] == chosen.setting["linear.lr"]
    message = first.provenance["sweep"]
    assert message["study"] == chosen.study
    assert message["trials"] == 4
    assert message["space"] == {"linear.lr": "log:0.0001..0.1"}
    assert message["setting"] == chosen.setting
    assert message["search_seed"] == 0
    replayed = replay(first, source(workspace))
    assert replayed.identical
    assert replayed.changed == []
    again = sweep(asked, source(workspace))
    assert again.computed == 0
    assert again.studies == report.studies
    assert len(list(read_results(workspace.results))) == 2
    longer = sweep(dataclasses.replace(asked, trials=5), source(workspace))
    assert longer.studies[0].study == chosen.study
    assert longer.results[0].provenance["sweep"]["trials"] == 5


def test_each_fold_chooses_for_itself_and_folds_are_averaged_all_the_same(workspace, tuned, in_folds):
    report = sweep(options(run={"tasks": ["super-cv"]}), source(workspace))
    first, second = report.studies
    assert first.study != second.study
    assert first.setting != second.setting
    assert [result.cell.fold for result in report.results] == [0, 1]
    (table,) = console_tables(report.results)
    assert table.table.row_count == 1
    footnotes = " ".join(table.footnotes)
    assert "Chosen on validation data: angle of uniform:0..6.28 (tpe, 8 trials): tuned." in footnotes
    assert "--set" not in footnotes


@pytest.mark.slow
def test_workers_of_one_machine_end_where_one_worker_does(workspace, tmp_path):
    grid = {"sampler": "grid", "vary": ["linear.lr=1e-4,1e-3,1e-2"], "trials": None}
    run = {"methods": ["random-resnet"], "modes": ["linear"], "overrides": ["linear.epochs=2"]}
    two = sweep(options(run=run, workers=2, **grid), source(workspace))
    one = sweep(options(run=run, storage=f"journal://{tmp_path / 'one.journal'}", **grid), source(workspace))
    assert two.studies == one.studies
    assert two.studies[0].trials == {"complete": 3, "pruned": 0, "fail": 0}
    assert one.computed == 0  # the same choice of the same grid is the same cell


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"vary": ["depht=1,2"]}, "unknown config field 'depht'"),
        ({"vary": ["linear.lr=log:1e-3..1"]}, "linear.lr plays no role for tuned in scratch"),
        ({"vary": ["angle=uniform:0..9"]}, "angle = 9.0"),
        ({"vary": ["other=1,2"], "run": {"overrides": ["other=3"]}}, "both set .--set. and varied"),
        ({"run": {"modes": ["scratch"], "fractions": [0.1, 1.0]}}, "a sweep takes one fraction; got: 0.1, 1.0"),
        ({"pruner": "median"}, "settings report no intermediate values"),
        ({"sampler": "grid"}, "a grid needs values"),
        ({"run": {"methods": ["random-resnet"], "modes": ["linear-merl-released"]}}, "chooses on the test set"),
        ({"workers": 2, "storage": "sqlite:////tmp/never.db"}, "SQLite locks its whole file"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_runs(workspace, tuned, more, message):
    with pytest.raises((ConfigError, UnknownName), match=message):
        sweep(options(**more), source(workspace))
    assert not tuned.shown or not workspace.results.exists()


def test_a_method_declares_what_its_paper_varied_and_else_the_mode_does(workspace, tuned):
    declared = spaces_of(options(), tuned, "scratch")
    assert list(declared) == ["angle"]
    resnet = registry.load(registry.METHODS, "random-resnet")
    assert list(spaces_of(options(), resnet, "linear")) == ["linear.lr", "linear.weight_decay"]
    assert list(spaces_of(options(vary=["other=1,2"]), tuned, "scratch")) == ["other"]
    tuned.spaces = {}
    with pytest.raises(ConfigError, match="tuned has no search space for scratch; name the fields: --vary"):
        spaces_of(options(), tuned, "scratch")
    assert list(spaces_of(options(), resnet, "lora")) == ["lora.rank", "lora.weight_decay"]
    for mode, chosen in {"layer": "the penalty", "kshot": "the penalty", "knn": "the number of neighbours"}.items():
        with pytest.raises(ConfigError, match=f"{mode} chooses {chosen} on validation data in each run"):
            spaces_of(options(), resnet, mode)


def test_every_declared_space_is_of_fields_that_are_there(workspace):
    declared = [
        (name, mode)
        for name in registry.entries(registry.METHODS)
        for mode in registry.load(registry.METHODS, name).spaces
    ]
    for name, mode in declared:
        method = registry.load(registry.METHODS, name)
        assert mode in method.modes(), name
        session = Session(source(workspace), "paper")
        check_spaces(method.spaces[mode], method, mode, session)


@pytest.mark.slow
def test_trials_are_nested_runs_of_mlflow(workspace, tuned):
    report = sweep(options(trials=3, run={"track": True}), source(workspace))
    sweep(options(trials=4, run={"track": True}), source(workspace))
    from mlflow.tracking import MlflowClient

    client = MlflowClient(workspace.tracking_uri)
    runs = client.search_runs([client.get_experiment_by_name("bench").experiment_id])
    logged = {name: [r for r in runs if r.data.tags["bench.type"] == name] for name in ("sweep", "trial", "result")}
    (parent,) = logged["sweep"]
    assert parent.data.tags["bench.study"] == report.studies[0].study
    assert parent.data.params["sampler"] == "tpe"
    assert "space.angle" in parent.data.params
    assert parent.data.metrics["budget"] == parent.data.metrics["finished_trials"] == 4
    assert parent.data.metrics["best_value"] == max(run.data.metrics["value"] for run in logged["trial"])
    assert len(logged["trial"]) == 4
    assert all(set(run.data.params) == {"angle"} for run in logged["trial"])
    numbers = [int(run.data.tags["bench.trial"]) for run in logged["trial"]]
    assert sorted(numbers) == [0, 1, 2, 3]
    assert [run.info.run_name for run in logged["trial"]] == [f"trial {number}" for number in numbers]
    assert {run.data.tags["sweep.study"] for run in logged["result"]} == {report.studies[0].study}
    nested = [*logged["trial"], *logged["result"]]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}


@pytest.mark.slow
def test_results_that_reached_mlflow_before_their_sweep_are_nested_in_it(workspace, tuned):
    sweep(options(trials=2), source(workspace))
    push(workspace.results, workspace.tracking_uri)
    sweep(options(trials=2, run={"track": True}), source(workspace))
    from mlflow.tracking import MlflowClient

    client = MlflowClient(workspace.tracking_uri)
    runs = client.search_runs([client.get_experiment_by_name("bench").experiment_id])
    (parent,) = [run for run in runs if run.data.tags["bench.type"] == "sweep"]
    (result,) = [run for run in runs if run.data.tags["bench.type"] == "result"]
    assert result.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_study_is_named_by_what_determines_its_values(workspace, tuned):
    def name(**more):
        (planned,), _ = plan_sweep(options(**more), source(workspace))
        return planned.what.name

    assert name() == name(trials=99)
    others = {
        name(),
        name(seed=1),
        name(sampler="random"),
        name(vary=["angle=1,2"]),
        name(run={"overrides": ["other=2"]}),
    }
    assert len(others) == 5


def test_the_storage_is_told_to_nobody(workspace, tuned, closed_port):
    url = f"postgresql://lab:hunter2@127.0.0.1:{closed_port}/studies"
    with pytest.raises(Exception, match="failed") as refused:
        sweep(options(storage=url), source(workspace))
    assert "hunter2" not in str(refused.value)
    with opened(f"journal://{workspace.sweeps / 'x.journal'}"):
        pass
    report = sweep(options(trials=2), source(workspace))
    assert "storage" not in report.results[0].provenance["sweep"]
    assert np.isfinite(report.studies[0].value)


def test_the_grids_of_the_papers_have_as_many_settings_as_they_say():
    def size(method, mode):
        return grid_size(registry.load(registry.METHODS, method).spaces[mode])

    assert size("mmcl", "finetune") == 648
    assert size("xgboost-tabular", "scratch") == 270
    for mode in ("finetune", "scratch"):
        (rate,) = registry.load(registry.METHODS, "llm-dan").spaces[mode].values()
        assert str(rate) == "log:1e-07..0.01"
    (penalty,) = registry.load(registry.METHODS, "cox-ecg").spaces["scratch"].values()
    assert str(penalty) == "log:0.01..100000"
    assert registry.load(registry.METHODS, "cox-ecg").Config(penalties=0.1).penalties == (0.1,)
    assert registry.load(registry.METHODS, "xgboost-tabular").Config(rounds=50).rounds == (50,)


def test_settings_of_pretraining_pretrain_a_checkpoint_each_and_play_no_role_from_scratch(workspace, plugin):
    plugin("pretrained_plugin", PRETRAINED)
    run = {"methods": ["pretrained"], "modes": ["linear"], "overrides": ["linear.epochs=1"]}
    grid = {"sampler": "grid", "vary": ["pretrain.epochs=1,2"], "trials": None}
    report = sweep(options(run=run, **grid), source(workspace))
    assert len(list(workspace.checkpoints.glob("pretrained-*"))) == 2
    (result,) = report.results
    assert result.config["method"]["pretrain"]["epochs"] == report.studies[0].setting["pretrain.epochs"]
    with pytest.raises(ConfigError, match="pretrain.epochs plays no role for pretrained in scratch"):
        sweep(options(run=run | {"modes": ["scratch"], "overrides": []}, **grid), source(workspace))
    given = run | {"checkpoints": [f"pretrained={result.checkpoint['name']}"]}
    with pytest.raises(ConfigError, match="pretrain.epochs plays no role for pretrained in linear with --checkpoint"):
        sweep(options(run=given, **grid), source(workspace))


def test_a_stage_of_pretraining_plays_no_role_from_scratch(workspace):
    method = registry.load(registry.METHODS, "mmcl")
    session = Session(source(workspace), "smoke")
    with pytest.raises(ConfigError, match="mdm_pretrain.epochs plays no role for mmcl in scratch"):
        check_spaces(parse_vary(["mdm_pretrain.epochs=1,2"]), method, "scratch", session)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_end_with_the_command_that_is_killed(workspace):
    command = [
        sys.executable, "-P", "-m", "bench.cli.main", "sweep", "-m", "random-resnet", "-t", "ptbxl-super", "--mode", "linear",
        "--workers", "2", "--trials", "1000", "--no-track",
    ]  # fmt: skip
    environment = os.environ | {"BENCH_SIMULATED_RECORDS": "120", "BENCH_WORKSPACE": str(workspace.root)}

    def processes():
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(workspace.root).encode() in (folder / "environ").read_bytes():
                    yield int(folder.name)

    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("trial 1: "):
            break
    assert len(list(processes())) >= 3
    process.kill()
    process.wait()
    limit = time.monotonic() + 10
    while list(processes()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert list(processes()) == []
