"""Whatever dies meanwhile: the same command ends with the tables of an undisturbed run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bench.artifacts import damage
from bench.workspace import Workspace

KILLS = 50

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
import bench.tracking, bench.runner.execute as execute
from bench import progress, registry
from bench.data_source import DataSource
from bench.runner.plan import RunOptions
from bench.workspace import Workspace
import mlflow.tracking, mlflow.store.tracking.sqlalchemy_store  # loaded once, for every child
registry.load(registry.METHODS, "small")
progress.set_quiet(True)

OPTIONS = RunOptions(["small"], ["ptbxl-super", "ptbxl-rhythm"], ["linear", "finetune"], seeds=(0, 1),
                     overrides=["linear.epochs=3", "finetune.epochs=1"], track=True)

def run(folder):
    report = execute.run(OPTIONS, DataSource(Workspace(Path(folder)), simulated_records=120))
    assert not report.failures, report.failures
"""

KILL_CHILDREN = (
    PROGRAM
    + """
import random
disturbed, calm, kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def child(folder):
    number = os.fork()
    if number == 0:
        try:
            run(folder)
            os._exit(0)
        finally:
            os._exit(1)
    return number

def ended(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])

started = time.monotonic()
assert ended(child(calm)) == 0
seconds = time.monotonic() - started
draw = random.Random(seed)
killed = 0
for _ in range(kills):
    number = child(disturbed)
    time.sleep(draw.random() * min(seconds, 8) / 4)
    os.kill(number, signal.SIGKILL)
    killed += ended(number) == -signal.SIGKILL
    if len(list((Path(disturbed) / "results").glob("[!.]*"))) == 8:
        import shutil  # nothing is left to disturb: from the beginning, with what is half written
        for name in draw.sample(["results", "features", "checkpoints", "stores", "simulated"], 2):
            shutil.rmtree(Path(disturbed) / name, ignore_errors=True)
assert ended(child(disturbed)) == 0
print(killed)
"""
)


def table(workspace: Workspace) -> dict:
    """Everything of the results that does not tell when and how fast."""
    found = {}
    for folder in workspace.results.glob("[!.]*"):
        assert damage(folder) is None
        value = json.loads((folder / "result.json").read_text())
        found[folder.name] = [value["cell"], value["score"], value["predictions_digest"], value["selection"]]
    return found


def logged(workspace: Workspace) -> list[str]:
    """The keys of the cells that MLflow holds as finished."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{workspace.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("bench")
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'", max_results=1000)
    return sorted(run.data.tags["bench.key"] for run in runs)


@pytest.fixture
def program(small):
    """``program(source, *arguments)`` starts Python on a source text that finds the plugin."""

    def start(source: str, *arguments: object, **options) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", source, *map(str, arguments)]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    return start


def finished(process: subprocess.Popen) -> str:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


@pytest.mark.slow
def test_killed_at_fifty_moments_a_run_ends_like_an_undisturbed_one(program, tmp_path):
    disturbed, calm = Workspace(tmp_path / "disturbed"), Workspace(tmp_path / "calm")
    killed = finished(program(KILL_CHILDREN, disturbed.root, calm.root, KILLS, 7))
    assert int(killed) > KILLS // 2
    assert len(table(calm)) == 8
    assert table(disturbed) == table(calm)
    assert set(logged(disturbed)) >= set(table(disturbed))
    assert len(set(logged(disturbed))) == len(logged(disturbed))


@pytest.mark.slow
def test_two_runners_on_one_plan_compute_each_cell_once(program, workspace, tmp_path):
    count = "report = execute.run(OPTIONS, DataSource(Workspace(Path(sys.argv[1])), simulated_records=240))\n"
    both = [program(PROGRAM + count + "print(report.computed, len(report.results))", workspace.root) for _ in range(2)]
    told = [tuple(map(int, finished(one).split())) for one in both]
    assert [results for _, results in told] == [8, 8]
    assert sum(computed for computed, _ in told) == 8
    assert sorted(table(workspace)) == logged(workspace)
    assert not list(workspace.locks.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_within_five_seconds_and_nothing_is_lost(program, workspace, jobs):
    source = PROGRAM + (
        "from dataclasses import replace\n"
        f"slow = replace(OPTIONS, jobs={jobs}, overrides=[*OPTIONS.overrides, 'small.sleeps=0.3'])\n"
        "try:\n"
        "    execute.run(slow, DataSource(Workspace(Path(sys.argv[1])), simulated_records=240))\n"
        "except KeyboardInterrupt:\n"
        "    os._exit(130)\n"  # as the command does
    )
    process = program(source, workspace.root, start_new_session=True)
    limit = time.monotonic() + 120
    while not list(workspace.results.glob("[!.]*")) and time.monotonic() < limit:
        time.sleep(0.05)
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - asked < 5
    assert table(workspace)


def test_a_disk_that_is_full_is_said_and_leaves_nothing_half_written(program, workspace):
    source = PROGRAM + (
        "import resource\n"
        "from dataclasses import replace\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "one = replace(OPTIONS, tasks=['ptbxl-super'], modes=['linear'], seeds=(0,), track=False)\n"
        "source = DataSource(Workspace(Path(sys.argv[1])), simulated_records=240)\n"
        "print(*execute.run(one, source).failures.values())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "assert execute.run(one, source).computed == 1\n"
    )
    told = finished(program(source, workspace.root))
    assert "run the same command again" in told
    for place in (workspace.results, workspace.features):
        assert [p.name for p in place.iterdir() if p.is_dir() and p.name.startswith(".")] == []
    assert len(table(workspace)) == 1
