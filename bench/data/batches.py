"""Batches from a signal view: shuffled by epoch, read ahead of the training step by one thread."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.signals.images import Images
from bench.signals.windows import SignalView
from bench.splitting.stratify import spread_evenly

READ_AHEAD = 4


@dataclass(frozen=True)
class BatchSource:
    """Recordings of a view with what accompanies them; ``index`` of a batch counts the rows of this source.

    Attributes:
        view: delivers the signals as the InputSpec asks.
        text: one text per row, or None.
        targets: [row, ...], or None.
        images: of the rows, or None.
        tabular: float32 [row, variable], NaN where unknown, or None.
    """

    view: SignalView
    text: Sequence[str] | None = None
    targets: np.ndarray | None = None
    images: Images | None = None
    tabular: np.ndarray | None = None

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> ECGBatch:
        """One batch; ``rng`` is given in training only, for random crops."""
        ecg, leads = self.view.batch(rows, rng)
        return ECGBatch(
            ecg=torch.from_numpy(ecg),
            leads=torch.from_numpy(leads),
            index=torch.from_numpy(np.asarray(rows, np.int64)),
            text=None if self.text is None else [self.text[row] for row in rows],
            image=None if self.images is None else torch.from_numpy(self.images.batch(rows)),
            tabular=None if self.tabular is None else torch.from_numpy(self.tabular[rows]),
            target=None if self.targets is None else torch.from_numpy(self.targets[rows]),
        )

    def random_crops(self, seconds: float) -> BatchSource:
        """The same rows through shorter windows, which lie at random in each epoch of training."""
        return replace(self, view=self.view.random_crops(seconds))

    def sliding(self, rows: np.ndarray, seconds: float, stride: float) -> tuple[BatchSource, np.ndarray]:
        """The windows of ``rows``, see :meth:`SignalView.sliding`, and the place in ``rows`` that each belongs to."""
        view, owner = self.view.sliding(rows, seconds, stride)
        window_rows = rows[owner]
        text = None if self.text is None else [self.text[row] for row in window_rows]
        targets = None if self.targets is None else self.targets[window_rows]
        images = None if self.images is None else self.images.take(window_rows)
        tabular = None if self.tabular is None else self.tabular[window_rows]
        return BatchSource(view, text, targets, images, tabular), owner

    def in_order(self, rows: np.ndarray, batch_size: int) -> Iterator[ECGBatch]:
        """All ``rows``, in order, the last batch short."""
        chunks = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
        return _read_ahead(self, chunks, None)

    def shuffled(
        self,
        rows: np.ndarray,
        batch_size: int,
        seed: Sequence[int],
        strata: np.ndarray | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> Iterator[ECGBatch]:
        """``rows`` in the order that ``seed`` gives, in full batches only: the remainder waits for another epoch.

        With ``strata``, one for each of ``rows``, every batch holds each stratum in its share of all rows, to within one.
        Of ``ranks`` processes each reads its part of every batch; the batches are those of one process, in its order, and
        random crops are drawn by each for itself.

        Raises:
            ConfigError: a batch that cannot be shared out evenly.
        """
        if batch_size % ranks:
            raise ConfigError(f"a batch of {batch_size} recordings cannot be divided evenly over {ranks} processes.")
        rng = np.random.default_rng(seed)
        order = rng.permutation(rows) if strata is None else rows[spread_evenly(strata, rng)]
        full = len(order) // batch_size * batch_size
        parts = order[:full].reshape(-1, ranks, batch_size // ranks)[:, rank]
        return _read_ahead(self, list(parts), rng if rank == 0 else np.random.default_rng([*seed, rank]))


def _read_ahead(source: BatchSource, chunks: list[np.ndarray], rng: np.random.Generator | None) -> Iterator[ECGBatch]:
    """Read in a thread: numpy lets go of the interpreter while it copies and resamples. Errors reach the caller."""
    ready: queue.Queue = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def read() -> None:
        try:
            for rows in chunks:
                if stopped.is_set():
                    return
                put(source.batch(rows, rng))
            put(None)
        except BaseException as error:  # handed over, and raised where the batches are used
            put(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
