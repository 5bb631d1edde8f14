"""Signal stores of any size that take no disk, for benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.signals.store import SignalStore


class SparseStore(SignalStore):
    """A store of 10 s at 500 Hz whose signals are a file without blocks: read as zeros, 96 GB for 800,000 recordings."""

    def __init__(self, folder: Path, records: int):
        path = folder / f"{records}.bin"
        with open(path, "wb") as file:
            file.truncate(records * 12 * 5000 * 2)
        self.path, self.manifest, self.fs, self.digest, self.signals_digest = path, {}, 500.0, "", ""
        self._signals = np.memmap(path, np.int16, "r", shape=(records, 12, 5000))
        self._gains, self._offsets, self._beats = np.full((records, 12), 1000, np.float32), None, None
        self.lengths = np.full(records, 5000, np.int64)

    def check(self, rows: np.ndarray) -> None:
        """There are no digests to compare with."""


def anonymous_memory() -> float:
    """MiB of memory of this process that no file backs: what remains when the system writes its caches back."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1024
