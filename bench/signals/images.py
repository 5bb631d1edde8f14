"""Images that accompany recordings (short-axis CMR): read once from the publisher's files, then memory-mapped.

They lie in a separate cache folder, so that work on the ECG alone never waits for them, under a key made of
the files that they come from and the code that reads them. Layout::

    images.npy   uint16 [image, channel, height, width], 65,535 is 1
    rows.npy     int64 [record of the store], the place in images.npy; -1 where the record has no image

    digests.npy  uint8 [image, 16], BLAKE2b of each image
    artifact.json  SHA-256 of the other files

An interrupted preparation goes on where it was: both files only grow, and their lengths say how far they reach.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from bench.errors import BenchError, DataError, unforeseen
from bench.progress import say, track
from bench.signals.store import RUN_AGAIN, DamagedStore, mark_damaged, store_damage
from bench.storage.artifacts import digest, discard, locked, seal, to_disk, write_json
from bench.storage.code_digest import module_digest, source_digest

if TYPE_CHECKING:
    from bench.dataset import Dataset, RecordFile
    from bench.signals.store import SignalStore

CHANNELS = 3
CHUNK = 64
_STEPS = 65_535


@dataclass(frozen=True)
class Images:
    """Images of some rows.

    Attributes:
        pixels: [image, channel, height, width], memory-mapped.
        rows: int64 [row], the place in ``pixels``; -1 where there is none.
        key: identifies the content.
        digests: uint8 [image, 16]. checked: which images this process has compared with them.
        folder: where they are stored.
    """

    pixels: np.ndarray
    rows: Int64[np.ndarray, " row"]
    key: str
    digests: np.ndarray
    checked: np.ndarray
    folder: Path

    @property
    def available(self) -> Bool[np.ndarray, " row"]:
        return self.rows >= 0

    def take(self, rows: np.ndarray) -> Images:
        """The images of other rows, which index these."""
        return replace(self, rows=self.rows[rows])

    def batch(self, rows: np.ndarray) -> Float32[np.ndarray, "record channel height width"]:
        """Images in [0, 1].

        Raises:
            DataError: a row without an image. DamagedStore: an image that was altered since it was stored.
        """
        positions = self.rows[rows]
        if (positions < 0).any():
            raise DataError(f"{int((positions < 0).sum())} of {len(positions)} recordings of a batch have no image.")
        for position in np.unique(positions[~self.checked[positions]]).tolist():
            if _digest(self.pixels[position]) != self.digests[position].tobytes():
                wrong = f"image {position} was altered since it was stored"
                mark_damaged(self.folder, wrong)
                raise DamagedStore(f"the images {self.folder} are damaged: {wrong}. {RUN_AGAIN}")
        self.checked[positions] = True
        return np.asarray(self.pixels[positions], np.float32) / np.float32(_STEPS)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def quantise(image: Float[np.ndarray, "channel height width"]) -> np.ndarray:
    """An image in [0, 1] as it is stored: the error is below 1/131,000."""
    return np.rint(np.clip(image, 0, 1) * _STEPS).astype("<u2")


def prepare_images(
    dataset: Dataset,
    store: SignalStore,
    cache: Path,
    size: int,
    workers: int = 1,
    on_bad_record: Literal["error", "skip"] = "error",
) -> Images:
    """The images of all records of a store, read now if they are not in the cache.

    Args:
        size: pixels; images are square.
        on_bad_record: ``skip`` leaves out images that cannot be read, and lists them in ``images.json``.

    Raises:
        DataError: the dataset has none, or one cannot be read.
    """
    files = dataset.image_files(store.records)
    if not any(files):
        raise DataError(f"{dataset.root}: none of the {len(files):,} recordings has an image. {dataset.fetch}")
    listed = [None if file is None else [file.record_id, str(file.path), _stamp(file.path)] for file in files]
    code = [module_digest(__name__), source_digest(type(dataset).__module__)]
    key = digest([dataset.name, dataset.format_version, listed, size, code, on_bad_record], 24)
    final = cache / "images" / key
    with contextlib.suppress(DamagedStore):
        return _open(final, size)
    with locked(final.parent / f".{key}.lock"):
        try:
            return _open(final, size)
        except DamagedStore as error:
            if final.is_dir():
                say(f"{error}; they are made again")
                discard(final)
        _make(dataset, files, final, size, workers, on_bad_record)
    return _open(final, size)


def _open(final: Path, size: int) -> Images:
    """Stored images, of which all files but the pixels are compared with their digests.

    Raises:
        DamagedStore: they are not there, or altered.
    """
    if wrong := store_damage(final):
        raise DamagedStore(f"the images {final} are damaged: {wrong}")
    digests = np.load(final / "digests.npy")
    try:
        pixels = np.load(final / "images.npy", mmap_mode="r")
    except Exception as error:  # numpy evaluates a header as Python: damaged ones raise many kinds of error
        raise DamagedStore(f"the images {final} are damaged: {error}") from error
    if pixels.shape != (len(digests), CHANNELS, size, size) or pixels.dtype != np.uint16:
        raise DamagedStore(f"the images {final} are damaged: images.npy holds {pixels.dtype} {list(pixels.shape)}")
    return Images(pixels, np.load(final / "rows.npy"), final.name, digests, np.zeros(len(digests), bool), final)


def altered_images(folder: Path) -> str | None:
    """What is wrong with stored images; None while every byte is as it was written."""
    if wrong := store_damage(folder):
        return wrong
    try:
        images = _open(folder, int(json.loads((folder / "images.json").read_text(encoding="utf-8"))["size"]))
    except DamagedStore as error:
        return str(error)
    changed = [i for i, image in enumerate(images.pixels) if _digest(image) != images.digests[i].tobytes()]
    return f"{len(changed):,} images were altered, the first is image {changed[0]}" if changed else None


def _stamp(path: Path) -> list[int]:
    """Size and time of change: reading gigabytes to see whether they have changed would take longer than the work."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _make(
    dataset: Dataset,
    files: Sequence[RecordFile | None],
    final: Path,
    size: int,
    workers: int,
    on_bad_record: Literal["error", "skip"],
) -> None:
    partial = final.with_name(f".{final.name}.partial")
    partial.mkdir(exist_ok=True)
    pixels, flags = partial / "pixels.bin", partial / "flags.bin"
    pixels.touch()
    flags.touch()
    image_bytes = CHANNELS * size * size * 2
    wanted = [file for file in files if file is not None]
    known = np.fromfile(flags, np.uint8)
    # flags are written after their pixels: what lies beyond them is of a chunk that was interrupted
    if pixels.stat().st_size < int(known.sum()) * image_bytes:
        known = known[:0]
        os.truncate(flags, 0)
    os.truncate(pixels, int(known.sum()) * image_bytes)
    bad: list[str] = []
    partial_read = functools.partial(_read, dataset.read_image, size=size)
    with track(f"reading images of {dataset.name}") as progress, _workers(workers) as every:
        for first in range(len(known), len(wanted), CHUNK):
            chunk = wanted[first : first + CHUNK]
            images = list(every(partial_read, chunk))
            wrong = [image for image in images if isinstance(image, str)]
            if wrong and on_bad_record == "error":
                raise DataError(wrong[0])
            bad += wrong
            with open(pixels, "ab") as file:
                for image in images:
                    if not isinstance(image, str):
                        file.write(image.tobytes())
            with open(flags, "ab") as file:
                file.write(bytes(not isinstance(image, str) for image in images))
            progress(first + len(chunk), len(wanted))
    _finish(files, partial, size)
    if bad:
        say(f"{dataset.name}: {len(bad):,} images could not be read and are left out: {bad[0]}")
    write_json(partial / "images.json", {"dataset": dataset.name, "size": size, "left_out": bad})
    pixels.unlink()
    flags.unlink()
    seal(partial, "images", {"dataset": dataset.name}, ["rows.npy", "digests.npy", "images.json"])
    for path in (*partial.iterdir(), partial):
        to_disk(path)
    os.rename(partial, final)
    to_disk(final.parent)


@contextlib.contextmanager
def _workers(workers: int) -> Iterator[Callable[..., Iterable]]:
    """``map`` over worker processes, or in this one. joblib.Parallel would trip over the pool that prepares stores."""
    if workers <= 1:
        yield map
        return
    from joblib.externals.loky import get_reusable_executor

    yield functools.partial(get_reusable_executor(max_workers=workers).map, chunksize=8)


def _finish(files: Sequence[RecordFile | None], partial: Path, size: int) -> None:
    flags = np.fromfile(partial / "flags.bin", np.uint8).astype(bool)
    if not flags.any():
        shutil.rmtree(partial)
        raise DataError("not one image could be read; run with --on-bad-record error to see why.")
    rows = np.full(len(files), -1, np.int64)
    with_image = np.flatnonzero([file is not None for file in files])
    rows[with_image[flags]] = np.arange(int(flags.sum()))
    np.save(partial / "rows.npy", rows)
    shape = (int(flags.sum()), CHANNELS, size, size)
    stored = np.memmap(partial / "pixels.bin", "<u2", "r", shape=shape)
    target = np.lib.format.open_memmap(partial / "images.npy", "w+", "<u2", shape)
    for first in range(0, len(stored), CHUNK):
        target[first : first + CHUNK] = stored[first : first + CHUNK]
    target.flush()
    digests = [np.frombuffer(_digest(image), np.uint8) for image in stored]
    np.save(partial / "digests.npy", np.stack(digests))


def _read(read: Callable[[RecordFile, int], np.ndarray], file: RecordFile, size: int) -> np.ndarray | str:
    """One image as it is stored, or why there is none: whether to stop is the parent's decision."""
    try:
        image = read(file, size)
    except BenchError as error:
        return f"record {file.record_id}: {error}"
    except (Exception, SystemExit) as error:
        return f"record {file.record_id}: {file.path} cannot be read: {unforeseen(error)}."
    if image.shape != (CHANNELS, size, size) or not np.isfinite(image).all():
        return (
            f"record {file.record_id}: {file.path}: the reader gave an image of shape {image.shape}; expected finite "
            f"numbers of shape ({CHANNELS}, {size}, {size})."
        )
    return quantise(image)
