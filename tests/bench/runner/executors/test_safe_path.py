"""No process that is started imports files that lie in the current folder."""

import os
import subprocess
import sys
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

from bench.runner.executors.safe_path import NAME, safe_children

NAMES = ("joblib", "multiprocessing", "numpy", "pandas", "pickle", "torch", "typer", "yaml")


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A current folder with files that take the place of libraries and leave a mark; returns the mark."""
    mark = tmp_path / "mark"
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r}); raise SystemExit(9)\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(folder))])
    return mark


def test_the_trap_snaps_where_nothing_is_done(trap):
    subprocess.run([sys.executable, "-c", "import numpy"], check=False)
    assert trap.read_text() == "numpy"


def loky():
    from joblib.externals.loky import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool:  # what joblib starts, without the pool that other tests share
        assert pool.submit(os.getpid).result() != os.getpid()


def spawned():
    process = get_context("spawn").Process(target=os.getpid)
    process.start()
    process.join()
    assert process.exitcode == 0


def worker():
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)


@pytest.mark.parametrize("start", [loky, spawned, worker])
def test_children_import_nothing_from_the_current_folder(trap, start):
    with safe_children():
        start()
    assert NAME not in os.environ
    assert not trap.exists()


def test_the_command_imports_nothing_from_the_current_folder(trap):
    subprocess.run([sys.executable, "-m", "bench.cli.main", "--help"], check=True, capture_output=True)
    assert not trap.exists()


def test_what_the_command_and_the_python_interface_start_is_safe(trap, monkeypatch):
    import bench.cli.main as cli
    from bench import api

    seen = []
    monkeypatch.setattr(cli, "app", lambda **_: seen.append(os.environ.get(NAME)))
    monkeypatch.setenv(NAME, "")
    cli.main()
    monkeypatch.delenv(NAME)

    def run(options, source):
        seen.append(os.environ.get(NAME))
        return SimpleNamespace(results=[], failures={}, left_out=[])

    monkeypatch.setattr("bench.runner.execute.run", run)
    api.run("kmerl", "ptbxl-super", "linear", workspace=trap.parent / "workspace")
    assert seen == ["1", "1"]
    assert NAME not in os.environ


def test_ray_is_not_given_the_current_folder(trap):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from bench.runner.executors.ray_cluster import _job_config

    config = _job_config()
    assert config._runtime_env_has_working_dir()  # then ray.init does not add the current folder
    assert os.getcwd() not in config._py_driver_sys_path
