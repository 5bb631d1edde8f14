"""Speed-up of two single-core workers over one for a plan of 40 cells: ``--jobs 1|2`` and Ray with one or two.

    python benchmarks/executors.py                       # asked: at most 0.6 of the time of one
    python benchmarks/executors.py --rounds 1 --executor local

Two self-supervised methods on two tasks: a pretraining each, features that linear cells share, and fine-tunings; two modes,
five seeds. Every run is a separate command in a workspace that holds nothing but the prepared data, and takes in all that
a user waits for: imports, planning, workers starting, MLflow. Arms alternate within a round and swap places from round to
round. Other load falls on two workers harder than on one: it is printed next to each time, with the CPU seconds that the
command and its workers used, which load hardly moves.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.data.source import DataSource
from bench.storage.workspace import Workspace

RECORDS = 600
PLAN = (
    "-m", "simclr,byol", "-t", "ptbxl-super,ptbxl-rhythm", "--mode", "linear,finetune", "--seed", "0,1,2,3,4",
    "--set", "pretrain.epochs=3", "--set", "linear.epochs=100", "--set", "finetune.epochs=1", "--profile", "smoke",
)  # fmt: skip
CELLS = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--executor", choices=("local", "ray"), action="append")
    options = parser.parse_args()
    executors = options.executor or ["local", *(["ray"] if importlib.util.find_spec("ray") else [])]
    with tempfile.TemporaryDirectory() as folder:
        prepared = Workspace(Path(folder) / "prepared")
        prepared.root.mkdir()
        DataSource(prepared, simulated_records=RECORDS).store("ptbxl")
        slow = False
        for executor in executors:
            walls: dict[int, list[float]] = {1: [], 2: []}
            tables: set[str] = set()
            for number in range(options.rounds):
                for workers in (1, 2) if number % 2 == 0 else (2, 1):
                    root = Path(folder) / f"{executor}-{number}-{workers}"
                    wall, table = timed(root, prepared, executor, workers)
                    walls[workers].append(wall)
                    tables.add(table)
            assert len(tables) == 1, "one worker and two found different numbers"
            alone, in_pair = (statistics.median(walls[workers]) for workers in (1, 2))
            pairs = ", ".join(f"{b / a:.2f}" for a, b in zip(walls[1], walls[2], strict=True))
            print(
                f"{executor}: one worker {alone:.1f} s, two {in_pair:.1f} s: {in_pair / alone:.2f} "
                f"(by round: {pairs}; asked: 0.60)"
            )
            slow = slow or in_pair / alone > 0.6
    return int(slow)


def timed(root: Path, prepared: Workspace, executor: str, workers: int) -> tuple[float, str]:
    """Seconds of one run in a fresh workspace, and its table."""
    root.mkdir()
    for name in ("simulated", "stores"):
        (root / name).symlink_to(getattr(prepared, name))
    environment = os.environ | {
        "BENCH_WORKSPACE": str(root),
        "BENCH_SIMULATED_RECORDS": str(RECORDS),
        "OMP_NUM_THREADS": "1",  # one core a worker
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [
        sys.executable,
        "-m",
        "bench.cli.main",
        "run",
        *PLAN,
        "--executor",
        executor,
        "--jobs",
        str(workers),
        "--json",
    ]
    load, before = os.getloadavg()[0], _cpu()
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall, used = time.perf_counter() - started, _cpu() - before
    if done.returncode:
        sys.exit(done.stderr)
    results = sorted((r["key"], r["predictions_digest"]) for r in json.loads(done.stdout))
    assert len(results) == CELLS
    cells = [json.loads(path.read_text())["provenance"]["seconds"] for path in root.glob("results/*/result.json")]
    in_cells = sum(sum(seconds.values()) for seconds in cells)
    print(
        f"  {executor}, {workers} worker{'s' if workers > 1 else ''}: {wall:.1f} s; CPU {used:.1f} s; "
        f"within cells {in_cells:.1f} s; load {load:.1f} before, {os.getloadavg()[0]:.1f} after",
        flush=True,
    )
    return wall, json.dumps(results)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
