"""Status of datasets on this machine: their folders, and whether files and stores are unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import registry
from bench.data.source import DataSource
from bench.dataset import Dataset
from bench.errors import BenchError, DataError
from bench.progress import counted
from bench.signals.build_store import read_chunks, store_rate
from bench.signals.store import SignalStore
from bench.signals.store_writer import LeftOut


@dataclass
class FilesReport:
    """What reading every file of a dataset found."""

    n_records: int
    n_read: int = 0
    problems: list[str] = field(default_factory=list)
    store: str = "none yet"
    store_damaged: bool = False


def verify(dataset: Dataset, store_path: Path, workers: int, progress: Callable[..., None]) -> FilesReport:
    """Read every file; where there is a store, hold each recording's digest and the store's own bytes against it."""
    dataset.findings.clear()
    files = dataset.findings.marked(dataset.files(dataset.records()))
    report = FilesReport(len(files))
    known: dict[str, bytes] = {}
    store = None
    if store_path.is_dir():
        try:
            store = SignalStore.open(store_path)
        except DataError as error:
            report.store, report.store_damaged = f"{error}; the next run or bench data prepare writes it again", True
    if store is not None:
        ids = [str(i) for i in store.records.index]
        known = {i: digest.tobytes() for i, digest in zip(ids, store.recording_digests, strict=True)}
        altered = store.altered()
        report.store_damaged = bool(altered)
        report.store = (
            f"{counted(len(altered), 'recording')} altered since prepare: {', '.join(altered[:5])}"
            if altered
            else "intact"
        )
    keep = store is not None and store.manifest["on_bad_record"] == "keep"
    rate = store.fs if store is not None else store_rate(dataset, files)
    for first, chunk in read_chunks(dataset, files, 0, rate, workers, keep):
        for outcome in chunk:
            record_id = files[outcome.row].record_id
            if isinstance(outcome, LeftOut):
                report.problems.append(outcome.reason)
            elif record_id in known and known[record_id] != outcome.digest:
                report.problems.append(f"{files[outcome.row].path}: the signal has changed since it was prepared.")
            else:
                report.n_read += 1
        progress(first + len(chunk), len(files))
    return report


def data_status(source: DataSource) -> list[dict[str, Any]]:
    """One row per dataset: prepared, records, hours, bytes of the store, version, texts, and where it is."""
    rows = []
    for name in registry.entries(registry.DATASETS):
        row: dict[str, Any] = dict.fromkeys(
            ("dataset", "prepared", "records", "hours", "bytes", "version", "texts", "found")
        )
        row["dataset"] = name
        try:
            cls = registry.load(registry.DATASETS, name)
            row["texts"] = ", ".join(cls.text_sources) or None
            if source.kind == "real":
                if not source.has(name):
                    how = (
                        f"bench data download {name}" if cls.publication and cls.access == "open" else f"see {cls.url}"
                    )
                    row["found"] = f"not here; {how}"
                else:
                    _describe(row, source, source.dataset(name))
            else:
                root = source.simulated_root(name)
                row["found"] = "simulated when first used"
                if root.is_dir():
                    _describe(row, source, cls(root))
        except BenchError as error:
            row["found"] = f"error: {error}"
        rows.append(row)
    return rows


def _describe(row: dict[str, Any], source: DataSource, dataset: Dataset) -> None:
    row["found"] = str(dataset.root)
    row["version"] = dataset.version()
    path = source.store_path(dataset)
    if not path.is_dir():
        row["prepared"] = "no"
        return
    try:
        store = SignalStore.open(path)
    except DataError:
        row["prepared"] = "damaged"
        return
    row["prepared"] = "yes" if store.matches(dataset) else "stale"
    row["records"] = len(store)
    row["hours"] = round(float(store.lengths.sum()) / store.fs / 3600, 1)
    row["bytes"] = sum(file.stat().st_size for file in path.iterdir())
