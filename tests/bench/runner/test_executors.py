"""Several processes give what one gives; one that dies takes its cell along and nothing else."""

import pytest

from bench.data_source import DataSource
from bench.runner import execute, failures
from bench.runner.plan import RunOptions
from bench.workspace import Workspace


def run(workspace, **options):
    defaults = {
        "methods": ["small"],
        "tasks": ["ptbxl-super", "ptbxl-rhythm"],
        "modes": ["linear", "finetune"],
        "overrides": ["linear.epochs=2", "finetune.epochs=1"],
        "track": False,
    }
    return execute.run(RunOptions(**(defaults | options)), DataSource(workspace, simulated_records=240))


def copy_of(workspace, folder) -> Workspace:
    folder.mkdir()
    for name in ("simulated", "stores"):
        (folder / name).symlink_to(workspace.root / name)
    return Workspace(folder)


def told(report):
    return {result.key: (result.cell, result.score, result.predictions().to_json()) for result in report.results}


@pytest.mark.slow
def test_two_processes_give_what_one_gives_and_one_that_dies_fails_its_cell_alone(workspace, small, tmp_path):
    deadly = {"overrides": ["linear.epochs=2", "finetune.epochs=1", "small.dies=here"]}  # in ptbxl-super's finetune
    other = copy_of(workspace, tmp_path / "two")
    two = run(other, jobs=2, **deadly)
    one = [run(workspace, modes=["linear"], **deadly), run(workspace, tasks=["ptbxl-rhythm"], **deadly)]
    assert told(two) == told(one[0]) | told(one[1])
    made = [p.name for p in other.features.iterdir() if not p.name.startswith(".")]
    assert len(made) == 1  # for both tasks
    (message,) = two.failures.values()
    assert "SIGKILL" in message
    assert "want of memory" in message
    (failure,) = failures.recorded(other)
    assert (failure["cell"]["task"], failure["cell"]["mode"]) == ("ptbxl-super", "finetune")


@pytest.mark.slow
def test_ray_gives_the_results_of_one_process(workspace, small, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    import sys

    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    one = run(workspace)
    two = run(copy_of(workspace, tmp_path / "two"), executor="ray", jobs=2)
    assert two.failures == {}
    assert told(one) == told(two)
