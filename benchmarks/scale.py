"""The main path at the size of MIMIC-IV-ECG (800,035 recordings): time, memory and cost per stage.

    python benchmarks/scale.py [--records 800035] [--stages prepare,batches] [--threads 2]

Needs no data. Recordings are simulated ones under many ids (prepare, fingerprints) or sparse files that are read as zeros
(batches, features); features and labels are random. Each stage runs in a separate process at three sizes, so that its peak
memory is its own. The stages ``plan`` and ``prepare`` of CSN and CODE-15 % have the size of these publications instead of
``--records``: planning reads as many headers, or rows of a table, cuts folds and makes the targets. ``seconds`` are those of
the clock, ``cpu`` those of all its processes; the fitted power says how the cost grows (1 is linear). ``peak`` is memory that
no file backs (features, labels and stores are mapped files, which the system drops when memory is short).

The last table states hours for ``--records`` recordings: on this machine, from the largest size measured and its power, and
on a node with 64 cores and 8 GPUs by a model. The model divides the processor time of stages that share their work among
processes by 64 times 0.8, and the encoding by 8 times ``GPU_FACTOR``; stages in one process stay as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sparse_store import SparseStore, anonymous_memory

LABELS, DIM, SCORED = 1076, 512, 0.1
GPU_FACTOR = 60
"""How much faster one GPU encodes with a ResNet18 than one of these cores: assumed, not measured."""

CORES, EFFICIENCY, GPUS = 64, 0.8, 8


@dataclass(frozen=True)
class Stage:
    """One stage: what it does at a size, the shares of ``--records`` at which it is measured, and how a node speeds it up."""

    measure: Callable[[int, Path, argparse.Namespace], None]
    shares: tuple[float, float, float]
    node: str
    bound: str
    records: int | None = None  # of the publication; --records if None
    dataset: str = "mimic-iv-ecg"


def prepare(
    n: int, folder: Path, options: argparse.Namespace, workers: int | None = None, name: str = "mimic-iv-ecg"
) -> None:
    from bench.signals.build_store import prepare as build

    build(_repeated(n, options, name), folder / "store", workers=workers or options.threads)


def prepare_csn(n: int, folder: Path, options: argparse.Namespace) -> None:
    prepare(n, folder, options, name="csn")


def prepare_code15(n: int, folder: Path, options: argparse.Namespace) -> None:
    prepare(n, folder, options, name="code15")


def plan_csn(n: int, folder: Path, options: argparse.Namespace) -> None:
    """The headers of a simulated cohort under ``n`` names."""
    import shutil

    headers = sorted((options.cohort / "csn").rglob("JS*.hea"))
    shutil.copy(options.cohort / "csn" / "ConditionNames_SNOMED-CT.csv", folder)
    for k in range(n):
        to = folder / "WFDBRecords" / f"{k // 1000:03d}" / f"JS{k:05d}.hea"
        to.parent.mkdir(parents=True, exist_ok=True)
        header = headers[k % len(headers)]
        to.write_text(header.read_text().replace(header.stem, to.stem))
    _plan("csn", folder)


def plan_code15(n: int, folder: Path, options: argparse.Namespace) -> None:
    """A table of ``n`` exams of as many patients as the published one has in proportion; its parts are empty files."""
    heading, *lines = (options.cohort / "code15" / "exams.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    owner = heading.split(",").index("patient_id")
    with open(folder / "exams.csv", "w", encoding="ascii") as file:
        file.write(heading + "\n")
        for k in range(n):
            row = list(rows[k % len(rows)])
            row[0], row[owner], row[-1] = str(k + 1), str(k * 233_770 // 345_779), f"exams_part{k // 20_001}.hdf5"
            row[heading.split(",").index("nn_predicted_age")] = f"{20 + 60 * k / n:.6f}"
            file.write(",".join(row) + "\n")
    for part in range(n // 20_001 + 1):
        (folder / f"exams_part{part}.hdf5").touch()
    _plan("code15", folder)


def _plan(name: str, folder: Path) -> None:
    """Records, targets and partition of a dataset's task of the same name."""
    from bench import registry
    from bench.splitting.split import load_split

    records = registry.load(registry.DATASETS, name)(folder).records()
    task = registry.load(registry.TASKS, name)()
    load_split(task.split).partition(task.examples(records))


def prepare_in_one_process(n: int, folder: Path, options: argparse.Namespace) -> None:
    prepare(n, folder, options, 1)


def prepare_after_a_kill(n: int, folder: Path, options: argparse.Namespace) -> None:
    """Killed in the middle, then run again; the time is that of both."""
    command = [sys.executable, __file__, "--measure", "prepare", str(n), "--cohort", str(options.cohort)]
    first = subprocess.Popen([*command, "--folder", str(folder)], stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 600
    while first.poll() is None and _written(folder) < n * 12 * 5000 and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    done = _written(folder)
    prepare(n, folder, options)
    print(f"killed when {done / (n * 12 * 5000 * 2):.0%} was written", file=sys.stderr)


def _written(folder: Path) -> int:
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())


def fingerprints(n: int, folder: Path, options: argparse.Namespace) -> None:
    from bench.contamination.fingerprint import CHUNK, Fingerprints, fingerprint

    store = _store(folder, options)
    curves = []
    for first in range(0, n, CHUNK):
        rows = np.arange(first, min(first + CHUNK, n)) % len(store)
        curves += fingerprint(store.read(rows), store.fs)
    Fingerprints.joined(curves)


def contamination(n: int, folder: Path, options: argparse.Namespace) -> None:
    """The test records of all other corpora (20,000) among ``n`` recordings."""
    from bench.contamination.match import find_copies

    find_copies(_prints(20_000, 1), _prints(n, 0))


def batches(n: int, folder: Path, options: argparse.Namespace) -> None:
    for _ in _source(n, folder).shuffled(np.arange(n), 64, (0,)):
        pass


def features(n: int, folder: Path, options: argparse.Namespace) -> None:
    from bench import registry
    from bench.runner.features import encoded_batches, write_features

    method = registry.load(registry.METHODS, "random-resnet")
    model = method(method.Config())
    write_features(folder / "features.npy", encoded_batches(model, _source(n, folder), n), n)


def linear_probe(n: int, folder: Path, options: argparse.Namespace) -> None:
    """One epoch of the mode ``linear``: a tenth of the recordings each for validation and test."""
    from types import SimpleNamespace

    from bench.modes import linear
    from bench.modes.mode_io import ModeInput

    features, targets = _labelled(n, folder)
    scored = int(n * SCORED)
    parts = np.split(np.random.default_rng(0).permutation(n), [scored, 2 * scored])
    linear.run(
        ModeInput(
            method=None, task=SimpleNamespace(kind="multilabel", metric="macro_auroc", classes={}), mode="linear",
            config=linear.Config(epochs=1), source=None, targets=targets, train=parts[2], validation=parts[0],
            test=parts[1], features=lambda: features, seed=0, progress=lambda *_: None,
        )  # type: ignore[arg-type]
    )  # fmt: skip


def board(n: int, folder: Path, options: argparse.Namespace) -> None:
    """The interval of one result: ``n / 10`` test recordings, 1,000 replicates."""
    from bench.scoring.score import score

    rng = np.random.default_rng(0)
    tested = int(n * SCORED)
    targets = (rng.random((tested, LABELS)) < 0.005).astype(np.uint8)
    scores = rng.random((tested, LABELS), dtype=np.float32)
    ids = np.arange(tested).astype(str)
    score("multilabel", targets, scores, [str(k) for k in range(LABELS)], ids, bootstrap=1000)


STAGES = {
    "prepare": Stage(prepare, (1 / 1024, 1 / 256, 1 / 64), "cores", "reading and decompressing files"),
    "prepare, one worker": Stage(prepare_in_one_process, (1 / 1024, 1 / 512, 1 / 256), "cores", "the same"),
    "prepare, killed": Stage(prepare_after_a_kill, (1 / 1024, 1 / 512, 1 / 256), "cores", "the same"),
    "plan csn": Stage(plan_csn, (1 / 16, 1 / 4, 1), "one", "reading headers", 45_152, "csn"),
    "plan code15": Stage(plan_code15, (1 / 16, 1 / 4, 1), "one", "balancing folds", 345_779, "code15"),
    "prepare csn": Stage(prepare_csn, (1 / 64, 1 / 16, 1 / 8), "cores", "reading files", 45_152, "csn"),
    "prepare code15": Stage(prepare_code15, (1 / 512, 1 / 128, 1 / 32), "cores", "reading HDF5", 345_779, "code15"),
    "fingerprints": Stage(fingerprints, (1 / 1024, 1 / 256, 1 / 64), "cores", "filters"),
    "contamination": Stage(contamination, (1 / 64, 1 / 16, 1 / 4), "one", "search in the tree"),
    "batches": Stage(batches, (1 / 64, 1 / 16, 1), "cores", "memory bandwidth"),
    "features": Stage(features, (1 / 4096, 1 / 1024, 1 / 512), "gpus", "the encoder"),
    "linear probe": Stage(linear_probe, (1 / 256, 1 / 64, 1 / 16), "one", "products of the head, 1,076 outputs"),
    "board": Stage(board, (1 / 256, 1 / 64, 1 / 16), "one", "replicates per class"),
}


def _source(n: int, folder: Path):
    from bench.data.batches import BatchSource
    from bench.signals.input_spec import InputSpec
    from bench.signals.windows import SignalView

    return BatchSource(SignalView(SparseStore(folder, n), InputSpec(fs=500, seconds=10, normalise="minmax")))


def _labelled(n: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Random features and sparse labels (five per recording on average), as mapped files."""
    rng = np.random.default_rng(0)
    x = np.memmap(folder / "x", np.float32, "w+", shape=(n, DIM))
    y = np.memmap(folder / "y", np.uint8, "w+", shape=(n, LABELS))
    for first in range(0, n, 8192):
        rows = slice(first, min(first + 8192, n))
        x[rows] = rng.standard_normal((rows.stop - first, DIM), np.float32)
        y[rows] = rng.random((rows.stop - first, LABELS), np.float32) < 5 / LABELS
    return x, y


def _prints(n: int, seed: int):
    """Fingerprints with beats at random times."""
    from bench.contamination.fingerprint import RATE, Fingerprints

    rng = np.random.default_rng(seed)
    length = 10 * RATE
    values = np.empty((n, length), np.uint8)
    time_ = np.arange(length)
    for first in range(0, n, 4096):
        m = min(4096, n - first)
        period = rng.uniform(30, 60, (m, 1))
        phase = (time_ + rng.uniform(0, 60, (m, 1)) + 6 * rng.standard_normal((m, 1)) * np.sin(time_ / 70)) % period
        noise = rng.uniform(0, 30, (m, length))
        values[first : first + m] = np.minimum(255, 220 * np.exp(-(((phase - 15) / 3) ** 2)) + noise)
    return Fingerprints(values.reshape(-1), np.arange(n + 1, dtype=np.int64) * length)


def _dataset(options: argparse.Namespace, name: str = "mimic-iv-ecg"):
    from bench import registry

    return registry.load(registry.DATASETS, name)(options.cohort / name)


def _store(folder: Path, options: argparse.Namespace):
    from bench.signals.build_store import prepare as build

    return build(_dataset(options), folder / "store")


def _repeated(n: int, options: argparse.Namespace, name: str = "mimic-iv-ecg"):
    """The dataset with its recordings under ``n`` ids."""
    import pandas as pd

    from bench.dataset import RecordFile

    base = _dataset(options, name)
    records = base.records()
    files = base.files(records)
    ids = [f"r{k}" for k in range(n)]

    class Repeated(type(base)):
        def records(self) -> pd.DataFrame:
            return records.iloc[np.arange(n) % len(records)].set_axis(pd.Index(ids, name=records.index.name))

        def files(self, records, rate=None) -> list[RecordFile]:
            return [RecordFile(k, files[i % len(files)].path, files[i % len(files)].facts) for i, k in enumerate(ids)]

    return Repeated(base.root)


def measured(name: str, n: int, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run one stage at one size in this process."""
    peak, over = [anonymous_memory()], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], anonymous_memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    STAGES[name].measure(n, folder, options)
    seconds = time.perf_counter() - started
    over.set()
    watcher.join()
    if name.startswith("prepare"):
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"seconds": seconds, "cpu": sum(u.ru_utime + u.ru_stime for u in used), "peak": peak[0]}


def in_a_process(name: str, n: int, options: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--measure", name, str(n), "--folder", folder]
        command += ["--cohort", str(options.cohort), "--threads", str(options.threads)]
        environment = os.environ | {"TMPDIR": folder, "OMP_NUM_THREADS": str(options.threads)}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def hours_on_a_node(stage: Stage, cpu_hours: float, hours: float) -> float:
    if stage.node == "cores":
        return cpu_hours / (CORES * EFFICIENCY)
    return hours / (GPUS * GPU_FACTOR) if stage.node == "gpus" else hours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=800_035)
    parser.add_argument("--stages", default=",".join(STAGES), help="names, separated by commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--largest", action="store_true", help="measure each stage at --records itself; takes hours")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cohort", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure[0], int(options.measure[1]), options.folder, options)))
        return
    chosen = [name for name in STAGES if any(name.startswith(prefix) for prefix in options.stages.split(","))]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.threads} threads", flush=True)
    table = []
    with tempfile.TemporaryDirectory() as folder:
        options.cohort = Path(folder) / "files"
        for dataset in {
            STAGES[name].dataset for name in chosen if name.startswith(("plan", "prepare", "fingerprints"))
        }:
            from bench import registry

            registry.load(registry.DATASETS, dataset).simulate(options.cohort / dataset, 200, 0)
        for name in chosen:
            stage = STAGES[name]
            shares = (*stage.shares[:2], 1.0) if options.largest else stage.shares
            records = stage.records or options.records
            sizes = [max(64, round(share * records)) for share in shares]
            runs = []
            for n in sizes:
                runs.append(in_a_process(name, n, options))
                print(
                    "{:20} {:>9,}: {seconds:8.1f} s, cpu {cpu:8.1f} s, peak {peak:6.0f} MiB".format(
                        name, n, **runs[-1]
                    ),
                    flush=True,
                )
            power = float(np.polyfit(np.log(sizes), np.log([run["cpu"] for run in runs]), 1)[0])
            grown = (records / sizes[-1]) ** max(power, 1.0)
            hours, cpu = (runs[-1][key] * grown / 3600 for key in ("seconds", "cpu"))
            peak = max(run["peak"] for run in runs)
            rate, node = sizes[-1] / runs[-1]["seconds"], hours_on_a_node(stage, cpu, hours)
            table.append(
                f"| {name} | {rate:,.0f} | {power:.2f} | {peak:,.0f} | {hours:.2f} | {node:.3f} | {stage.bound} |"
            )
    print("\n| stage | recordings/s | power | peak MiB | hours here | hours on a node | bound by |")
    print("|---|---:|---:|---:|---:|---:|---|", *table, sep="\n")


if __name__ == "__main__":
    main()
