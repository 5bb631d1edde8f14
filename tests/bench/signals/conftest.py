"""Hand-written WFDB files, and a dataset that reads a folder of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import DataError
from bench.signals.leads import LEADS
from bench.signals.wfdb_files import read_recording


def _samples(seed: int = 0, time: int = 400, leads: int = 12) -> np.ndarray:
    """int16 [time, lead]: a wave that differs from lead to lead, so that no mix-up goes unseen."""
    rng = np.random.default_rng(seed)
    phase = np.arange(time)[:, None] / 25 + np.arange(leads)
    return np.rint(300 * np.sin(phase) + 40 * np.arange(leads) + rng.normal(0, 5, (time, leads))).astype(np.int16)


def _write_record(
    folder: Path,
    name: str,
    samples: np.ndarray | None = None,
    leads: tuple[str, ...] = LEADS,
    gain: str = "1000(0)/mV",
    fs: str = "500",
    layout: str = "16",
    edit: Callable[[list[str]], list[str]] = lambda lines: lines,
) -> Path:
    samples = _samples(time=400, leads=len(leads)) if samples is None else samples
    folder.mkdir(parents=True, exist_ok=True)
    offset = int(layout.partition("+")[2] or 0)
    file = f"{name}.mat" if offset else f"{name}.dat"
    (folder / file).write_bytes((b"\x1e\0\0\0" + bytes(20) if offset else b"") + samples.astype("<i2").tobytes())
    sums = samples.astype(np.int64).sum(axis=0) % 65536
    lines = [f"{name} {len(leads)} {fs} {len(samples)}"]
    lines += [f"{file} {layout} {gain} 16 0 {samples[0, i]} {sums[i]} 0 {lead}" for i, lead in enumerate(leads)]
    lines += ["#Dx: 426783006"]
    (folder / f"{name}.hea").write_text("\n".join(edit(lines)) + "\n")
    return folder / name


class FolderDataset(Dataset):
    """All records of a folder, in the order of their names."""

    name = "folder"
    title = "A folder"
    url = "https://example.org"
    fetch = "Copy the folder again."
    reads = 0

    def check(self) -> None:
        if not self.root.is_dir():
            raise DataError(f"{self.root} is missing.")

    def index_files(self) -> list[Path]:
        return [path for path in [self.root / "index.csv"] if path.exists()]

    def version(self) -> str:
        return "1"

    def records(self) -> pd.DataFrame:
        names = sorted(path.stem for path in self.root.glob("*.hea"))
        labels = [["NORM"] if i % 2 else ["MI", "CD"] for i in range(len(names))]
        return pd.DataFrame(
            {"patient_id": names, "labels": labels, "age": 50.0}, index=pd.Index(names, name="record_id")
        )

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return [RecordFile(name, self.root / name) for name in records.index]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        FolderDataset.reads += 1
        return read_recording(file.path)


@pytest.fixture
def samples() -> Callable[..., np.ndarray]:
    return _samples


@pytest.fixture
def write_record() -> Callable[..., Path]:
    return _write_record


@pytest.fixture
def folder_dataset(tmp_path: Path) -> Callable[..., FolderDataset]:
    """``folder_dataset(40)``: a dataset of 40 small recordings; ``times`` gives each its own length."""

    def make(n_records: int, times: list[int] | None = None, **options: str) -> FolderDataset:
        root = tmp_path / "source"
        for i in range(n_records):
            time = times[i] if times else 400
            _write_record(root, f"r{i:04d}", _samples(seed=i, time=time), **options)
        FolderDataset.reads = 0
        return FolderDataset(root)

    return make
