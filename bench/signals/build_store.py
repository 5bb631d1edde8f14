"""Build a signal store: read a dataset once from its publisher's files.

:mod:`bench.signals.store` reads it, :mod:`bench.signals.store_writer` writes and describes the files,
:mod:`bench.signals.quality` tells what becomes of invalid samples and flat leads.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.dataset import UNUSABLE, Dataset, OnBadRecord, RecordFile, Recording
from bench.errors import BenchError, DataError, short_repr, unforeseen
from bench.processes.parent_watch import end_with_parent
from bench.signals.bounds import CHOICE, HINT, Bounds
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
    without,
)
from bench.storage.artifacts import get_or_make

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 16
"""Recordings a worker reads at a time: 2 MB of 10 s at 500 Hz, a few milliseconds of work."""

WORTH_SECONDS = 3.0
"""Seconds of reading for which it pays to start a process, which imports NumPy and the reader first."""

AHEAD = 4
"""Chunks read, or being read, for each worker while earlier ones are written."""

GIVE_UP = 64
"""Recordings after which a preparation stops if every one raised an exception that its reader does not foresee: a bug."""

SHOWN_UNREAD = 20
"""Unread files that are named; all are counted."""


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
        rate: Hz of the store; recordings at other rates are resampled. Default: the best rate available, as published.
        workers: processes that read, at most: see :func:`read_chunks`.
        on_bad_record: ``error`` stops at the first recording that cannot be read, is dead or is out of the dataset's bounds
            (:mod:`bench.signals.bounds`); ``skip`` leaves those out and lists them in the manifest; ``keep`` stops at one
            that cannot be read, and keeps and lists those that are dead or of another amplitude than an ECG's.
        progress: called with (recordings done, recordings in all) after every chunk.

    Raises:
        DataError: bad input (nothing is left behind), or a place that cannot be written to.
    """
    destination = Path(destination)
    dataset.check()
    if dataset.root.resolve().is_relative_to(destination.resolve()):
        raise DataError(f"{destination} holds the files of {dataset.name}; expected another folder for its store.")
    source = source_of(dataset)
    return get_or_make(
        destination,
        lambda: _current(destination, source, on_bad_record),
        lambda: _prepare(dataset, destination, source, rate, workers, on_bad_record, progress),
    )


def _current(path: Path, source: dict[str, Any], on_bad_record: OnBadRecord) -> SignalStore | None:
    if not path.is_dir():
        return None
    try:
        store = SignalStore.open(path)
    except DataError:
        return None
    same = (store.manifest.get("source"), store.manifest.get("on_bad_record")) == (source, on_bad_record)
    return store if same else None


def _check_records(dataset: Dataset, records: pd.DataFrame) -> None:
    """Refuse a table of records by whose ids or patients recordings could be mixed up."""
    import pandas as pd

    if not isinstance(records, pd.DataFrame) or "patient_id" not in records:
        found = f"columns {', '.join(map(str, records))}" if isinstance(records, pd.DataFrame) else short_repr(records)
        raise DataError(
            f"{dataset.name}: records() gave {found}; expected a DataFrame with the index record_id and a column "
            "patient_id (the record's own id where patients are unknown)."
        )
    if not len(records):
        raise DataError(f"{dataset.root}: its index lists no recording; expected at least one. {dataset.fetch}")
    if not records.index.is_unique:
        twice = records.index[records.index.duplicated()][0]
        raise DataError(f"{dataset.root}: record {twice} is listed twice; each id must be listed once. {dataset.fetch}")
    patients = records["patient_id"]
    for what, ids in (("record_id", records.index.to_series()), ("patient_id", patients)):
        texts = ids.astype(str)
        wrong = ids.isna() | (texts == "") | (texts != texts.str.strip())
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{dataset.root}: {what} {short_repr(ids.iloc[place])} of record {records.index[place]!r} (number "
                f"{place + 1}); expected an id without spaces around it, or one patient counts as two."
            )


def _check_order(dataset: Dataset, records: pd.DataFrame, files: list[RecordFile]) -> None:
    """Refuse files in another order than the records: each recording would get the labels of another."""
    if len(files) != len(records):
        raise DataError(
            f"{dataset.name}: files() gave {len(files):,} files for {len(records):,} records; expected one for each, in the "
            "order of records()."
        )
    for place, (listed, file) in enumerate(zip(records.index, files, strict=True)):
        if str(listed) != file.record_id:
            raise DataError(
                f"{dataset.name}: files() gave record {file.record_id} at place {place + 1}; expected {listed}, in the order "
                "of records()."
            )


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
    try:
        records = dataset.records()
    except BenchError:
        raise
    except Exception as error:  # an index file that is empty, damaged, or in another encoding
        raise DataError(
            f"{dataset.name}: its records cannot be listed: {unforeseen(error)}. {dataset.fetch}"
        ) from error
    _check_records(dataset, records)
    files = dataset.findings.marked(dataset.files(records, rate))
    _check_order(dataset, records, files)
    fs = float(rate) if rate is not None else store_rate(dataset, files)
    plan = {"source": source, "fs": fs, "on_bad_record": on_bad_record, "files": _files_digest(files)}
    writer = StoreWriter(destination, plan, round(BEAT_SECONDS * fs) if dataset.has_recorder_beats else 0)
    if progress is not None:
        progress(writer.done, len(files))
    bug = writer.done == 0  # until a recording is read, or refused for a reason that its reader foresees
    try:
        for first, chunk in read_chunks(dataset, files, writer.done, fs, workers, on_bad_record == "keep"):
            for recording in chunk:
                if isinstance(recording, LeftOut) and on_bad_record != "skip":
                    raise DataError(_bad_record(dataset, files[recording.row], recording.reason))
            writer.append(chunk, [f.record_id for f in files[first : first + len(chunk)]])
            bug = bug and all(isinstance(outcome, LeftOut) and outcome.unforeseen for outcome in chunk)
            if bug and writer.done >= GIVE_UP:
                raise DataError(f"{dataset.name}: the first {writer.done:,} recordings all failed: {writer.reasons()}")
            if progress is not None:
                progress(writer.done, len(files))
        _remark_unread(dataset, files)
        manifest = {
            "dataset": dataset.name,
            "version": dataset.version(),
            "root": str(dataset.root),
            "fs": fs,
            "n_source_records": len(files),
            "on_bad_record": on_bad_record,
            "source": source,
        }
        if dataset.unit != "mV":
            manifest["unit"] = dataset.unit
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


def _remark_unread(dataset: Dataset, files: Sequence[RecordFile]) -> None:
    unread = dataset.unread_files(files)
    if unread:
        names = [os.path.relpath(path, dataset.root) for path in unread[:SHOWN_UNREAD]]
        dataset.findings.remark(
            f"not read, since no record has them: {len(unread):,} signal file{'' if len(unread) == 1 else 's'} in "
            f"{dataset.root}; check whether files were renamed, only partly copied, or are copies in another format",
            names,
        )


def _bad_record(dataset: Dataset, file: RecordFile, reason: str) -> str:
    return f"{dataset.name} record {file.record_id}: {reason} {dataset.fetch}".strip()


def _files_digest(files: Sequence[RecordFile]) -> str:
    check = hashlib.blake2b(digest_size=16)
    for file in files:
        check.update(f"{file.record_id}\0{file.path}\n".encode())
    return check.hexdigest()


def store_rate(dataset: Dataset, files: Sequence[RecordFile]) -> float:
    """The rate of a store if none is asked for: that of all files as the dataset knows it, else its best one. What single
    headers say has no say in it."""
    known = {file.facts.get("rate") for file in files}
    only = known.pop() if len(known) == 1 else None
    return float(only or dataset.rates[0])


def read_chunks(
    dataset: Dataset, files: Sequence[RecordFile], done: int, fs: float, workers: int, keep_doubtful: bool
) -> Iterator[tuple[int, list[StoredRecording | LeftOut]]]:
    """(first row, recordings) chunk by chunk, in order. At most ``AHEAD`` chunks a worker are in memory.

    Reading begins in this process. After two chunks, of which the first also imports what it needs, the rest goes to at
    most ``workers`` processes if there is enough of it: :data:`WORTH_SECONDS` for each.
    """
    starts = deque(range(done, len(files), CHUNK))
    bounds = Bounds.of(dataset)
    processes, seconds = 1, [0.0]
    while starts and processes <= 1:
        first, began = starts.popleft(), time.perf_counter()
        chunk = _read_chunk(dataset.read, files[first : first + CHUNK], first, fs, keep_doubtful, bounds)
        seconds.append(time.perf_counter() - began)
        yield first, chunk
        if len(seconds) > 2:
            left = len(starts) * sum(seconds[2:]) / len(seconds[2:])
            processes = min(workers, len(starts), int(left / WORTH_SECONDS))
    if not starts:
        return
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    # joblib.Parallel reads on without bound while its results wait, or waits for all of a batch: neither will do.
    pool = get_reusable_executor(max_workers=processes, initializer=end_with_parent, initargs=(os.getpid(),))
    waiting: deque[tuple[int, Any]] = deque()
    try:
        for first in starts:
            chunk_files = files[first : first + CHUNK]
            waiting.append(
                (first, pool.submit(_read_chunk, dataset.read, chunk_files, first, fs, keep_doubtful, bounds))
            )
            if len(waiting) >= AHEAD * processes:
                first, reading = waiting.popleft()
                yield first, reading.result()
        while waiting:
            first, reading = waiting.popleft()
            yield first, reading.result()
    except BrokenProcessPool as error:
        raise BenchError(
            f"a process that read {dataset.name} ended before its work was finished, perhaps for lack of memory. Run "
            "the same command again with fewer workers: it continues from there."
        ) from error
    finally:
        for _, reading in waiting:
            reading.cancel()


def _read_chunk(
    read: Callable[[RecordFile], Recording],
    files: Sequence[RecordFile],
    first: int,
    fs: float,
    keep_doubtful: bool,
    bounds: Bounds,
) -> list[StoredRecording | LeftOut]:
    outcomes: list[StoredRecording | LeftOut] = []
    for row, file in enumerate(files, first):
        try:
            outcomes.append(_read_one(read, file, row, fs, keep_doubtful, bounds))
        except BenchError as error:  # handed back as text: whether to stop is the parent's decision
            outcomes.append(LeftOut(row, str(error)))
        except (Exception, SystemExit) as error:  # one file in a million is damaged as no reader foresees
            outcomes.append(LeftOut(row, f"{file.path} cannot be read: {unforeseen(error)}. {HINT}", unforeseen=True))
    return outcomes


def _read_one(
    read: Callable[[RecordFile], Recording], file: RecordFile, row: int, fs: float, keep_doubtful: bool, bounds: Bounds
) -> StoredRecording | LeftOut:
    if reason := file.facts.get(UNUSABLE):
        raise DataError(reason)
    recording = read(file)
    bounds.check(recording, file)
    if unknown := set(recording.absent) - set(LEADS):
        raise DataError(f"{file.path}: absent lead {min(unknown)!r}; expected some of {', '.join(LEADS)}.")
    gain, absent = recording.gain, np.isin(LEADS, recording.absent)
    if absent.any():
        signal = np.zeros_like(recording.signal)
        signal[~absent], quality = repair(recording.signal[~absent], recording.fs)
        quality = replace(quality, absent=int(absent.sum()))
        gain = None if gain is None else np.where(absent, 1000.0, gain)
    else:
        signal, quality = repair(recording.signal, recording.fs)
    doubt = bounds.doubt(signal, gain, file)
    if doubt and not keep_doubtful:
        return LeftOut(row, f"{doubt} {CHOICE}", quality)
    if recording.fs != fs:
        in_mv = signal if gain is None else signal / np.asarray(gain)[:, None]
        signal, gain = resample(in_mv.astype(np.float64), recording.fs, fs), None
    beat = _beat_of(recording, fs)
    outcome = stored(row, signal, None if gain is None else np.asarray(gain), quality, beat, doubt)
    return without(outcome, absent) if absent.any() else outcome


def _beat_of(recording: Recording, fs: float) -> np.ndarray | None:
    """The recorder's median beat at ``fs``, ``BEAT_SECONDS`` long: cut at its end, or zeros put there."""
    beat = recording.median_beat
    if beat is None or not np.isfinite(beat).all():
        return None
    beat = resample(np.asarray(beat, np.float64), recording.fs, fs)
    length = round(BEAT_SECONDS * fs)
    return np.pad(beat[:, :length], ((0, 0), (0, max(0, length - beat.shape[1]))))
