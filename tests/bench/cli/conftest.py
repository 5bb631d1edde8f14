"""Run the command in this process, as a user would type it."""

import sys
from dataclasses import dataclass

import pandas as pd
import pytest

from bench.cells.result import write_result


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def bench(monkeypatch, capsys, workspace):
    """``bench("run", ...)`` in a workspace of the test's own; returns exit code, standard output and error."""
    from bench.cli.main import main

    monkeypatch.setenv("BENCH_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("BENCH_SIMULATED_RECORDS", "120")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # main() sets it for its whole process, which here is that of all tests

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def stored(tmp_path, make_result):
    """A workspace with a result of each of two methods on one task."""
    for method, value in {"simclr": 0.7, "byol": 0.9}.items():
        rows = {"record_id": ["1", "2"], "patient_id": ["1", "2"], "partition": "test", "target_NORM": [0, 1]}
        result = make_result(method=method, task="ptbxl-super", value=value, corpus="mimic-iv-ecg")
        write_result(tmp_path / "results", result, pd.DataFrame(rows | {"score_NORM": [0.1, value]}))
    return tmp_path
