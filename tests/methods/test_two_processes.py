"""Two processes with half a batch each have the loss and the gradient of one with the whole."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "two_processes.py"
CASES = [
    "merl",
    "kmerl",
    "etp",
    "esi",
    "simclr",
    "moco-v3",
    "byol",
    "barlow-twins",
    "clocs",
    "ts-tcc",
    "astcl",
    "cpc",
    "mmcl",
    "cross-modal-ae",
    "etp in parts",
    "kmerl in parts",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    root = Path(importlib.util.find_spec("bench").origin).parents[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{root}{os.pathsep}{SCRIPT.parent}"}
    run = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_loss_and_gradient_of_one(found, case):
    assert found[case]["weights"] > 0
    assert found[case]["loss"] < 1e-6
    assert found[case]["gradient"] < 1e-6
