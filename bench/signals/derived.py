"""Recordings at another rate, filtered, or as median beats: computed once, kept in a separate store.

A derived store lies in a cache folder under a key made of the signals it comes from, what was done to them, and the
code that did it; it appears whole or not at all, and can be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bench.errors import DataError
from bench.progress import say
from bench.signals.filter_steps import check, looks_across_leads, prepare_signal
from bench.signals.leads import LEADS
from bench.signals.median_beat import median_beat
from bench.signals.resample import Resampling, resample
from bench.signals.store import SignalStore
from bench.signals.store_writer import StoreWriter, stored
from bench.storage.artifacts import digest, get_or_make
from bench.storage.code_digest import source_digest

CHUNK = 32


@dataclass(frozen=True)
class Transform:
    """What is done to whole recordings, in this order: resampled to ``fs``, filtered, reduced to their median beat.
    ``filters_first`` filters at the recorded rate, before.

    ``beat_leads`` names the leads that are available, which alone decide where the beats are; None keeps the recording.
    ``leads`` names them for steps that look at several leads at once; without such a step it makes no difference.
    """

    fs: float
    filters: tuple[str, ...] = ()
    beat_leads: tuple[str, ...] | None = None
    leads: tuple[str, ...] = LEADS
    resampling: Resampling = "polyphase"
    filters_first: bool = False

    def __post_init__(self) -> None:
        for name in self.filters:
            check(name, self.fs)  # a step that cannot be taken is refused before anything is read
        if not looks_across_leads(self.filters):
            object.__setattr__(self, "leads", LEADS)  # one cached store serves every choice of leads

    def without(self, absent: Sequence[int]) -> Transform:
        """The same for recordings that lack some leads [lead]."""
        if not any(absent):
            return self
        present = tuple(lead for lead, lacks in zip(LEADS, absent, strict=True) if not lacks and lead in self.leads)
        beat = self.beat_leads and tuple(lead for lead in self.beat_leads if lead in present)
        return replace(self, leads=present, beat_leads=beat)

    def changes(self, fs: float) -> bool:
        """Whether recordings at ``fs`` Hz come out different."""
        return fs != self.fs or bool(self.filters) or self.beat_leads is not None

    def __call__(
        self, signal: Float[np.ndarray, "*batch lead time"], fs: float
    ) -> Float[np.ndarray, "*batch lead out"]:
        """Recordings of one length, in mV at ``fs`` Hz, transformed."""
        for resampling in (False, True) if self.filters_first else (True, False):
            if resampling:
                signal = resample(signal, fs, self.fs, self.resampling)
            elif self.filters:
                rate = fs if self.filters_first else self.fs
                signal = prepare_signal(signal, rate, self.filters, np.array([lead in self.leads for lead in LEADS]))
        return signal if self.beat_leads is None else beats(signal, self.fs, self.beat_leads)


def beats(
    signal: Float[np.ndarray, "*batch lead time"], fs: float, leads: tuple[str, ...]
) -> Float[np.ndarray, "*batch lead beat"]:
    """Median beats, found and made from ``leads`` alone; the others are zero."""
    chosen = [LEADS.index(lead) for lead in leads]
    flat = signal.reshape(-1, *signal.shape[-2:])
    result = []
    for recording in flat:
        beat = median_beat(recording[chosen], fs)
        result.append(np.zeros((len(LEADS), beat.shape[-1]), signal.dtype))
        result[-1][chosen] = beat
    return np.stack(result).reshape(*signal.shape[:-1], -1)


def derive(
    store: SignalStore, transform: Transform, cache: Path, progress: Callable[[int, int], None] | None = None
) -> SignalStore:
    """The store of transformed recordings, row for row; made now if it is not in the cache.

    Raises:
        DataError: the cache cannot be written to.
    """
    key = digest([store.signals_digest, asdict(transform), code_of_transforms()], 24)
    path = cache / "signals" / key

    def find() -> SignalStore | None:
        if not path.is_dir():
            return None
        try:
            return SignalStore.open(path)
        except DataError as error:
            say(f"{error} It is made again.")
            return None

    def make() -> SignalStore:
        writer = StoreWriter(path, {"key": key})
        while writer.done < len(store):
            rows = np.arange(writer.done, min(writer.done + CHUNK, len(store)))
            recordings = [
                stored(int(row), signal, None)
                for row, signal in zip(rows, transformed(store, rows, transform), strict=True)
            ]
            writer.append(recordings, [str(row) for row in rows])
            if progress is not None:
                progress(writer.done, len(store))
        writer.finish({"dataset": store.manifest.get("dataset"), "fs": transform.fs, "derived": asdict(transform)})
        return SignalStore.open(path)

    return get_or_make(path, find, make)


def code_of_transforms() -> str:
    """Digest of the code by which recordings are transformed and rounded. How stores are read and what the rest of the
    harness does is left out: a change there leaves the cached signals valid."""
    also = [f"{definition.__module__}:{definition.__name__}" for definition in (Transform, stored)]
    without = frozenset({(SignalStore.__module__, SignalStore.__name__)})
    return source_digest(__name__, transformed.__name__, tuple(also), (__name__.rpartition(".")[0],), without)


def transformed(store: SignalStore, rows: np.ndarray, transform: Transform) -> list[np.ndarray]:
    """Whole recordings, transformed: [lead, time] each. Those of one length are done together.

    A median beat is the recorder's own where the store has it, unless it would tell what was to be kept out: it is of
    all twelve leads, and was made of the recording as it is.
    """
    result: list[np.ndarray] = [np.empty(0)] * len(rows)
    lengths = store.lengths[rows].copy()
    if transform.beat_leads == LEADS and not transform.filters:
        own = store.recorder_beats(rows)
        if own is not None:
            for position in np.flatnonzero(np.isfinite(own[:, 0, 0])):
                result[position] = resample(own[position], store.fs, transform.fs, transform.resampling)
                lengths[position] = -1
    absent = np.zeros((len(rows), len(LEADS)), bool) if store.absent is None else store.absent[rows]
    for length, *lacks in np.unique(np.column_stack([lengths, absent])[lengths >= 0], axis=0).tolist():
        alike = np.flatnonzero((lengths == length) & (absent == lacks).all(axis=1))
        done = transform.without(lacks)(store.read(rows[alike], 0, int(length)), store.fs)
        for position, signal in zip(alike, done, strict=True):
            result[position] = signal
    return result
