"""Workers that hang, end or fall silent, played by a script that imports nothing heavy."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from bench.cells.cell import Cell
from bench.errors import ConfigError
from bench.runner.executors import executor_for, processes
from bench.runner.plan import RunOptions, plan
from bench.runner.schedule import Job, Schedule
from bench.runner.time_limit import as_words, parse_time_limit

WORKER = """
import os, subprocess, sys, time
from multiprocessing.connection import Connection
from types import SimpleNamespace
connection = Connection(int(sys.argv[1]))
settings, threads = connection.recv()
if not os.path.exists(settings):
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    open(settings, "w").write(f"{os.getpid()} {child.pid}")
connection.send(None)
while True:
    try:
        message = connection.recv_bytes()  # to unpickle the job would import torch
    except (EOFError, OSError):
        break
    how = next(word for word in ("hangs", "leaves", "silent", "next") if word.encode() in message)
    if how == "hangs":
        time.sleep(60)
    if how == "leaves":
        os._exit(0)
    if how == "silent":
        time.sleep(0.5)
    connection.send((SimpleNamespace(error="", seconds=0.0),))
"""


@pytest.fixture
def outcome(monkeypatch, tmp_path):
    """Runs one job for each word; what became of each: an error, or nothing."""
    monkeypatch.setattr(processes, "START", WORKER)
    monkeypatch.setattr(processes, "visible_gpus", list)
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.05)

    def run(*words, jobs=1, time_limit=None):
        schedule = Schedule.of([Job(word, "cell", Cell(word, "task", "linear")) for word in words], longest_first=False)
        session = SimpleNamespace(settings=lambda: str(tmp_path / "pids"))
        executor = processes.Processes(jobs, time_limit)
        return {job.id: ended.error for job, ended in executor.run(schedule, session, False)}

    return run


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # one that nobody has waited for is dead, too
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_job_that_passes_its_time_limit_is_killed_with_its_children_and_the_others_go_on(outcome, tmp_path):
    ended = outcome("hangs", "next", time_limit=1)
    assert ended["next"] == ""
    assert "longer than the time limit of 1 s and was stopped" in ended["hangs"]
    assert "--time-limit" in ended["hangs"]
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    limit = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_a_worker_that_ends_with_status_0_has_failed_its_job(outcome):
    ended = outcome("leaves", "next")
    assert ended["next"] == ""
    assert ended["leaves"].startswith("its process ended with exit code 0 before it was finished: code of a method")


def test_a_worker_without_a_heartbeat_is_reported_and_left_alone(outcome, monkeypatch, capsys):
    monkeypatch.setattr(processes, "SILENT_SECONDS", 0.1)
    assert outcome("silent") == {"silent": ""}
    assert "no sign of life from its process" in capsys.readouterr().err


def test_a_time_limit_needs_worker_processes(monkeypatch):
    monkeypatch.setattr(processes, "visible_gpus", list)
    assert executor_for("local", 1, time_limit=60).time_limit == 60
    with pytest.raises(ConfigError, match="--time-limit .*--executor local"):
        plan(RunOptions(["kmerl"], ["ptbxl-super"], ["linear"], executor="ray", time_limit=60))


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("90", 90, "90 s"),
        ("2h", 7200, "2 h"),
        ("1.5m", 90, "90 s"),
        ("90 m", 5400, "90 min"),
        (48 * 3600, 172800, "2 d"),
    ],
)
def test_time_limits_are_read_with_their_unit(text, seconds, words):
    assert parse_time_limit(text) == seconds
    assert as_words(seconds) == words


@pytest.mark.parametrize("text", ["0", "-1", "2 hours", "", "nan", "inf", "9" * 400, "h"])
def test_other_time_limits_are_refused(text):
    with pytest.raises(ConfigError, match="--time-limit .*expected a number above 0.*90m or 2h"):
        parse_time_limit(text)


START = "import sys; from bench.processes import parent_watch as w; w.CHECK_SECONDS = 0.05; "


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_ends_with_its_parent(tmp_path):
    child = START + "w.end_with_parent(int(sys.argv[1])); print('ready', flush=True); import time; time.sleep(60)"
    parent = (
        "import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())], "
        "stdout=subprocess.PIPE); p.stdout.readline(); print(p.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run([sys.executable, "-c", parent, child], capture_output=True, text=True).stdout
    limit = time.monotonic() + 10
    while alive(int(said)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not alive(int(said))
