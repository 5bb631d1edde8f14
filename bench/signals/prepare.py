"""The signal store, made: a dataset read once from its publisher's files.

:mod:`bench.signals.store` reads it, :mod:`bench.signals.store_writer` writes and describes the files,
:mod:`bench.signals.quality` tells what becomes of invalid samples and flat leads.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.artifacts import locked
from bench.dataset import UNUSABLE, Dataset, RecordFile, Recording
from bench.errors import BenchError, DataError
from bench.signals.leads import LEADS
from bench.signals.median_beat import SECONDS as BEAT_SECONDS
from bench.signals.quality import repair
from bench.signals.resample import resample
from bench.signals.store import SignalStore, source_of
from bench.signals.store_writer import (
    LeftOut,
    StoredRecording,
    StoreWriter,
    stored,
)

if TYPE_CHECKING:
    pass

CHUNK = 16
"""Recordings a worker reads at a time: 2 MB of 10 s at 500 Hz, a few milliseconds of work."""

AHEAD = 4
"""Chunks read, or being read, for each worker while earlier ones are written."""

OnBadRecord = Literal["error", "skip"]


def prepare(
    dataset: Dataset,
    destination: Path,
    *,
    rate: int | None = None,
    workers: int = 1,
    on_bad_record: OnBadRecord = "error",
    progress: Callable[[int, int], None] | None = None,
) -> SignalStore:
    """Read all recordings of a dataset into a store, or open the one that is there if its source has not changed.

    An interrupted prepare, killed or out of disk, continues where it was; nothing is visible at ``destination`` before
    it is complete. Two processes that prepare the same destination take turns, and the second finds it done.

    Args:
        destination: the store's folder.
        rate: Hz of the store; recordings at other rates are resampled. Default: the best rate at hand, as published.
        workers: processes that read.
        on_bad_record: ``error`` stops at the first recording that cannot be read; ``skip`` leaves those, and dead ones,
            out and lists them in the manifest.
        progress: called with (recordings done, recordings in all) after every chunk.

    Raises:
        DataError: bad input (nothing is left behind), or a place that cannot be written to.
    """
    destination = Path(destination)
    dataset.check()
    with locked(destination.parent / f".{destination.name}.lock"):
        source = source_of(dataset)
        if destination.is_dir() and (store := _current(destination, source, on_bad_record)):
            return store
        return _prepare(dataset, destination, source, rate, workers, on_bad_record, progress)


def _current(path: Path, source: dict[str, Any], on_bad_record: OnBadRecord) -> SignalStore | None:
    try:
        store = SignalStore.open(path)
    except DataError:
        return None
    same = (store.manifest.get("source"), store.manifest.get("on_bad_record")) == (source, on_bad_record)
    return store if same else None


def _prepare(
    dataset: Dataset,
    destination: Path,
    source: dict[str, Any],
    rate: int | None,
    workers: int,
    on_bad_record: OnBadRecord,
    progress: Callable[[int, int], None] | None,
) -> SignalStore:
    dataset.findings.clear()
    records = dataset.records()
    if not records.index.is_unique:
        twice = records.index[records.index.duplicated()][0]
        raise DataError(f"{dataset.root}: record {twice} is listed twice; each id must be listed once. {dataset.fetch}")
    files = dataset.findings.marked(dataset.files(records, rate))
    fs = float(rate) if rate is not None else first_rate(dataset, files, on_bad_record)
    plan = {"source": source, "fs": fs, "on_bad_record": on_bad_record, "files": _files_digest(files)}
    writer = StoreWriter(destination, plan, round(BEAT_SECONDS * fs) if dataset.has_recorder_beats else 0)
    if progress is not None:
        progress(writer.done, len(files))
    try:
        for first, chunk in read_chunks(dataset, files, writer.done, fs, workers, on_bad_record == "skip"):
            for recording in chunk:
                if isinstance(recording, LeftOut) and on_bad_record == "error":
                    raise DataError(_bad_record(dataset, files[recording.row], recording.reason))
            writer.append(chunk, [f.record_id for f in files[first : first + len(chunk)]])
            if progress is not None:
                progress(writer.done, len(files))
        manifest = {
            "dataset": dataset.name,
            "version": dataset.version(),
            "root": str(dataset.root),
            "fs": fs,
            "n_source_records": len(files),
            "on_bad_record": on_bad_record,
            "source": source,
        }
        if dataset.findings.remarks:
            manifest["remarks"] = [asdict(remark) for remark in dataset.findings.remarks]
        if dataset.has_recorder_beats:
            manifest["median_beats_by"] = dataset.median_beats_by
        writer.finish(manifest, records)
    except DataError as error:
        if not isinstance(error.__cause__, OSError):  # bad input: there is nothing to go on from
            writer.discard()
        raise
    return SignalStore.open(destination)


def _bad_record(dataset: Dataset, file: RecordFile, reason: str) -> str:
    return f"{dataset.name} record {file.record_id}: {reason} {dataset.fetch}".strip()


def _files_digest(files: Sequence[RecordFile]) -> str:
    check = hashlib.blake2b(digest_size=16)
    for file in files:
        check.update(f"{file.record_id}\0{file.path}\n".encode())
    return check.hexdigest()


def first_rate(dataset: Dataset, files: Sequence[RecordFile], on_bad_record: OnBadRecord) -> float:
    """The rate of the first recording that can be read, at which all of the store then is."""
    for file in files:
        try:
            return float(dataset.read(file).fs)
        except DataError as error:
            if on_bad_record == "error":
                raise DataError(_bad_record(dataset, file, str(error))) from error
    raise DataError(f"{dataset.root}: none of its {len(files)} recordings can be read. {dataset.fetch}")


def read_chunks(
    dataset: Dataset, files: Sequence[RecordFile], done: int, fs: float, workers: int, skip_dead: bool
) -> Iterator[tuple[int, list[StoredRecording | LeftOut]]]:
    """(first row, recordings) chunk by chunk, in order. At most ``AHEAD`` chunks a worker are in memory."""
    starts = range(done, len(files), CHUNK)
    workers = min(workers, len(starts))
    if workers <= 1:
        for first in starts:
            yield first, _read_chunk(dataset.read, files[first : first + CHUNK], first, fs, skip_dead)
        return
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    # joblib.Parallel reads on without bound while its results wait, or waits for all of a batch: neither will do.
    pool = get_reusable_executor(max_workers=workers)
    waiting: deque[tuple[int, Any]] = deque()
    try:
        for first in starts:
            chunk = files[first : first + CHUNK]
            waiting.append((first, pool.submit(_read_chunk, dataset.read, chunk, first, fs, skip_dead)))
            if len(waiting) >= AHEAD * workers:
                first, reading = waiting.popleft()
                yield first, reading.result()
        while waiting:
            first, reading = waiting.popleft()
            yield first, reading.result()
    except BrokenProcessPool as error:
        raise BenchError(
            f"a process that read {dataset.name} ended before its work was done, perhaps for want of memory. Run the "
            f"same command again, with fewer workers: it continues where it was."
        ) from error
    finally:
        for _, reading in waiting:
            reading.cancel()


def _read_chunk(
    read: Callable[[RecordFile], Recording], files: Sequence[RecordFile], first: int, fs: float, skip_dead: bool
) -> list[StoredRecording | LeftOut]:
    return [_read_one(read, file, first + i, fs, skip_dead) for i, file in enumerate(files)]


def _read_one(
    read: Callable[[RecordFile], Recording], file: RecordFile, row: int, fs: float, skip_dead: bool
) -> StoredRecording | LeftOut:
    try:
        if reason := file.facts.get(UNUSABLE):
            raise DataError(reason)
        recording = read(file)
        _check(recording, file)
    except BenchError as error:  # handed back as text: whether to stop is the parent's decision
        return LeftOut(row, str(error))
    signal, quality = repair(recording.signal, recording.fs)
    if quality.dead and skip_dead:
        return LeftOut(row, f"{file.path}: no lead holds a signal that varies.", quality)
    gain = recording.gain
    if recording.fs != fs:
        in_mv = signal if gain is None else signal / np.asarray(gain)[:, None]
        signal, gain = resample(in_mv.astype(np.float64), recording.fs, fs), None
    beat = _beat_of(recording, fs)
    return stored(row, signal, None if gain is None else np.asarray(gain), quality, beat)


def _beat_of(recording: Recording, fs: float) -> np.ndarray | None:
    """The recorder's median beat at ``fs``, ``BEAT_SECONDS`` long: cut at its end, or zeros put there."""
    beat = recording.median_beat
    if beat is None or not np.isfinite(beat).all():
        return None
    beat = resample(np.asarray(beat, np.float64), recording.fs, fs)
    length = round(BEAT_SECONDS * fs)
    return np.pad(beat[:, :length], ((0, 0), (0, max(0, length - beat.shape[1]))))


def _check(recording: Recording, file: RecordFile) -> None:
    shape = recording.signal.shape
    if len(shape) != 2 or shape[0] != len(LEADS) or not shape[1]:
        raise DataError(f"{file.path}: the reader gave a signal of shape {shape}; expected [12, time] with samples.")
    if not recording.fs > 0:
        raise DataError(f"{file.path}: the sampling rate is {recording.fs}; expected a number of Hz above 0.")
