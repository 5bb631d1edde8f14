"""Benchmarks for machines that CI does not have run their smallest case here, so that they stay runnable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_benchmark_for_gpus_runs_its_smallest_case(tmp_path):
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "BENCH_WORKSPACE": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("no GPU: the smallest case on the processor")
    assert sum("recordings/s" in line for line in lines) == 6
    assert any(line.startswith("linear table: 2 cells on 120 recordings") for line in lines)
