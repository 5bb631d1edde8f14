"""Preparing PTB-XL recordings, next to a bare loop of wfdb.rdrecord over the same files.

    python benchmarks/prepare.py PTBXL_ROOT [--rounds 5] [--times 20]

Every round times all contenders one after the other, so that a busy machine slows all of them; medians and the spread
of the ratios are printed. ``2 workers`` is the program's own choice of one process or two (by size and by what the first
chunks took), ``2 processes`` starts them in any case. Then the peak memory of preparing the recordings once and 20 times
over (under separate ids), each in a separate process, with that of the processes that read for it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

from bench.dataset import RecordFile
from bench.signals import build_store
from bench.signals.build_store import prepare
from tasks.datasets.ptbxl import PTBXL


class Repeated(PTBXL):
    """Every recording ``times`` times, so that a small copy represents a large one."""

    times = 1

    def records(self):
        import pandas as pd

        once = super().records()
        return pd.concat([once.set_axis(once.index + f".{k}") for k in range(self.times)])

    def files(self, records, rate=None) -> list[RecordFile]:
        files = super().files(records, rate)
        return [RecordFile(f.record_id, f.path, {}) for f in files]


def bare_loop(files: list[RecordFile]) -> float:
    import wfdb

    start = time.perf_counter()
    for file in files:
        wfdb.rdrecord(str(file.path))
    return time.perf_counter() - start


def ours(dataset: PTBXL, folder: Path, workers: int, worth: float = build_store.WORTH_SECONDS) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    build_store.WORTH_SECONDS = worth
    start = time.perf_counter()
    prepare(dataset, folder, workers=workers)
    took = time.perf_counter() - start
    if workers > 1:
        get_reusable_executor().shutdown()
    return took


def peak_memory(root: Path, times: int, workers: int) -> tuple[float, float, int, float]:
    """(MiB of the process, MiB of the largest reading process, recordings, seconds); memory includes what a process
    needs to start, seconds do not."""
    code = (
        "import json, resource, sys, tempfile, time\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from prepare import Repeated, prepare\n"
        f"dataset = Repeated({str(root)!r}); dataset.times = {times}\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    start = time.perf_counter()\n"
        f"    n = len(prepare(dataset, Path(folder) / 'store', workers={workers}))\n"
        "    took = time.perf_counter() - start\n"
        "from joblib.externals.loky import get_reusable_executor\n"
        "get_reusable_executor().shutdown()\n"
        "own, theirs = (resource.getrusage(w).ru_maxrss / 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))\n"
        "print(json.dumps([own, theirs, n, took]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    own, theirs, n, took = json.loads(done.stdout.splitlines()[-1])
    return own, theirs, n, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="a PTB-XL data root with records500/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=20, help="how many times over, for memory")
    options = parser.parse_args()
    dataset = PTBXL(options.root)
    files = dataset.files(dataset.records())
    print(
        f"{len(files)} recordings at {dataset.read(files[0]).fs:g} Hz, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )

    seconds: dict[str, list[float]] = {
        "wfdb.rdrecord, bare loop": [],
        "prepare, 1 worker": [],
        "prepare, 2 workers": [],
        "prepare, 2 processes": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        bare_loop(files)  # the files are in the page cache, libraries imported
        ours(dataset, store, 1)
        for _ in range(options.rounds):
            for name, measure in zip(
                seconds,
                (
                    lambda: bare_loop(files),
                    lambda: ours(dataset, store, 1),
                    lambda: ours(dataset, store, 2),
                    lambda: ours(dataset, store, 2, 1e-9),
                ),
                strict=True,
            ):
                seconds[name].append(measure())
    bare, *_ = seconds.values()
    for name, measured in seconds.items():
        ratios = [mine / theirs for mine, theirs in zip(measured, bare, strict=True)]
        print(
            f"{name:26} median {statistics.median(measured):6.2f} s   of the bare loop {statistics.median(ratios):5.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    one_worker, two_workers = seconds["prepare, 1 worker"], seconds["prepare, 2 workers"]
    print(
        f"1 worker / 2 workers       {statistics.median(a / b for a, b in zip(one_worker, two_workers, strict=True)):.2f}"
    )
    for times in (1, options.times):
        for workers in (1, 2):
            own, theirs, n, took = peak_memory(options.root, times, workers)
            print(
                f"{n:6,} recordings, {workers} workers: {took:5.1f} s, peak {own:.0f} MiB, largest reading process "
                f"{theirs:.0f} MiB"
            )


if __name__ == "__main__":
    main()
