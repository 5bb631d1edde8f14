"""Output of progress: lines in a log, a bar on a terminal, one output in a notebook; colours only where wanted."""

import io
import re
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


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (10.0, "about 20 min"),  # as estimated
        (190.0, "about 17 min"),
        (290.0, "about 19 min"),  # and not 33 h, which 293 s for an estimate of 3 s would give
        (490.0, "about 33 min"),  # the job under way takes at least twice its estimate
    ],
)
def test_a_long_job_after_a_short_one_does_not_slow_the_pace_of_a_run(monkeypatch, seconds, expected):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    run = progress.RunClock(6, {"short": 3.0} | {f"long{i}": 240.0 for i in range(5)})
    assert run.left() == ""
    clock[0] = 3.0
    run.finish(["short"], cells=1)
    clock[0] += seconds
    assert run.left() == f"{expected} left"


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


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self):
        return True


def test_a_run_shows_its_cells_and_the_time_left_at_80_columns(monkeypatch):
    clock = iter([0.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock, 60.0))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    long = "random-resnet · ptbxl-super · finetune · leads I,II,V1 · 10% · seed 3"
    with progress.running(3, {"checkpoint": 10.0, "a": 10.0, "b": 10.0, "c": 10.0}) as run:
        run.finish(["checkpoint", "a"], cells=1)
        assert str(run) == "cell 2 of 3, about 36 s left"
        with progress.track(long) as report:
            report(40, 100, "validation macro_auroc 0.812")
            progress._bars.refresh()
            progress.say("a message")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]", "\n", re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()))
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain)]
    assert any(
        line.startswith("cells of this run") and "1/3" in line and "about 36 s left" in line for line in lines
    ), lines
    (cell, *_) = [line for line in lines if line.startswith("random-resnet") and "40/100" in line]
    assert len(cell) <= 80
    assert "\u2501" in cell  # the bar
    assert "a message" in lines
    assert progress._bars is None


def test_a_log_names_the_cell_of_the_run(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", 0)
    with progress.running(3, {"a": 1.0, "b": 1.0, "c": 1.0}), progress.track("encoding") as report:
        report(2, 4)
    assert capsys.readouterr().err == "cell 1 of 3: encoding: 2/4\n"


@pytest.mark.parametrize(("seconds", "text"), [(98, "98 s"), (600, "10 min"), (9000, "2.5 h")])
def test_a_time_span_is_short(seconds, text):
    assert progress.time_span(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (2000, "2,000 epochs")])
def test_a_noun_follows_its_number(number, text):
    assert progress.counted(number, "epoch") == text


def test_roles_and_literals_are_plain():
    text = "as ``--set x=1`` or :class:`~bench.method.Method` and :mod:`methods.text`"
    assert progress.without_markup(text) == "as `--set x=1` or `Method` and `text`"
