"""PostgreSQL and MLflow's server for real: workers and servers die, and in the end nothing is missing and nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import optuna
import pytest

from bench.cells.result import read_results
from bench.data.source import DataSource
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.storage.artifacts import damage
from bench.storage.workspace import Workspace
from bench.sweep.storage import opened
from bench.sweep.trials import RETRY_OF, WORKER, best, counted
from bench.tracking.mirror import push

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.timeout(900)]

TRIALS, SEEDS = 32, 10
PASSWORD = "hunter2-of-the-tests"

SNAIL = '''
    import time
    from pathlib import Path

    import numpy as np
    from pydantic import Field

    from bench.method import Method, MethodConfig
    from bench.signals.input_spec import InputSpec
    from bench.method.search_space import Uniform


    class Snail(Method):
        """Takes its time, scores by its setting, and leaves a line in a file wherever it trains."""

        name = "snail"
        input = InputSpec(fs=100, seconds=1)
        spaces = {"scratch": {"angle": Uniform(low=0.0, high=6.28)}}

        class Config(MethodConfig):
            angle: float = Field(0.0)
            log: str = ""

        def fit(self, train, validation):
            with open(self.config.log, "a") as log:
                log.write(f"{self.config.angle!r}\\n")
            time.sleep(0.5)
            return self

        def predict(self, data):
            rows = np.arange(len(data.targets))[:, None] + np.arange(data.targets.shape[1]) * 7
            return np.sin(rows * 12.9898 + self.config.angle)
'''


class Command:
    """A ``bench`` command in a separate process, as somebody on the lab's machines would type it."""

    def __init__(self, output, environment, *arguments):
        self.output = output
        with open(output, "wb") as file:
            command = [sys.executable, "-m", "bench.cli.main", *arguments]
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    def wait(self) -> int:
        return self.process.wait(timeout=400)

    def text(self) -> str:
        return self.output.read_text()


@pytest.fixture
def start(tmp_path):
    """Start a command; whatever still runs at the end of the test is killed."""
    started = []

    def command(environment, *arguments):
        started.append(Command(tmp_path / f"{len(started)}.out", environment, *arguments))
        return started[-1]

    yield command
    for each in started:
        each.process.kill()
        each.process.wait()


def until(true, commands, seconds=400):
    """Wait for something and return it, unless a command that should bring it about ends."""
    began = time.monotonic()
    while not (found := true()):
        for command in commands:
            assert command.process.poll() in (None, 0), command.text()
        assert time.monotonic() - began < seconds, "\n\n".join(command.text() for command in commands)
        time.sleep(0.1)
    return found


def test_workers_and_servers_die_and_nothing_is_lost_or_doubled(
    cluster, mlflow_server, workspace, plugin, tmp_path, start
):
    cluster.make_database("studies")
    plugin("snail_plugin", SNAIL)
    tried, run = tmp_path / "tried", tmp_path / "run"
    storage = cluster.url("studies")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
        "BENCH_WORKSPACE": str(workspace.root),
        "BENCH_SIMULATED_RECORDS": "120",
        "BENCH_SWEEP_STORAGE": storage,
        "MLFLOW_TRACKING_URI": mlflow_server.uri,
        "BENCH_TRACEBACK": "1",
    }
    where = ("-m", "snail", "-t", "ptbxl-super", "--mode", "scratch")
    sweep = ("sweep", *where, "--trials", str(TRIALS), "--heartbeat", "1", "--set", f"snail.log={tried}")
    runner = ("run", *where, "--seed", ",".join(map(str, range(SEEDS))), "--set", f"snail.log={run}")

    mlflow_server.launch()
    workers = [start(environment, *sweep) for _ in range(4)]
    runners = [start(environment, *runner) for _ in range(2)]

    with opened(storage, reading=True) as store:

        def trials():
            studies = optuna.get_all_study_names(store.storage)
            return optuna.load_study(study_name=studies[0], storage=store.storage).trials if studies else []

        def victims():
            seen = trials()
            return len(seen) >= 8 and [t for t in seen if t.state.name == "RUNNING" and WORKER in t.user_attrs]

        victim = until(victims, workers)[-1]
        killed = int(victim.user_attrs[WORKER].split("-")[0])
        os.kill(killed, signal.SIGKILL)
    mlflow_server.kill()
    cluster.stop()
    time.sleep(1.0)
    cluster.start()
    mlflow_server.launch()

    codes = Counter(command.wait() for command in [*workers, *runners])  # a command ends as its child does
    message = "\n\n".join(command.text() for command in [*workers, *runners])
    assert codes == {-signal.SIGKILL: 1, 0: len(workers) + len(runners) - 1}, message

    mlflow_server.wait()
    last = start(environment, *sweep, "--json")
    push(workspace.results, mlflow_server.uri)
    assert last.wait() == 0, last.text()

    with opened(storage, reading=True) as store:
        (name,) = optuna.get_all_study_names(store.storage)
        everything = optuna.load_study(study_name=name, storage=store.storage).trials
    done = counted(everything)
    assert [trial.state.name for trial in done] == ["COMPLETE"] * TRIALS
    assert all(trial.state.is_finished() for trial in everything)
    assert victim.number in {trial.user_attrs.get(RETRY_OF) for trial in done}
    stand_ins = sum(RETRY_OF in trial.user_attrs for trial in everything)
    times_tried = Counter(tried.read_text().split())
    chosen = repr(best(done).params["angle"])
    times_tried[chosen] -= 1  # the choice, trained again
    assert set(times_tried) == {repr(trial.params["angle"]) for trial in done}
    assert sum(times_tried.values()) <= TRIALS + stand_ins  # nothing finished was tried again

    results = list(read_results(workspace.results))
    assert [damage(result.folder) for result in results] == [None] * (SEEDS + 1)
    assert len({(result.cell, "sweep" in result.provenance) for result in results}) == SEEDS + 1
    assert len(run.read_text().split()) == SEEDS  # two runners, each cell once
    options = RunOptions(
        ["snail"], ["ptbxl-super"], ["scratch"], seeds=range(SEEDS), overrides=[f"snail.log={run}"], track=False
    )
    calm = execute.run(options, DataSource(Workspace(tmp_path / "calm"), simulated_records=120)).results
    disturbed = {result.key: result.predictions_digest for result in results if "sweep" not in result.provenance}
    assert disturbed == {result.key: result.predictions_digest for result in calm}

    from mlflow.tracking import MlflowClient

    client = MlflowClient(mlflow_server.uri)
    runs = client.search_runs([client.get_experiment_by_name("bench").experiment_id], max_results=1000)
    logged = {name: [r for r in runs if r.data.tags["bench.type"] == name] for name in ("result", "sweep", "trial")}
    assert sorted(r.data.tags["bench.key"] for r in logged["result"]) == sorted(result.key for result in results)
    assert {r.info.status for r in logged["result"]} == {"FINISHED"}
    assert len(logged["sweep"]) == 1
    parent = logged["sweep"][0].info.run_id
    assert {r.data.tags["mlflow.parentRunId"] for r in logged["trial"]} == {parent}
    nested = Counter(r.data.tags["bench.trial"] for r in logged["trial"])
    assert nested == Counter(str(trial.number) for trial in done)
    chosen_cells = [r for r in logged["result"] if "sweep.study" in r.data.tags]
    assert {r.data.tags["mlflow.parentRunId"] for r in chosen_cells} == {parent}

    said = [path.read_text() for path in tmp_path.glob("*.out")]
    kept = [path.read_text(errors="replace") for path in workspace.root.rglob("*.json")]
    for text in [*said, *kept, *(str(r.to_dictionary()) for r in runs)]:
        assert PASSWORD not in text
