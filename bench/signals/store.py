"""The signal store: a dataset read once from its publisher's files, then memory-mapped.

``prepare`` makes it; ``SignalStore`` reads it. :mod:`bench.signals.store_writer` describes the files,
:mod:`bench.signals.quality` what becomes of invalid samples and flat leads.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import BenchError, DataError
from bench.signals.leads import LEADS
from bench.signals.median_beat import SECONDS as BEAT_SECONDS
from bench.signals.quality import repair
from bench.signals.resample import resample
from bench.signals.store_writer import (
    BEATS_PER_MV,
    NO_BEAT,
    SCHEMA,
    LeftOut,
    StoredRecording,
    StoreWriter,
    recording_digest,
    stored,
)

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 16
"""Recordings a worker reads at a time: 2 MB of 10 s at 500 Hz, a few milliseconds of work."""

AHEAD = 4
"""Chunks read, or being read, for each worker while earlier ones are written."""

OnBadRecord = Literal["error", "skip"]


class SignalStore:
    """The prepared recordings of one dataset: int16 on disk, float32 mV out, twelve leads in ``LEADS`` order.

    Attributes:
        path: its folder.
        manifest: what it holds and where that came from.
        fs: Hz.
        lengths: int64 [record], samples in each recording.
        digest: identifies signals and metadata together; ``signals_digest`` the signals alone.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]):
        self.path, self.manifest = path, manifest
        self.fs: float = manifest["fs"]
        self.digest: str = manifest["digest"]
        self.signals_digest: str = manifest["signals_digest"]
        try:
            self._signals = np.load(path / "signals.npy", mmap_mode="r")
            self._gains = np.load(path / "gains.npy")
            self._offsets = np.load(path / "offsets.npy") if manifest["ragged"] else None
            beats = path / "beats.npy"
            self._beats = np.load(beats, mmap_mode="r") if beats.is_file() else None
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"the store {path} is damaged ({error}). Delete it and prepare it again.") from error
        if self._offsets is None:
            self.lengths = np.full(len(self._gains), self._signals.shape[2], np.int64)
        else:
            self.lengths = np.diff(self._offsets)

    @classmethod
    def open(cls, path: Path) -> SignalStore:
        """Open a prepared store.

        Raises:
            DataError: there is none at ``path``, it is damaged, or another version of bench wrote it.
        """
        path = Path(path)
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path} holds no prepared store. Make it with: bench data prepare DATASET") from error
        except ValueError as error:
            raise DataError(f"{path / 'manifest.json'} is damaged. Delete {path} and prepare it again.") from error
        if manifest.get("schema") != SCHEMA:
            raise DataError(
                f"the store {path} has layout {manifest.get('schema')}, this bench reads {SCHEMA}. Delete it "
                f"and prepare it again."
            )
        return cls(path, manifest)

    def __len__(self) -> int:
        return len(self._gains)

    @property
    def uniform_length(self) -> int | None:
        """Samples in every recording, or None where lengths differ."""
        return None if self._offsets is not None else int(self._signals.shape[2])

    @functools.cached_property
    def records(self) -> pd.DataFrame:
        """The dataset's metadata, one row a stored recording, in order; index ``record_id``."""
        import pandas as pd

        return pd.read_parquet(self.path / "records.parquet")

    def rows(self, record_ids: Sequence[str] | np.ndarray) -> Int64[np.ndarray, " id"]:
        """Where recordings lie in the store.

        Raises:
            DataError: some are not there.
        """
        import pandas as pd

        rows = self.records.index.get_indexer(pd.Index(np.asarray(record_ids, dtype=object)))
        if (rows < 0).any():
            absent = np.asarray(record_ids)[rows < 0]
            raise DataError(
                f"{len(absent)} recordings are not in the store {self.path} ({', '.join(map(str, absent[:3]))}); "
                f"it holds {len(self)} of {self.manifest.get('dataset', 'a dataset')}."
            )
        return rows.astype(np.int64)

    def read(
        self, rows: np.ndarray, start: int | np.ndarray | None = None, length: int | None = None
    ) -> Float32[np.ndarray, "row lead time"]:
        """Signals in mV.

        Args:
            rows: int [row].
            start: first sample, one for all or one a row; 0 if None.
            length: samples; if None, up to the end of the longest of these recordings.

        Returns:
            what lies beyond the end of a recording is zero.
        """
        rows = np.asarray(rows, np.int64)
        starts = np.broadcast_to(np.asarray(0 if start is None else start, np.int64), len(rows))
        if length is None:
            length = int((self.lengths[rows] - starts).max(initial=0))
        if self._offsets is None and len(rows) and (starts == starts[0]).all():
            first = int(starts[0])
            block = self._signals[rows, :, first : first + length]
            missing = length - block.shape[2]
            found = np.divide(block, self._gains[rows, :, None], dtype=np.float32)
            return np.pad(found, ((0, 0), (0, 0), (0, missing))) if missing else found
        result = np.zeros((len(rows), len(LEADS), length), np.float32)
        for i, (row, first) in enumerate(zip(rows.tolist(), starts.tolist(), strict=True)):
            block = self._block(row)[:, first : first + length]
            np.divide(block, self._gains[row, :, None], out=result[i, :, : block.shape[1]], dtype=np.float32)
        return result

    @functools.cached_property
    def samples(
        self,
    ) -> tuple[Shaped[np.ndarray, " sample"], Int64[np.ndarray, " record"], Float32[np.ndarray, "record lead"]]:
        """All stored samples one after another, where each recording begins among them, and gains in units per mV."""
        first = np.cumsum(self.lengths) - self.lengths if self._offsets is None else self._offsets[:-1]
        return self._signals.reshape(-1), first * len(LEADS), self._gains

    def recorder_beats(self, rows: np.ndarray) -> Float32[np.ndarray, "row lead beat"] | None:
        """The median beats that the recorder computed, in mV at the store's rate; NaN for a record without one.

        None if the dataset has no such beats.
        """
        if self._beats is None:
            return None
        found = np.asarray(self._beats[np.asarray(rows, np.int64)])
        none = (found == NO_BEAT).all(axis=(1, 2), keepdims=True)
        return np.where(none, np.float32(np.nan), found / np.float32(BEATS_PER_MV))

    def beats_used(self, rows: np.ndarray, leads: Sequence[str], filters: Sequence[str], whole: bool) -> dict[str, int]:
        """Whose median beats a method that asks for them gets, and for how many of ``rows``.

        Args:
            whole: whether whole recordings are asked about, rather than windows of them.
        """
        rows, published = np.unique(rows), 0
        if whole and tuple(leads) == LEADS and not filters and self._beats is not None:
            published = int((self._beats[rows, 0, 0] != NO_BEAT).sum())
        found = {self.manifest.get("median_beats_by", "the recorder"): published, "bench": len(rows) - published}
        return {who: n for who, n in found.items() if n}

    def _stored_beat(self, row: int) -> np.ndarray | None:
        if self._beats is None or (self._beats[row] == NO_BEAT).all():
            return None
        return np.asarray(self._beats[row])

    def _block(self, row: int) -> np.ndarray:
        if self._offsets is None:
            return self._signals[row]
        first, last = self._offsets[row] * len(LEADS), self._offsets[row + 1] * len(LEADS)
        return self._signals[first:last].reshape(len(LEADS), -1)

    @functools.cached_property
    def recording_digests(self) -> np.ndarray:
        """uint8 [record, 16], as they were when the store was made."""
        return np.load(self.path / "digests.npy")

    def altered(self) -> list[str]:
        """Ids of the recordings whose stored samples or gains are no longer those that were written."""
        return [
            str(self.records.index[row])
            for row in range(len(self))
            if recording_digest(self._block(row), self._gains[row], self._stored_beat(row))
            != self.recording_digests[row].tobytes()
        ]

    def matches(self, dataset: Dataset) -> bool:
        """Whether the dataset's index files and reader are still those this store was made from. Reads no signal."""
        return self.manifest.get("source") == _source(dataset)


def _source(dataset: Dataset) -> dict[str, Any]:
    check = hashlib.blake2b(digest_size=16)
    for path in dataset.index_files():
        with open(path, "rb") as file:
            check.update(hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest())
    facts = {
        "dataset": dataset.name,
        "format_version": dataset.format_version,
        "schema": SCHEMA,
        "index_files": check.hexdigest(),
    }
    if dataset.has_recorder_beats:  # a publication of median beats may come to a folder that was prepared before
        facts["median_beats"] = dataset.median_beats_by
    return facts


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
    from filelock import FileLock

    destination = Path(destination)
    dataset.check()
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        turn = FileLock(destination.parent / f".{destination.name}.lock").acquire()
    except OSError as error:
        raise DataError(
            f"{destination} cannot be written: {error.strerror or error}. Name another place with --workspace FOLDER."
        ) from error
    with turn:
        source = _source(dataset)
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
    records = dataset.records()
    if not records.index.is_unique:
        twice = records.index[records.index.duplicated()][0]
        raise DataError(f"{dataset.root}: record {twice} is listed twice; each id must be listed once. {dataset.fetch}")
    files = dataset.files(records, rate)
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
