"""Hostile and odd inputs, each answered by an exit code and one sentence, and by nothing else.

A corpus is a module in ``corpus/`` with a list ``CASES``; modules are found, none is listed here. Its ``FAULTS`` names the
cases that fail today, with the reason; such a case is expected to fail, and reported as soon as it no longer does.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from . import corpus
from .case import Case, Sandbox, cases_of, faults_of
from .judge import Answer, changes, faults, run, snapshot
from .shared import Shared

CORPORA = [
    importlib.import_module(f"{corpus.__name__}.{module.name}") for module in pkgutil.iter_modules(corpus.__path__)
]
CASES = [
    pytest.param(
        case,
        id=f"{module.__name__.rpartition('.')[2]}-{case.name}",
        marks=[pytest.mark.xfail(strict=True, reason=reason)] if (reason := faults_of(module).get(case.name)) else [],
    )
    for module in CORPORA
    for case in cases_of(module)
]


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Shared:
    import numpy as np
    import pyarrow
    import torch

    from bench.training.linear_head import LinearHead

    pyarrow.array(["a"])  # reserves 1 GiB of addresses at its first use
    head = LinearHead(2, 2, "binary", torch.Generator())  # compiled for seconds where it never ran; no case pays for it
    head.train_epoch(np.zeros((2, 2), np.float32), np.zeros((2, 2)), np.arange(2), 2, np.zeros(1), 0.0)
    return Shared(tmp_path_factory.mktemp("shared"))


@pytest.fixture(autouse=True, scope="session")
def _dates_once():
    """Most cases of UK Biobank leave its tables alone: from the same columns, dates of diseases are found once."""
    from tasks.datasets import ukb

    find, known = ukb.first_dates, {}

    def first_dates(endpoint, table):
        columns = vars(table).setdefault("columns_as_text", repr([(c, *v) for c, v in table._columns.items()]))
        key = endpoint.model_dump_json(), columns, tuple(table.eids)
        if key not in known:
            known[key] = find(endpoint, table)
        return known[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ukb, "first_dates", first_dates)
        yield


@pytest.fixture
def box(shared, tmp_path, monkeypatch) -> Sandbox:
    """Folders four levels below a root of this test, so that ``../../..`` still ends inside of it."""
    deep = tmp_path / "a" / "b" / "c"
    for name in ("work", "home", "tmp"):
        (deep / name).mkdir(parents=True)
    (tmp_path / "neighbour.txt").write_text("not yours")
    box = Sandbox(deep / "work", deep / "workspace", tmp_path / "PAYLOAD-RAN", shared)
    monkeypatch.chdir(box.folder)
    monkeypatch.setattr(tempfile, "tempdir", str(deep / "tmp"))
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    for name, value in {
        "BENCH_WORKSPACE": str(box.workspace),
        "BENCH_TOML": "",
        "COLUMNS": "160",
        "HOME": str(deep / "home"),
        "HOSTILE_MARKER": str(box.marker),
        "TMPDIR": str(deep / "tmp"),
        "TORCHINDUCTOR_CACHE_DIR": str(shared.root / "torchinductor"),
    }.items():
        monkeypatch.setenv(name, value)
    return box


@pytest.mark.timeout(60, func_only=True)  # not the compilation that the first case waits for
@pytest.mark.parametrize("case", CASES)
def test_hostile_input_gets_one_sentence(case: Case, box: Sandbox, tmp_path, monkeypatch):
    argv = [str(part) for part in case.make(box)]
    for name, value in box.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["bench", *argv])
    asked = [box.workspace, *(Path(os.path.abspath(box.folder / name)) for name in case.writes)]
    before, workspace_before = snapshot(tmp_path, asked), snapshot(box.workspace)
    answer = run(case, argv, box, tmp_path)
    made = [os.path.relpath(path, box.workspace) for path in snapshot(box.workspace).keys() - workspace_before.keys()]
    wrong = list(faults(case, box, answer, changes(before, snapshot(tmp_path, asked)), sorted(made)))
    assert not wrong, "\n".join(
        [f"bench {' '.join(argv)}", *wrong, f"exit {answer.code}", answer.out[-2000:], "stderr:", answer.err[-2000:]]
    )


def test_every_kind_of_fault_is_seen(box, tmp_path):
    """The judge itself: a command that does everything wrong."""
    case = Case("bad", lambda box: [], exit=2, words=("card.json",))

    box.marker.write_text("")
    answer = Answer(0, "\x1b[2J", "", "", 11.0, 2**31, ["started ['sh']"])
    kinds = {line.partition(":")[0] for line in faults(case, box, answer, ["made /x"], ["results/.a.123"])}
    assert kinds == {"RAN", "SILENT", "ESCAPE", "SLOW", "MEMORY", "HALF", "WORDS", "CONTROL"}
    broken = Answer(2, "", "x" * 2000, "")
    kinds = {line.partition(":")[0] for line in faults(case, box, broken, [], ["stores/x"])}
    assert kinds == {"RAN", "HALF", "WORDS", "LONG", "FIX"}
