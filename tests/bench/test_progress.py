"""Output of progress: lines in a log, a bar on a terminal, one output in a notebook; colours only where wanted."""

import subprocess
import sys
import types

import pytest

from bench import progress


class ZMQInteractiveShell:
    """What IPython calls a notebook's shell."""


@pytest.fixture
def notebook(monkeypatch):
    """A kernel that keeps what was shown."""
    shown = []

    class Handle:
        def update(self, content):
            shown.append(content)

    def display(content, display_id):
        shown.append(content)
        return Handle()

    module = types.ModuleType("IPython")
    module.get_ipython = ZMQInteractiveShell
    screen = types.ModuleType("IPython.display")
    screen.HTML, screen.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    monkeypatch.setattr(progress, "NOTEBOOK_EVERY_SECONDS", 0)
    return shown


def test_a_notebook_shows_one_bar_with_the_time_left_and_then_nothing(notebook):
    with progress.track("pretraining <it>") as report:
        report(1, 4, "loss 0.5")
        report(2, 4, "loss 0.4")
    first, begun, during, last = notebook
    assert "pretraining &lt;it&gt; <progress></progress>" in first
    assert '<progress value="1" max="4"></progress> 1/4 loss 0.5' in begun
    assert '<progress value="2" max="4"></progress> 2/4 about 0 s left loss 0.4' in during
    assert last == ""


def test_a_log_gets_plain_lines_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", 0)
    with progress.track("encoding") as report:
        report(2, 4)
        report(3, 4, "loss 0.5")
    assert capsys.readouterr().err == "encoding: 2/4\nencoding: 3/4, about 0 s left loss 0.5\n"


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        # a linear cell: half a minute of encoding, then epochs of a tenth of a second
        ([(30.0, 1), (30.1, 2)], "about 10 s left"),
        # pretraining taken up at step 50 of 100, two seconds a step
        ([(1.0, 50), (3.0, 51)], "about 98 s left"),
        # the count begins again: a second pass
        ([(1.0, 90), (2.0, 99), (3.0, 1), (4.0, 2)], "about 98 s left"),
        ([(30.0, 1)], ""),
        ([(30.0, 1), (40.0, 1)], ""),
    ],
)
def test_the_time_left_follows_the_pace_since_the_first_report(monkeypatch, reports, expected):
    clock = iter(time for time, _ in reports)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    left = progress.TimeLeft()
    assert [left(done, 100) for _, done in reports][-1] == expected


def test_no_color_is_respected():
    code = "from bench.cli.main import _print_error; _print_error('wrong')"
    environment = {"PATH": "", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    coloured = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "\x1b[1;31merror:" in coloured.stderr
    plain = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**environment, "NO_COLOR": "1"}
    )
    assert "31m" not in plain.stderr
    assert "wrong" in plain.stderr
