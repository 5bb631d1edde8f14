"""The parent of the command: it ends as the command does, and fails where the command was ended under way."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the command has a parent on Linux alone")

HEAD = "import os, signal, sys, time; from bench.processes.supervisor import mark_end, supervised\n"


WAIT = """\
try:
    print(os.getpid(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    sys.exit(7)
"""


def script(body: str) -> list[str]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return [sys.executable, "-c", f"{HEAD}def command():\n{lines}supervised(command)\nprint('returned')"]


@pytest.mark.parametrize(
    ("body", "code", "out"),
    [
        ("print('done')", 0, "done\nreturned\n"),
        ("sys.exit(2)", 2, ""),
        ("mark_end(); os._exit(130)", 130, ""),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
    ],
)
def test_the_parent_ends_as_the_command_does(body, code, out):
    done = subprocess.run(script(body), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, "")


@pytest.mark.parametrize("body", ["os._exit(0)", "os._exit(3)", "import ctypes; ctypes.CDLL(None).exit(0)"])
def test_a_command_that_is_ended_under_way_has_failed(body):
    done = subprocess.run(script(body), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the command was ended with exit code")
    assert "--time-limit" in done.stderr


@pytest.fixture
def waiting():
    """Starts a command that waits; the process that the user sees, and the id of the command's."""
    started = []

    def start():
        lines = script(WAIT)
        lines[2] = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + lines[2]
        process = subprocess.Popen(lines, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_ctrl_c_reaches_the_command_once(waiting):
    process, _ = waiting()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and child
    assert process.wait(10) == 7
    process, _ = waiting()
    process.send_signal(signal.SIGINT)  # the parent alone
    assert process.wait(10) == 7


def test_other_signals_are_handed_on(waiting):
    process, _ = waiting()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM


def test_the_command_ends_with_its_parent(waiting):
    process, command = waiting()
    process.kill()
    process.wait()
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        try:
            os.kill(command, 0)
        except ProcessLookupError:
            return
        with open(f"/proc/{command}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.02)
    pytest.fail("the command outlived its parent")
