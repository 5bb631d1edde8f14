"""Read a signal store: a dataset's recordings, memory-mapped.

:mod:`bench.signals.build_store` makes it; :mod:`bench.signals.store_writer` describes the files.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped

from bench.dataset import Dataset
from bench.errors import DataError
from bench.signals.bounds import Bounds
from bench.signals.leads import LEADS
from bench.signals.store_writer import (
    BEATS_PER_MV,
    NO_BEAT,
    SCHEMA,
    recording_digest,
)
from bench.storage.artifacts import SEAL, damage

if TYPE_CHECKING:
    import pandas as pd


DAMAGED = "damaged.txt"
"""In a store's folder: what a reader found altered, so that the store is made again when it is next opened."""

RUN_AGAIN = "Run the same command again: it is made again."


class DamagedStore(DataError):
    """Bytes of a store are no longer those that were written; the part that can make the store makes it again."""


def store_damage(path: Path) -> str | None:
    """What is wrong with a store's folder, apart from its samples; None if nothing is."""
    if not (path / SEAL).exists():
        return f"it has no {SEAL}; an earlier version of bench wrote it, or it is incomplete"
    if (path / DAMAGED).exists():
        return (path / DAMAGED).read_text(encoding="utf-8", errors="replace")
    return damage(path)


def mark_damaged(path: Path, wrong: str) -> None:
    """Note what a reader found altered, so that the store is made again when it is next opened."""
    with contextlib.suppress(OSError):  # a workspace that cannot be written to
        (path / DAMAGED).write_text(wrong, encoding="utf-8")


class SignalStore:
    """The prepared recordings of one dataset: int16 on disk, float32 mV out, twelve leads in ``LEADS`` order.

    Attributes:
        path: its folder.
        manifest: what it holds and where that came from.
        fs: Hz.
        lengths: int64 [record], samples in each recording.
        absent: bool [record, lead], leads that were not recorded, which read as zeros; None if every recording has all.
        digest: identifies signals and metadata together; ``signals_digest`` the signals alone.
        unit: of the signals, ``mV`` but for datasets that state another one (:attr:`bench.dataset.Dataset.unit`).
    """

    absent: Bool[np.ndarray, "record lead"] | None = None
    unit: str = "mV"

    def __init__(self, path: Path, manifest: dict[str, Any]):
        self.path, self.manifest = path, manifest
        self.unit = manifest.get("unit", "mV")
        self.fs: float = manifest["fs"]
        self.digest: str = manifest["digest"]
        self.signals_digest: str = manifest["signals_digest"]
        try:
            self._signals = np.load(path / "signals.npy", mmap_mode="r")
            self._stored_gains = np.load(path / "gains.npy")
            self._offsets = np.load(path / "offsets.npy") if manifest["ragged"] else None
            beats = path / "beats.npy"
            self._beats = np.load(beats, mmap_mode="r") if beats.is_file() else None
        except Exception as error:  # numpy evaluates a header as Python: damaged ones raise many kinds of error
            raise DamagedStore(f"the store {path} is damaged: {error}") from error
        absent = np.isnan(self._stored_gains)
        self.absent = absent if absent.any() else None
        self._gains = np.where(absent, np.float32(1), self._stored_gains) if absent.any() else self._stored_gains
        count, shape = manifest["n_records"], self._signals.shape
        if manifest["ragged"]:
            fits = shape == (manifest["n_samples"] * len(LEADS),)
        else:
            fits = len(shape) == 3 and shape[:2] == (count, len(LEADS)) and shape[2] * count == manifest["n_samples"]
        fits = fits and (
            self._beats is None or (self._beats.ndim == 3 and self._beats.shape[:2] == (count, len(LEADS)))
        )
        if not fits or any(a is not None and a.dtype != np.int16 for a in (self._signals, self._beats)):
            raise DamagedStore(
                f"the store {path} is damaged: signals.npy or beats.npy is not what the manifest describes"
            )
        self._checked = np.zeros(count, bool)
        if self._offsets is None:
            self.lengths = np.full(len(self._gains), self._signals.shape[2], np.int64)
        else:
            self.lengths = np.diff(self._offsets)

    @classmethod
    def open(cls, path: Path) -> SignalStore:
        """Open a prepared store, after comparing all files but the samples with their digests.

        Raises:
            DataError: there is none at ``path``, or another version of bench wrote it. DamagedStore: bytes were altered.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataError(f"{path} holds no prepared store. Make it with: bench data prepare DATASET")
        wrong = store_damage(path)
        if wrong:
            raise DamagedStore(f"the store {path} is damaged: {wrong}")
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise DataError(f"the store {path} has layout {manifest['schema']}, this bench reads {SCHEMA}.")
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

    def with_columns(self, columns: Sequence[str]) -> SignalStore:
        """The same store, whose records have these columns alone; what it does not have is left out."""
        view = copy.copy(self)
        view.records = self.records[[name for name in columns if name in self.records]]
        return view

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
        """Signals in mV (:attr:`unit`).

        Args:
            rows: int [row].
            start: first sample, one for all or one a row; 0 if None.
            length: samples; if None, up to the end of the longest of these recordings.

        Returns:
            what lies beyond the end of a recording is zero.
        """
        rows = np.asarray(rows, np.int64)
        self.check(rows)
        starts = np.broadcast_to(np.asarray(0 if start is None else start, np.int64), len(rows))
        if length is None:
            length = int((self.lengths[rows] - starts).max(initial=0))
        if self._offsets is None and len(rows) and (starts == starts[0]).all():
            first = int(starts[0])
            block = self._signals[rows, :, first : first + length]
            missing = length - block.shape[2]
            signals = np.divide(block, self._gains[rows, :, None], dtype=np.float32)
            return np.pad(signals, ((0, 0), (0, 0), (0, missing))) if missing else signals
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
        self.check(rows)
        beats = np.asarray(self._beats[np.asarray(rows, np.int64)])
        none = (beats == NO_BEAT).all(axis=(1, 2), keepdims=True)
        return np.where(none, np.float32(np.nan), beats / np.float32(BEATS_PER_MV))

    def beats_used(self, rows: np.ndarray, leads: Sequence[str], filters: Sequence[str], whole: bool) -> dict[str, int]:
        """Whose median beats a method that asks for them gets, and for how many of ``rows``.

        Args:
            whole: whether whole recordings are asked about, rather than windows of them.
        """
        rows, published = np.unique(rows), 0
        if whole and tuple(leads) == LEADS and not filters and self._beats is not None:
            published = int((self._beats[rows, 0, 0] != NO_BEAT).sum())
        n_by_source = {self.manifest.get("median_beats_by", "the recorder"): published, "bench": len(rows) - published}
        return {who: n for who, n in n_by_source.items() if n}

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

    def check(self, rows: np.ndarray) -> None:
        """Compare recordings with their digests, each when this process first reads it.

        Raises:
            DamagedStore: one was altered; the store is made again when it is next opened.
        """
        new = np.unique(rows[~self._checked[rows]])
        if not len(new):
            return
        for row in new.tolist():
            if self._altered(row):
                wrong = f"the recording {self._name(row)} was altered since the store was written"
                mark_damaged(self.path, wrong)
                raise DamagedStore(f"the store {self.path} is damaged: {wrong}. {RUN_AGAIN}")
        self._checked[new] = True

    def altered(self) -> list[str]:
        """Ids of the recordings whose stored samples or gains are no longer those that were written."""
        return [self._name(row) for row in range(len(self)) if self._altered(row)]

    def _altered(self, row: int) -> bool:
        now = recording_digest(self._block(row), self._stored_gains[row], self._stored_beat(row))
        return now != self.recording_digests[row].tobytes()

    def _name(self, row: int) -> str:
        return str(self.records.index[row]) if (self.path / "records.parquet").is_file() else f"in row {row}"

    def matches(self, dataset: Dataset) -> bool:
        """Whether the dataset's index files and reader are still those this store was made from. Reads no signal."""
        return self.manifest.get("source") == source_of(dataset)


def source_of(dataset: Dataset) -> dict[str, Any]:
    """What a store was made from, as far as index files and reader tell."""
    check = hashlib.blake2b(digest_size=16)
    for path in dataset.index_files():
        with open(path, "rb") as file:
            check.update(hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest())
    facts = {
        "dataset": dataset.name,
        "format_version": dataset.format_version,
        "schema": SCHEMA,
        "index_files": check.hexdigest(),
        "bounds": Bounds.of(dataset).to_dict(),
    }
    if dataset.has_recorder_beats:  # a publication of median beats may come to a folder that was prepared before
        facts["median_beats"] = dataset.median_beats_by
    return facts
