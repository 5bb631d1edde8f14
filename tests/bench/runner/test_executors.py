"""Several processes give what one gives; one that dies takes its cell along and nothing else."""

import os
import signal
import sys
from types import SimpleNamespace

import pytest

from bench.data.source import DataSource
from bench.runner import execute, failures
from bench.runner.executors.ray_cluster import RayCluster
from bench.runner.plan import RunOptions
from bench.storage.workspace import Workspace

OPTIONS = {
    "methods": ["small"],
    "tasks": ["ptbxl-super", "ptbxl-rhythm"],
    "modes": ["linear", "finetune"],
    "overrides": ["linear.epochs=2", "finetune.epochs=1"],
    "track": False,
}


def run(workspace, on_result=None, **options):
    return execute.run(RunOptions(**(OPTIONS | options)), DataSource(workspace, simulated_records=120), on_result)


def copy_of(workspace, folder) -> Workspace:
    folder.mkdir()
    for name in ("simulated", "stores"):
        (folder / name).symlink_to(workspace.root / name)
    return Workspace(folder)


def answer(report):
    return {result.key: (result.cell, result.score, result.predictions().to_json()) for result in report.results}


@pytest.mark.slow
def test_two_processes_give_what_one_gives_and_one_that_is_killed_for_memory_fails_its_cell_alone(
    workspace, small, tmp_path
):
    deadly = tmp_path / "deadly"
    options = {"overrides": ["linear.epochs=2", "finetune.epochs=1", f"small.dies={deadly}"]}
    one = run(workspace, **options)
    assert len(one.results) == 4
    other = copy_of(workspace, tmp_path / "two")
    deadly.write_text("3")
    two = run(other, jobs=2, **options)
    (message,) = two.failures.values()
    assert "killed twice, the second time alone" in message
    assert "smaller batches" in message
    (failure,) = failures.recorded(other)
    assert (failure["cell"]["task"], failure["cell"]["mode"]) == ("ptbxl-super", "finetune")
    made = [p.name for p in other.features.iterdir() if not p.name.startswith(".")]
    assert len(made) == 1  # for both tasks
    again = run(other, jobs=2, **options)  # killed once more, and finished when it is tried alone
    assert (again.computed, again.failures, failures.recorded(other)) == (1, {}, [])
    assert answer(again) == answer(one)


@pytest.mark.parametrize("who", ["numpy", "torch"])
def test_memory_that_is_not_given_is_a_failure_with_the_cure_and_the_others_go_on(workspace, small, tmp_path, who):
    deadly = tmp_path / "deadly"
    options = {"modes": ["finetune"], "overrides": ["finetune.epochs=1", f"small.dies={deadly}"]}
    deadly.write_text(who)
    report = run(workspace, **options)
    assert [r.cell.task for r in report.results] == ["ptbxl-rhythm"]
    (message,) = report.failures.values()
    assert "smaller batches" in message
    deadly.unlink()
    again = run(workspace, **options)
    assert again.computed == 1
    assert answer(again) == answer(run(copy_of(workspace, tmp_path / "calm"), **options))


def test_code_of_a_cell_that_calls_sys_exit_fails_the_cell_and_the_others_go_on(workspace, small, tmp_path):
    deadly = tmp_path / "deadly"
    deadly.write_text("sys.exit")
    report = run(workspace, modes=["finetune"], overrides=["finetune.epochs=1", f"small.dies={deadly}"])
    assert [r.cell.task for r in report.results] == ["ptbxl-rhythm"]
    (message,) = report.failures.values()
    assert "called sys.exit(0)" in message


def test_a_machine_that_cannot_begin_a_job_is_told_from_one_that_is_lost():
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")

    def get(one):
        raise ray.exceptions.RayTaskError("_perform", "its traceback", ModuleNotFoundError("No module named 'bench'"))

    cluster = RayCluster.__new__(RayCluster)
    cluster._ray = SimpleNamespace(get=get, exceptions=ray.exceptions)
    outcome = cluster._outcome(None)
    assert (
        "could not start the job: ModuleNotFoundError: No module named 'bench'. Install the same bench" in outcome.error
    )
    assert "its traceback" in outcome.trace


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_gives_the_results_of_one_process_though_a_machine_is_lost(workspace, small, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")]))
    node_local = copy_of(workspace, tmp_path / "node-local")
    monkeypatch.setenv("BENCH_NODE_WORKSPACE", str(node_local.root))  # for runs with an object store
    deadly = tmp_path / "deadly"
    options = {"overrides": ["linear.epochs=2", "finetune.epochs=1", f"small.dies={deadly}"]}
    one = run(workspace, **options)
    other = copy_of(workspace, tmp_path / "two")
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 << 20, "memory": 4 << 30}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    lost = cluster.add_node(**node)
    worked: dict[str, set[str]] = {}

    def kill(result, computed):
        worked.setdefault("before" if lost.any_processes_alive() else "after", set()).add(result.key)
        if lost.any_processes_alive():
            os.kill(lost.all_processes["raylet"][0].process.pid, signal.SIGKILL)

    try:
        deadly.write_text("3")  # one process is killed, tried again as often as Ray does, and killed each time
        two = run(other, kill, executor="ray", address=cluster.address, **options)
        deadly.unlink(missing_ok=True)
        rest = run(other, executor="ray", address=cluster.address, **options)
        apart = Workspace(copy_of(workspace, tmp_path / "apart").root, f"file://{tmp_path / 'objects'}")
        fetched = run(apart, executor="ray", address=cluster.address, **options)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert worked["after"]  # how many depends on how fast the lost node was noticed
    assert all("was lost 3 times" in message for message in two.failures.values())
    assert {result.key for result in two.results} < {result.key for result in one.results}
    assert answer(rest) == answer(one)
    # no folder in common: the node has sent what it computed
    assert answer(fetched) == answer(one)
    assert {path.name for path in node_local.results.iterdir()} == {result.key for result in one.results}
    assert not apart.checkpoints.exists()
