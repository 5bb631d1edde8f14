"""A stranger's package: written by ``bench new``, registered, checked, run, and refused where a name cannot be."""

import importlib
import json
import sys
import tomllib
from pathlib import Path

import pytest

from bench import registry
from bench.checks.check import Broken, Check, judge
from bench.cli.plugins import _show
from bench.reading.class_source import classes_in
from bench.splitting import split

KINDS = ("method", "task", "dataset")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Register a written package as pip would: its folder on the path, its entry points in a dist-info."""
    added = []

    def forget() -> None:
        importlib.invalidate_caches()
        registry.entries.cache_clear()
        classes_in.cache_clear()
        split.split_files.cache_clear()

    def install(folder: Path) -> None:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1\n")
        groups = [
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
            for group, points in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups))
        monkeypatch.syspath_prepend(str(folder))
        added.append(folder.name.replace("-", "_"))
        forget()

    yield install
    monkeypatch.undo()
    for name in [m for m in sys.modules if m.split(".")[0] in added]:
        del sys.modules[name]
    forget()


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_at_once(bench, install, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    name = f"strangers-{kind}"
    assert bench("new", kind, name).code == 0
    early = bench("check", name)
    assert (early.code, f"pip install -e {name}" in early.err) == (2, True)
    install(tmp_path / name)
    done = bench("check", name)
    assert done.code == 0, done.out + done.err
    assert " 0 broken" in done.out
    assert f"{kind} {name} (strangers_{kind}.{kind}:Strangers{kind.capitalize()}" in done.err
    scope: dict = {}
    exec((tmp_path / name / "tests" / f"test_strangers_{kind}.py").read_text(), scope)
    scope["test_keeps_the_contract"]()


def test_a_new_task_has_a_board_that_can_be_run(bench, install, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bench("new", "task", "asked", "--like", "ptbxl-rhythm")
    install(tmp_path / "asked")
    assert "asked" in bench("leaderboard", "list").out.split()
    done = bench("run", "--board", "asked", "--dry-run", "--replicates", "1")
    assert done.code == 0, done.err
    assert [line.partition(" · 100%")[0] for line in done.out.splitlines()] == [
        "random-resnet · asked · linear",
        "simple-statistics · asked · linear",
    ]


def test_a_new_method_gets_a_row(bench, install, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bench("new", "method", "rowed")
    install(tmp_path / "rowed")
    assert "rowed" in bench("methods", "rowed").out
    run = ("run", "-m", "rowed", "-t", "ptbxl-super", "--mode", "linear", "--no-track", "--set", "linear.epochs=1")
    done = bench(*run)
    assert done.code == 0, done.err
    assert "rowed" in done.out
    assert "macro_auroc" in done.out


def test_names_that_cannot_be_are_refused(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, words in {
        "kmerl": "is taken: methods.kmerl:KMERL of ecg-bench",
        "My_Method": "such as 'my-method'",
        "2d": "a letter first",
        "class": "a keyword of Python",
        "torch": "installed already",
        "ok": "exists already",
    }.items():
        if name == "ok":
            (tmp_path / "ok").mkdir()
        done = bench("new", "method", name)
        assert (done.code, words in done.err) == (2, True), done.err
    assert [p.name for p in tmp_path.iterdir() if p.is_dir() and p.name != "workspace"] == ["ok"]
    assert (
        "unknown task 'ptbxl-supr'. Did you mean 'ptbxl-super'" in bench("new", "task", "a", "--like", "ptbxl-supr").err
    )


BROKEN = """
    import torch
    from bench.method import Method
    class Mine(Method):
        '''A method that keeps no promise.'''
        name = "broken-promises"
        def build(self, config):
            self.net = torch.nn.Linear(12, 4)
        def encode(self, batch):
            with torch.no_grad():
                return self.net(batch.ecg.transpose(1, 2)) / (1 - 1)
        def zero_shot(self, batch, class_names):
            return self.missing(batch)
"""


def test_each_broken_promise_is_told_with_its_cure(bench, plugin):
    plugin("promises", BROKEN)
    done = bench("check", "broken-promises")
    assert done.code == 1
    lines = {line.split(":")[0].strip(): line for line in done.out.splitlines()}
    assert "names no source. Add a sentence" in lines["BROKEN its source is stated"]
    assert "expected (4, dim). Pool over time" in lines["BROKEN it encodes any number of recordings"]
    crash = lines["BROKEN it scores classes by name"]
    assert "AttributeError: 'Mine' object has no attribute 'missing' (line 13 of " in crash
    assert "zero_shot(batch, names) must return a tensor [record, class]" in crash
    rows = json.loads(bench("check", "broken-promises", "--json").out)
    assert {row["outcome"] for row in rows} == {"kept", "broken", "does not apply"}


WEIGHTLESS = """
    import torch
    from bench.method import Method
    class Mine(Method):
        '''Mean of each lead.

        Source: this test.
        '''
        name = "without-weights"
        def encode(self, batch):
            return batch.ecg.mean(-1)
"""


ENCODES = """
    import torch
    from torch import nn
    from bench.method import Method
    from bench.signals.input_spec import InputSpec

    class Mine(Method):
        'A linear encoder. Source: this test.'
        name = "encodes"
        input = InputSpec(fs=100, seconds=1)

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def encode(self, batch):
            x = batch.ecg
            vectors = self.net(x.mean(1))
            return vectors
"""


@pytest.mark.parametrize(
    ("change", "promise", "words"),
    [
        (
            ("x = batch.ecg", "x = batch.ecg; x *= 2"),
            "it encodes any number of recordings",
            "encode changes batch.ecg.",
        ),
        (
            ("return vectors", "return vectors + torch.randn_like(vectors)"),
            "it encodes any number of recordings",
            "encode gives other values the second time.",
        ),
        (
            ("return vectors", "pass"),
            "it encodes any number of recordings",
            "encode returned a NoneType; expected a tensor",
        ),
        (("def encode", "def encdoe"), "it offers a mode", "Correct the name: encdoe looks like encode."),
    ],
)
def test_the_cause_of_a_broken_promise_is_named(bench, plugin, change, promise, words):
    name = f"encodes-{len(words)}"  # a module is imported once
    plugin(name.replace("-", "_"), ENCODES.replace(*change).replace("encodes", name))
    done = bench("check", name)
    lines = {line.split(":")[0].strip(): line for line in done.out.splitlines()}
    assert words in lines[f"BROKEN {promise}"]


def test_a_method_without_weights_breaks_no_promise(bench, plugin):
    plugin("weightless", WEIGHTLESS)
    done = bench("check", "without-weights")
    assert done.code == 0, done.out
    assert "a head can be trained on it: without-weights has no weights; the head alone is trained" in done.out


def test_what_cannot_be_made_ready_is_one_broken_promise(bench, plugin):
    plugin("unbuilt", BROKEN.replace("self.net = ", "self.net = nowhere").replace("broken-promises", "unbuilt"))
    done = bench("check", "unbuilt")
    assert done.code == 1
    assert "0 kept, 1 broken" in done.out
    assert "NameError" in done.out


def test_a_wrong_name_is_answered_with_the_nearest(bench):
    done = bench("check", "kmrel")
    assert done.code == 2
    assert "unknown method, task or dataset 'kmrel'. Did you mean 'kmerl'" in done.err


def test_a_promise_is_broken_by_code_that_calls_sys_exit():
    def leave(subject):
        raise SystemExit(0)

    verdicts = list(judge([Check("it stays", "Fix it.", leave)], lambda: None))
    assert [v.outcome for v in verdicts] == ["kept", "broken"]
    assert "called sys.exit(0)" in verdicts[1].why
    (ready,) = judge([], lambda: leave(None))
    assert ready.outcome == "broken"


def test_one_cause_of_several_broken_promises_is_reported_once(capsys):
    def refuse(subject):
        refuse.size += 1
        raise RuntimeError(f"expected 12 channels, found {refuse.size}")

    refuse.size = 0

    def other(subject):
        raise Broken("It names no source.", "Add one.")

    checks = [
        Check("it encodes", "Fix A.", refuse),
        Check("it is named", "", other),
        Check("it trains", "Fix B.", refuse),
    ]
    _show(list(judge(checks, lambda: None)))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 3
    assert lines[1].startswith("BROKEN it encodes: RuntimeError: expected 12 channels, found 1")
    assert lines[1].endswith("Fix A. (the same error breaks 1 more promise)")
    assert lines[2] == "BROKEN it is named: It names no source. Add one."
