"""Run the command in this process, as a user would type it."""

import sys
from dataclasses import dataclass

import pytest


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
