"""One epoch over recordings at 500 Hz, batches ready for the model, against a DataLoader that opens every file.

    python benchmarks/loader.py PTBXL_ROOT [--records 448] [--rounds 3] [--large 20000]

Theirs is ``wfdb.rdsamp`` a sample in a torch DataLoader with two workers, min-max scaled, as the released probe of MERL has
it. Ours is the :class:`bench.data.batches.BatchSource` that every mode reads, over the prepared store: its one thread
against two processes. Each round runs both, so that a busy machine slows both; files and store are in the page cache.

Then: the share of time that a step of ``--step`` seconds (MERL's ResNet18 takes more on two cores) waits for its batch;
seconds at 1, 4 and 16 times the recordings with the fitted power (1 is linear); and peak memory at 20,000 and 800,000
recordings, on stores that are sparse files: 96 GB that take no disk and are read as zeros, of which 20,000 rows spread over
the whole are read. So the memory is that of the code and its indices, and says nothing of a disk's speed.
What bounds it: memory bandwidth. ``bound`` is a copy of the same number of samples, int16 to float32.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sparse_store import SparseStore, anonymous_memory
from torch.utils.data import DataLoader, Dataset

from bench.data.batches import BatchSource
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView
from tasks.datasets.ptbxl import PTBXL

SPEC = InputSpec(fs=500, seconds=10, normalise="minmax")
BATCH = 64


class Files(Dataset):
    """A recording at a time from its publisher's files."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        import wfdb

        ecg = wfdb.rdsamp(self.paths[i])[0].T
        ecg = (ecg - ecg.min()) / (ecg.max() - ecg.min() + 1e-8)
        return torch.from_numpy(ecg.astype(np.float32))


def theirs(paths: list[str]) -> float:
    loader = DataLoader(Files(paths), BATCH, shuffle=True, num_workers=2, drop_last=True)
    started = time.perf_counter()
    n_records = sum(len(batch) for batch in loader)
    return (time.perf_counter() - started) / n_records


def ours(source: BatchSource, rows: np.ndarray, epoch: int = 0) -> float:
    started = time.perf_counter()
    n_records = sum(len(batch) for batch in source.shuffled(rows, BATCH, (epoch,)))
    return (time.perf_counter() - started) / n_records


def waiting(source: BatchSource, rows: np.ndarray, step: float) -> float:
    """Share of an epoch's time that its steps, which keep the processor busy for ``step`` seconds, wait."""
    waited, started = 0.0, time.perf_counter()
    batches = source.shuffled(rows, BATCH, (0,))
    while True:
        requested = time.perf_counter()
        if next(batches, None) is None:
            return waited / (time.perf_counter() - started)
        waited += time.perf_counter() - requested
        square = torch.randn(512, 512)
        until = time.perf_counter() + step
        while time.perf_counter() < until:
            square @ square


def copying(records: int) -> float:
    """Seconds a recording of int16 copied to float32 in memory."""
    source, target = np.ones((records, 12, 5000), np.int16), np.empty((records, 12, 5000), np.float32)
    target[:] = source
    started = time.perf_counter()
    target[:] = source
    return (time.perf_counter() - started) / records


def memory(records: int, read: int) -> None:
    """In a separate process: prints the peak of anonymous memory in MiB (mapped files apart) while reading."""
    with tempfile.TemporaryDirectory() as folder:
        source = BatchSource(SignalView(SparseStore(Path(folder), records), SPEC))
        rows = np.linspace(0, records - 1, read).astype(np.int64)
        peak, indices = 0.0, (records * (12 * 4 + 5 * 8)) / 2**20
        for i, _ in enumerate(source.shuffled(rows, BATCH, (0,))):
            if i % 16 == 0:
                peak = max(peak, anonymous_memory())
    print(json.dumps([peak, indices]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, nargs="?", help="a PTB-XL data root with records500/")
    parser.add_argument("--records", type=int, default=448)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=float, default=0.5, help="seconds of a made-up training step")
    parser.add_argument("--large", type=int, default=800_000)
    parser.add_argument("--memory", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        memory(*arguments.memory)
        return
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    dataset = PTBXL(arguments.root)
    files = dataset.files(dataset.records())[: arguments.records]
    with tempfile.TemporaryDirectory() as folder:
        source = BatchSource(SignalView(prepare(dataset, Path(folder) / "store", rate=500), SPEC))
        rows = np.arange(len(files))
        ours(source, rows)  # compiled, and in the page cache
        theirs([str(f.path) for f in files[:BATCH]])
        rounds = []
        for i in range(arguments.rounds):
            rounds.append((theirs([str(f.path) for f in files]), ours(source, np.tile(rows, 8), i), copying(BATCH)))
            print("theirs {:.3f}, ours {:.4f}, bound {:.4f} ms a recording".format(*(1e3 * s for s in rounds[-1])))
        ratio = statistics.median(a / b for a, b, _ in rounds)
        bound = statistics.median(b / c for _, b, c in rounds)
        print(f"ratio {ratio:.0f}; {bound:.1f} times the bound")
        many = np.tile(rows, 4)
        print(f"waiting for batches: {waiting(source, many, arguments.step):.2%} of {arguments.step:g} s steps")
        sizes = [len(rows) * k for k in (1, 4, 16)]
        seconds = [min(ours(source, np.resize(rows, n), i) * n for i in range(5)) for n in sizes]
        power = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        print(", ".join(f"{n:,}: {s:.2f} s" for n, s in zip(sizes, seconds, strict=True)) + f"; power {power:.2f}")
    for records in (20_000, arguments.large):
        command = [sys.executable, __file__, "--memory", str(records), "20000"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peak, indices = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{records:,} recordings: {peak:.0f} MiB, of which gains, lengths and places of all recordings {indices:.0f}"
        )


if __name__ == "__main__":
    main()
