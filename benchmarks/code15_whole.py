"""Prepare all 345,779 recordings of CODE-15 % at flat memory: files of the published sizes, made from few simulated tracings.

    python benchmarks/code15_whole.py FOLDER [--records 345779] [--tracings 2000] [--compare 2000]

``FOLDER`` needs 40 GB and is emptied at the end. The eighteen parts have the published number of rows and separate exam
numbers; their tracings are one HDF5 data set of 20,001 rows, to which the parts link, so that 4 GB are written instead of
66 GB. Planning, reading, quantising, digests and the store are as with the publisher's files; only the disk reads less.
One process reads and writes. ``anonymous`` is memory that no file backs.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from sparse_store import anonymous_memory

RECORDS, PATIENTS, PER_PART = 345_779, 233_770, 20_000
"""Rows of a part are one more: the last one is exam 0, all zeros."""


def write_parts(root: Path, records: int, tracings: int) -> None:
    """A data root of ``records`` exams, under numbers in another order than in their parts."""
    import h5py

    from tasks.datasets.code15 import CODE15

    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        small = Path(folder) / "code15"
        CODE15.simulate(small, tracings, 0)
        heading, *lines = (small / "exams.csv").read_text(encoding="ascii").splitlines()
        base = np.concatenate([_signals(part) for part in sorted(small.glob("*.hdf5"))])
    shared = root.parent / "tracings.hdf5"
    with h5py.File(shared, "w") as file:
        rows = file.create_dataset("tracings", (PER_PART + 1, 4096, 12), np.float32)
        for first in range(0, PER_PART, len(base)):
            rows[first : min(first + len(base), PER_PART)] = base[: PER_PART - first]
    rng = np.random.default_rng(0)
    numbers = rng.permutation(np.arange(1, records + 1)) * 3
    root.mkdir()
    for part, first in enumerate(range(0, records, PER_PART)):
        ids = numbers[first : first + PER_PART]
        with h5py.File(root / f"exams_part{part}.hdf5", "w") as file:
            file["exam_id"] = np.append(ids, np.zeros(PER_PART + 1 - len(ids), np.int64))
            file["tracings"] = h5py.ExternalLink(f"../{shared.name}", "tracings")
    columns = heading.split(",")
    places = [columns.index(name) for name in ("exam_id", "patient_id", "nn_predicted_age", "trace_file")]
    fields = [line.split(",") for line in lines]
    with open(root / "exams.csv", "w", encoding="ascii") as file:
        file.write(heading + "\n")
        for k in rng.permutation(records).tolist():
            row = list(fields[k % len(fields)])
            values = (numbers[k], k * PATIENTS // RECORDS, f"{20 + 60 * k / records:.6f}")
            for place, value in zip(places, (*values, f"exams_part{k // PER_PART}.hdf5"), strict=True):
                row[place] = str(value)
            file.write(",".join(row) + "\n")


def _signals(part: Path) -> np.ndarray:
    import h5py

    with h5py.File(part) as file:
        return file["tracings"][:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--tracings", type=int, default=2000, help="different simulated tracings")
    parser.add_argument("--compare", type=int, default=2000, help="stored recordings to compare with their rows")
    options = parser.parse_args()
    if shutil.disk_usage(options.folder).free < 4.2e9 + options.records * 99e3:
        raise SystemExit(f"{options.folder} has too little space: expected 4.2 GB and 99 kB per record")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _measure(Path(folder), options)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    from bench.signals.build_store import prepare
    from tasks.datasets.code15 import CODE15

    write_parts(folder / "code15", options.records, options.tracings)
    dataset, peak, over = CODE15(folder / "code15"), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], anonymous_memory())

    threading.Thread(target=watch, daemon=True).start()
    started, shown = time.perf_counter(), [0]

    def progress(done: int, n: int) -> None:
        if done >= shown[0]:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(
                f"{done:>9,} of {n:,}: {time.perf_counter() - started:7.0f} s, cpu {used.ru_utime + used.ru_stime:7.0f} s, "
                f"anonymous {anonymous_memory():5.0f} MiB, peak since the last line {peak[0]:5.0f} MiB",
                flush=True,
            )
            peak[0], shown[0] = 0.0, shown[0] + n // 20

    store = prepare(dataset, folder / "store", progress=progress)
    over.set()
    size = (store.path / "signals.npy").stat().st_size / 1e9
    print(f"{len(store):,} recordings, {size:.1f} GB", flush=True)
    records = dataset.records()
    if store.records.index.tolist() != records.index.tolist() or not records.index.is_unique:
        raise SystemExit("the store lists other records than the table")
    rows = np.sort(np.random.default_rng(1).choice(len(store), min(options.compare, len(store)), replace=False))
    largest = 0.0
    for row, file in zip(rows, dataset.files(records.iloc[rows]), strict=True):
        wanted, got = dataset.read(file).signal, store.read(np.array([row]))[0]
        largest = max(largest, float(np.abs(got[:, : wanted.shape[1]] - wanted).max() / np.abs(wanted).max()))
    print(f"{len(rows):,} of them differ from their rows by at most {largest:.1e} of the largest deflection")


if __name__ == "__main__":
    main()
