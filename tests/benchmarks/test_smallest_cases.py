"""Benchmarks for machines that CI does not have run their smallest case here, so that they stay runnable."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_benchmark_for_gpus_runs_its_smallest_case(tmp_path):
    shows_where_it_hangs = "import faulthandler, runpy; faulthandler.dump_traceback_later(240, exit=True); "
    done = subprocess.run(
        [sys.executable, "-c", shows_where_it_hangs + "runpy.run_path('benchmarks/gpu.py', run_name='__main__')"],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}",
            "BENCH_WORKSPACE": str(tmp_path),
            "CUDA_VISIBLE_DEVICES": "",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("no GPU: the smallest case on the processor")
    assert sum("recordings/s" in line for line in lines) == 6
    assert any(line.startswith("linear table: 2 cells on 120 recordings") for line in lines)


@pytest.mark.slow
def test_a_released_model_runs_from_the_authors_file_to_a_board(tmp_path):
    done = subprocess.run(
        [sys.executable, "benchmarks/released_models.py", "--methods", "clef-small"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines()[3].split()[:2] == ["clef-small", "0.5"]


@pytest.mark.slow
def test_settings_for_small_are_chosen_among_trials_that_pretrained(tmp_path):
    done = subprocess.run(
        [
            sys.executable, "benchmarks/small_settings.py", "simclr", "--simulated-records", "120",
            "--workspace", str(tmp_path), "--replicates", "2",
            "--set", "simclr.width=4", "--vary", "simclr.pretrain.epochs=0,1", "--vary", "simclr.pretrain.lr=1e-3",
            "--csv", str(tmp_path / "trials.csv"),
        ],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    with open(tmp_path / "trials.csv", encoding="utf-8") as file:
        lines = {line["settings"]: line for line in csv.DictReader(file)}
    assert {settings.split(", ")[0]: line["chosen"] for settings, line in lines.items()} == {
        "pretrain.epochs=0": "",
        "pretrain.epochs=1": "yes",
    }
    assert {line["trainings"] for line in lines.values()} == {"2"}
    assert all(line["method"] == "simclr" and 0.2 < float(line["validation"]) < 1 for line in lines.values())
