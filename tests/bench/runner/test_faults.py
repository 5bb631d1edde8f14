"""Whatever dies meanwhile: the same command ends with the tables of an undisturbed run."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import textwrap
import time

import pytest

from bench.storage.artifacts import damage
from bench.storage.workspace import Workspace

KILLS = 50
CALM: list[str] = []

PROGRAM = """
import os
import signal
from dataclasses import replace
from pathlib import Path

import bench.runner.execute as execute
from bench import progress
from bench.data.source import DataSource
from bench.runner.plan import RunOptions
from bench.storage.workspace import Workspace

OPTIONS = RunOptions(["small"], ["ptbxl-super", "ptbxl-rhythm"], ["linear", "finetune"], seeds=(0, 1),
                     overrides=["linear.epochs=3", "finetune.epochs=1"], track=True)


def run(folder, records=120, options=OPTIONS):
    progress.set_quiet(True)

    def note(text, even_if_quiet=False):
        if text.startswith("warning"):
            with open(f"{folder}.warnings", "a") as file:
                file.write(text + "\\n")

    execute.say = note
    return execute.run(options, DataSource(Workspace(Path(folder)), simulated_records=records))


def whole(folder):
    report = run(folder, options=replace(OPTIONS, seeds=(0,)))  # four cells: half as long between two kills
    assert not report.failures, report.failures


def counted(folder, message):
    report = run(folder, 120)
    Path(message).write_text(f"{report.computed} {len(report.results)}")


def environment(message):
    Path(message).write_text(os.environ.get("MLFLOW_TRACKING_URI", "not set"))


def slow(folder, jobs):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs the tests may ignore it, as shells' jobs do
    try:
        run(folder, 120, replace(OPTIONS, jobs=jobs, overrides=[*OPTIONS.overrides, "small.sleeps=0.1"]))
    except KeyboardInterrupt:
        os._exit(130)  # as the command does


def on_a_full_disk(folder, message):
    import resource

    one = replace(OPTIONS, tasks=["ptbxl-super"], modes=["linear"], overrides=["linear.epochs=3"], seeds=(0,), track=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    failed = run(folder, 120, one).failures
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    Path(message).write_text(str(*failed.values()))
    assert run(folder, 120, one).computed == 1
"""


def table(workspace: Workspace) -> dict:
    """Everything of the results that does not tell when and how fast."""
    found = {}
    for folder in workspace.results.glob("[!.]*"):
        assert damage(folder) is None
        value = json.loads((folder / "result.json").read_text())
        found[folder.name] = [value["cell"], value["score"], value["predictions_digest"], value["selection"]]
    return found


def told_apart(workspace: Workspace) -> list[str]:
    """The table without its keys: what a test's own settings change besides the numbers."""
    return sorted(json.dumps(row, sort_keys=True) for row in table(workspace).values())


def logged(workspace: Workspace) -> list[str]:
    """The keys of the cells that MLflow holds as finished."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{workspace.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("bench")
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'", max_results=1000)
    return sorted(run.data.tags["bench.key"] for run in runs if "bench.key" in run.data.tags)  # not pretraining


@pytest.fixture
def start(small, forks, tmp_path):
    """``start(NAME, *arguments)`` runs a function of the program in a separate process, forked from one that has
    everything imported: fifty starts of Python would take minutes."""
    (tmp_path / "fault_program.py").write_text(textwrap.dedent(PROGRAM))  # where the plugin lies, too
    import fault_program

    started = []

    def begin(name: str, *arguments: object) -> multiprocessing.Process:
        started.append(forks.Process(target=getattr(fault_program, name), args=tuple(map(_plain, arguments))))
        started[-1].start()
        return started[-1]

    yield begin
    for process in started:
        process.kill()
    del sys.modules["fault_program"]


@pytest.fixture
def undisturbed(start, tmp_path_factory):
    """The table that nothing disturbed, of the plan that most tests here run; made once for all of them."""
    if not CALM:
        calm = Workspace(tmp_path_factory.mktemp("calm"))
        assert ended(start("counted", calm.root, calm.root / "message")) == 0
        CALM.extend(told_apart(calm))
    return CALM


def _plain(value: object) -> object:
    return value if isinstance(value, int) else str(value)


def ended(process: multiprocessing.Process) -> int | None:
    process.join(250)
    return process.exitcode


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_fifty_moments_a_run_ends_like_an_undisturbed_one(start, tmp_path):
    disturbed, calm = Workspace(tmp_path / "disturbed"), Workspace(tmp_path / "calm")
    began = time.monotonic()
    assert ended(start("whole", calm.root)) == 0
    seconds = time.monotonic() - began
    draw = random.Random(7)
    killed = 0
    while killed < KILLS:
        process = start("whole", disturbed.root)
        time.sleep(min(seconds, 8) * draw.random() ** 4 / 1.5)  # mostly early, so that little is left undisturbed
        process.kill()
        killed += ended(process) == -signal.SIGKILL
        if len(list(disturbed.results.glob("[!.]*"))) == 4:
            # nothing is left to disturb: from the beginning, with what is half written
            for name in draw.sample(["results", "features", "checkpoints", "stores", "simulated"], 2):
                shutil.rmtree(disturbed.root / name, ignore_errors=True)
    assert ended(start("whole", disturbed.root)) == 0
    assert len(table(calm)) == 4
    assert table(disturbed) == table(calm)
    assert set(logged(disturbed)) >= set(table(disturbed))
    assert len(set(logged(disturbed))) == len(logged(disturbed))


@pytest.mark.slow
def test_processes_do_not_log_where_a_test_before_them_did(start, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/mlflow.db")
    assert ended(start("environment", tmp_path / "environment")) == 0
    assert (tmp_path / "environment").read_text() == "not set"


@pytest.mark.slow
def test_two_runners_on_one_plan_compute_each_cell_once(start, workspace, undisturbed, tmp_path):
    files = [tmp_path / "first", tmp_path / "second"]
    runners = [start("counted", workspace.root, file) for file in files]
    assert [ended(runner) for runner in runners] == [0, 0]
    counts = [tuple(map(int, file.read_text().split())) for file in files]
    assert [results for _, results in counts] == [8, 8]
    assert sum(computed for computed, _ in counts) == 8
    warnings = workspace.root.with_name(f"{workspace.root.name}.warnings")
    assert not warnings.exists(), warnings.read_text()  # of MLflow, which would lack what failed
    assert sorted(table(workspace)) == logged(workspace)
    assert told_apart(workspace) == undisturbed
    assert not list(workspace.locks.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_within_five_seconds_and_nothing_is_lost(start, workspace, undisturbed, jobs):
    process = start("slow", workspace.root, jobs)
    limit = time.monotonic() + 120
    while not list(workspace.results.glob("[!.]*")) and time.monotonic() < limit:
        time.sleep(0.05)
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    assert ended(process) == 130
    assert time.monotonic() - asked < 5
    kept = table(workspace)
    assert 0 < len(kept) < 8
    assert ended(start("slow", workspace.root, 1)) == 0  # which starts no further processes
    assert kept.items() <= table(workspace).items()
    assert told_apart(workspace) == undisturbed


@pytest.mark.slow
def test_a_disk_that_is_full_is_said_and_leaves_nothing_half_written(start, workspace, undisturbed, tmp_path):
    assert ended(start("on_a_full_disk", workspace.root, tmp_path / "message")) == 0
    assert "run the same command again" in (tmp_path / "message").read_text()
    for place in (workspace.results, workspace.features):
        assert [p.name for p in place.iterdir() if p.is_dir() and p.name.startswith(".")] == []
    assert len(table(workspace)) == 1
    assert set(told_apart(workspace)) <= set(undisturbed)
