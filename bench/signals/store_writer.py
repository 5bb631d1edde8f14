"""Write a signal store: recordings are appended to a hidden folder that takes its name when it is complete.

After every chunk one line of a journal says how far the files reach, with a digest of itself and of the chunk's part of the
index. A writer that finds the journal of an interrupted one with the same plan cuts the files back to its last line and
continues from there; another plan, or damage, starts again. Memory holds one chunk for any number of recordings.

Layout of a store::

    signals.npy     int16 [record, lead, time], or [sample] where lengths differ: one [lead, time] block a record
    offsets.npy     int64 [record + 1], only where lengths differ: the sample (per lead) at which each record begins
    gains.npy       float32 [record, lead], units per mV; NaN for a lead that was not recorded, whose samples are 0
    beats.npy       int16 [record, lead, time], only where recorders computed median beats: units of 1 microvolt, all of
                    a record -32768 if it has none
    digests.npy     uint8 [record, 16], BLAKE2b of each record's samples, gains and median beat
    records.parquet the dataset's metadata (not in derived stores)
    manifest.json   what it is, where it came from, what was left out
    artifact.json   SHA-256 of all files but signals.npy and beats.npy, whose recordings have digests in digests.npy
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Int16

from bench.errors import DataError
from bench.progress import say
from bench.signals.leads import LEADS
from bench.signals.quality import Quality
from bench.storage.artifacts import digest, seal, to_disk, write_json

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Version of the layout above. Stores of another version are made again."""

_HEADER_BYTES = 128
_INDEX = np.dtype([("row", "<i8"), ("length", "<i8"), ("gain", "<f4", (len(LEADS),)), ("digest", "u1", (16,))])
_PEAK = 32_000
BEATS_PER_MV = 1000
"""Units of ``beats.npy``: 1 microvolt, a fifth of the finest step that recorders publish."""
NO_BEAT = np.iinfo(np.int16).min


@dataclass(frozen=True)
class StoredRecording:
    """One source file as it goes into the store."""

    row: int
    signal: Int16[np.ndarray, "lead time"]
    gain: Float32[np.ndarray, " lead"]
    digest: bytes
    quality: Quality = field(default_factory=Quality)
    beat: Int16[np.ndarray, "lead beat"] | None = None
    doubt: str = ""  # why it may be no ECG in mV, and was kept all the same


@dataclass(frozen=True)
class LeftOut:
    """One source file that does not go into the store, and why."""

    row: int
    reason: str
    quality: Quality = field(default_factory=Quality)
    unforeseen: bool = False  # an exception that the reader does not raise on purpose


def stored(
    row: int,
    signal: np.ndarray,
    gain: np.ndarray | None,
    quality: Quality | None = None,
    beat: np.ndarray | None = None,
    doubt: str = "",
) -> StoredRecording:
    """A recording as it goes into the store: quantised (:func:`quantise`), with the digest of what is stored.

    ``beat`` is its median beat in mV, or None.
    """
    values, scale = quantise(signal, gain)
    values = np.ascontiguousarray(values)
    if beat is not None:
        beat = np.clip(np.rint(beat * BEATS_PER_MV), -32_767, 32_767).astype("<i2")
    return StoredRecording(row, values, scale, recording_digest(values, scale, beat), quality or Quality(), beat, doubt)


def without(recording: StoredRecording, absent: Bool[np.ndarray, " lead"]) -> StoredRecording:
    """The recording with some leads marked as not recorded."""
    gain = np.where(absent, np.float32(np.nan), recording.gain)
    return replace(recording, gain=gain, digest=recording_digest(recording.signal, gain, recording.beat))


def recording_digest(
    values: Int16[np.ndarray, "lead time"],
    scale: Float32[np.ndarray, " lead"],
    beat: Int16[np.ndarray, "lead beat"] | None = None,
) -> bytes:
    """What identifies one stored recording: its samples and gains, and its median beat if it has one."""
    check = hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16)
    check.update(scale.tobytes())
    if beat is not None:
        check.update(np.ascontiguousarray(beat).data)
    return check.digest()


def quantise(
    signal: np.ndarray, gain: np.ndarray | None
) -> tuple[Int16[np.ndarray, "lead time"], Float32[np.ndarray, " lead"]]:
    """Samples as int16 and units per mV, lead by lead.

    Integers that fit (``gain`` given) are kept as they are. Anything else is scaled so that the largest deflection of
    a lead is 32,000 units: the error is at most 1/64,000 of that deflection, below 0.1 microvolt for an ECG under 6 mV.
    """
    if gain is not None:
        rounded = np.rint(signal) if np.issubdtype(signal.dtype, np.floating) else signal
        if rounded.dtype == np.int16 or np.abs(rounded).max() <= np.iinfo(np.int16).max:
            return rounded.astype("<i2"), gain.astype(np.float32)
        signal = signal / gain[:, None]
    peak = np.abs(signal).max(axis=1)
    scale = np.where(peak > 0, _PEAK / np.where(peak > 0, peak, 1), 1000).astype(np.float32)
    return np.rint(signal * scale[:, None]).astype("<i2"), scale


@contextlib.contextmanager
def _explained(destination: Path) -> Iterator[None]:
    """Turn what the file system refuses into a message; what was written so far stays, to be continued."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{destination} cannot be written: {error.strerror or error}. Free some space or name another place with "
            "--workspace FOLDER, then run the same command again; it continues from there."
        ) from error


class StoreWriter:
    """One store in the making. Use under a lock: two writers of one destination would disturb each other.

    Attributes:
        done: source files dealt with so far, by this writer and any interrupted one before it.
    """

    def __init__(self, destination: Path, plan: dict[str, Any], beat_length: int = 0):
        """Continue the interrupted store of the same plan, or begin.

        Args:
            destination: the folder that will appear when :meth:`finish` ends.
            plan: JSON that determines the content of the store.
            beat_length: samples of the recorders' median beats; 0 if there are none.
        """
        self._beat_length = beat_length
        self.destination = destination
        self.folder = destination.with_name(f".{destination.name}.partial")
        self._plan = digest(plan)
        self._journal = self.folder / "journal.jsonl"
        self.done = self._records = self._samples = 0
        self._lists: dict[str, list] = {"nan": [], "flat": [], "dead": [], "absent": [], "skipped": [], "doubtful": []}
        with _explained(destination):
            if not self._resume():
                self._begin()

    def _begin(self) -> None:
        self.discard()
        self.folder.mkdir(parents=True)
        (self.folder / "signals.npy").write_bytes(bytes(_HEADER_BYTES))
        (self.folder / "index.bin").touch()
        if self._beat_length:
            (self.folder / "beats.npy").write_bytes(bytes(_HEADER_BYTES))
        self._journal.write_text(json.dumps({"plan": self._plan}) + "\n", encoding="utf-8")

    def _resume(self) -> bool:
        if not self._journal.is_file():
            return False
        text = self._journal.read_bytes()
        complete = text[: text.rfind(b"\n") + 1]  # a line that was cut short counts for nothing
        try:
            first, *lines = map(json.loads, complete.decode("utf-8").splitlines())
            if first["plan"] != self._plan:
                return False
            with open(self.folder / "index.bin", "rb") as index:
                for line in lines:
                    part = index.read((line["records"] - self._records) * _INDEX.itemsize)
                    if line.pop("digest") != digest([line, part.hex()]):
                        raise ValueError("a line of the journal or of the index was altered")
                    self.done, self._records, self._samples = line["done"], line["records"], line["samples"]
                    for name, entries in self._lists.items():
                        entries += line[name]
            for name, size in self._sizes().items():
                if (self.folder / name).stat().st_size < size:
                    raise ValueError(f"{name} was cut short")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            say(f"{self.folder}: what an interrupted process wrote is damaged ({error}); it is written again")
            self.done = self._records = self._samples = 0
            self._lists = {name: [] for name in self._lists}
            return False
        for name, size in self._sizes().items():
            os.truncate(self.folder / name, size)
        os.truncate(self._journal, len(complete))
        return True

    def _sizes(self) -> dict[str, int]:
        sizes = {
            "signals.npy": _HEADER_BYTES + self._samples * len(LEADS) * 2,
            "index.bin": self._records * _INDEX.itemsize,
        }
        if self._beat_length:
            sizes["beats.npy"] = _HEADER_BYTES + self._records * len(LEADS) * self._beat_length * 2
        return sizes

    def append(self, recordings: Sequence[StoredRecording | LeftOut], record_ids: Sequence[str]) -> None:
        """Add one chunk.

        Args:
            recordings: what became of the next source files, in order.
            record_ids: their ids, for the lists in the manifest.
        """
        chosen = [recording for recording in recordings if isinstance(recording, StoredRecording)]
        index = np.zeros(len(chosen), _INDEX)
        named: dict[str, list] = {name: [] for name in self._lists}
        for entry, recording in zip(index, chosen, strict=True):
            entry["row"], entry["length"], entry["gain"] = recording.row, recording.signal.shape[1], recording.gain
            entry["digest"] = np.frombuffer(recording.digest, np.uint8)
        for outcome, record_id in zip(recordings, record_ids, strict=True):
            quality = outcome.quality
            problems = {
                "nan": quality.n_invalid,
                "flat": quality.flat_leads,
                "dead": quality.dead,
                "absent": quality.absent,
            }
            if isinstance(outcome, LeftOut):
                named["skipped"].append({"record_id": record_id, "reason": outcome.reason})
            elif outcome.doubt:
                named["doubtful"].append({"record_id": record_id, "reason": outcome.doubt})
            for name in problems:
                if problems[name]:
                    named[name].append(record_id)
        with _explained(self.destination):
            with open(self.folder / "signals.npy", "ab") as file:
                for recording in chosen:
                    file.write(recording.signal.data)
            with open(self.folder / "index.bin", "ab") as file:
                file.write(index.tobytes())
            if self._beat_length:
                none = np.full((len(LEADS), self._beat_length), NO_BEAT, "<i2")
                with open(self.folder / "beats.npy", "ab") as file:
                    for recording in chosen:
                        file.write((none if recording.beat is None else recording.beat).tobytes())
            self.done += len(recordings)
            self._records += len(chosen)
            self._samples += int(index["length"].sum())
            line = {"done": self.done, "records": self._records, "samples": self._samples, **named}
            line["digest"] = digest([line, index.tobytes().hex()])
            with open(self._journal, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        for name, found_ids in named.items():
            self._lists[name] += found_ids

    def finish(self, manifest: dict[str, Any], records: pd.DataFrame | None = None) -> None:
        """Complete the store and give it its name; one that was there before (from other source files) goes.

        Args:
            manifest: facts to which the counts, lists and digests are added.
            records: metadata of all source files; the rows of those that were kept are stored.

        Raises:
            DataError: no recording could be kept, or the disk refuses.
        """
        if not self._records:
            self.discard()
            raise DataError(
                f"{self.destination.name}: not one of {self.done} recordings could be used. {self.reasons()}"
            )
        with _explained(self.destination):
            index = np.fromfile(self.folder / "index.bin", _INDEX)
            lengths = index["length"]
            ragged = bool((lengths != lengths[0]).any())
            if ragged:
                np.save(self.folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
            shape = (self._samples * len(LEADS),) if ragged else (self._records, len(LEADS), int(lengths[0]))
            with open(self.folder / "signals.npy", "r+b") as file:
                file.write(_npy_header(shape))
            if self._beat_length:
                with open(self.folder / "beats.npy", "r+b") as file:
                    file.write(_npy_header((self._records, len(LEADS), self._beat_length)))
                first = np.load(self.folder / "beats.npy", mmap_mode="r")[:, 0, 0]
                manifest = manifest | {"n_median_beats": int((first != NO_BEAT).sum())}
            np.save(self.folder / "gains.npy", np.ascontiguousarray(index["gain"]))
            np.save(self.folder / "digests.npy", np.ascontiguousarray(index["digest"]))
            check = hashlib.blake2b(json.dumps([SCHEMA, manifest["fs"], ragged]).encode(), digest_size=16)
            for part in (lengths, index["gain"], index["digest"]):
                check.update(np.ascontiguousarray(part).tobytes())
            signals_digest = check.hexdigest()
            if records is not None:
                records = records.iloc[index["row"]]
                records.to_parquet(self.folder / "records.parquet")
            write_json(
                self.folder / "manifest.json",
                {
                    **manifest,
                    "schema": SCHEMA,
                    "digest": digest([signals_digest, None if records is None else _records_digest(records)]),
                    "signals_digest": signals_digest,
                    "n_records": self._records,
                    "n_samples": self._samples,
                    "ragged": ragged,
                    **{f"n_{name}": len(entries) for name, entries in self._lists.items()},
                    **self._lists,
                    "bench_version": _bench_version(),
                },
            )
            small = {"manifest.json", "gains.npy", "digests.npy", "offsets.npy", "records.parquet"}
            seal(self.folder, "store", {}, [name for name in small if (self.folder / name).is_file()])
            for path in (*self.folder.iterdir(), self.folder):
                to_disk(path)
            replaced = self.destination.with_name(f".{self.destination.name}.replaced")
            shutil.rmtree(replaced, ignore_errors=True)
            if self.destination.exists():
                os.rename(self.destination, replaced)
            os.rename(self.folder, self.destination)
            to_disk(self.destination.parent)
            # Only now: until the new name stands, an interrupted finish must find its journal to go on from.
            for name in ("index.bin", self._journal.name):
                (self.destination / name).unlink()
            shutil.rmtree(replaced, ignore_errors=True)

    def reasons(self) -> str:
        """Why the first recordings that were left out were."""
        return "; ".join(skipped["reason"] for skipped in self._lists["skipped"][:3])

    def discard(self) -> None:
        """Remove what was written, so that nothing is left of a store that cannot be made."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """A version 1.0 header of fixed length, so that it can be written when the shape is known at last."""
    text = repr({"descr": "<i2", "fortran_order": False, "shape": shape}).encode("latin1")
    start = np.lib.format.magic(1, 0) + (_HEADER_BYTES - 10).to_bytes(2, "little")
    return start + text.ljust(_HEADER_BYTES - 10 - 1) + b"\n"


def _records_digest(records: pd.DataFrame) -> str:
    check = hashlib.blake2b(digest_size=16)
    for start in range(0, len(records), 10_000):
        part = records.iloc[start : start + 10_000]
        check.update(part.reset_index().to_json(orient="split", date_format="iso", index=False).encode())
    return check.hexdigest()


def _bench_version() -> str:
    try:
        return importlib.metadata.version("ecg-bench")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
