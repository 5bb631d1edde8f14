"""Files in the working directory that have the names of modules. Few: each is a process."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Sandbox

RUNS = "import os, pathlib; pathlib.Path(os.environ['HOSTILE_MARKER']).touch()\n"


def in_a_folder_of_traps(*arguments: str):
    def make(box: Sandbox) -> Sequence[str]:
        for name in ("tasks.py", "methods/__init__.py", "typer.py", "json.py", "sitecustomize.py"):
            box.write(name, RUNS)
        return arguments

    return make


def several_workers(box: Sandbox) -> Sequence[str]:
    box.copy(box.shared.simulated("csn"), "csn")
    for name in ("numpy.py", "joblib.py", "bench.py", "pickle.py", "tasks/__init__.py"):
        box.write(name, RUNS)
    return ("data", "prepare", "csn", "--data-root", "csn=csn", "--workers", "2")


CASES = [
    Case("listing", in_a_folder_of_traps("tasks"), exit=0, words=("ptbxl-super",), child=True),
    Case("workers", several_workers, exit=0, words=("50 recordings",), child=True),
]
