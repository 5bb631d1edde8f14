"""Patient-clustered bootstrap: how far a metric would move had other patients been drawn.

Recordings of one patient are alike, so patients are drawn with replacement and each brings all its recordings. The
draws depend on the seed, the clusters and the number of replicates alone: two methods scored on the same records see
the same replicates, which is what makes :mod:`bench.scoring.comparison` paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

#: Numbers held at once by the weights of one block of replicates (float64).
_WEIGHTS_HELD = 2**20

Statistic = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
    low: float
    high: float


def cluster_numbers(clusters: Shaped[np.ndarray, "record"] | None, records: int) -> Int[np.ndarray, "record"]:
    """The cluster of each record as 0, 1, ...; without clusters each record is its own."""
    if clusters is None:
        return np.arange(records)
    return np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)


def draws(
    clusters: Int[np.ndarray, "record"], replicates: int, seed: int
) -> Iterator[Float[np.ndarray, "record replicate"]]:
    """Blocks of replicates: how often each record was drawn. The block size changes memory, never the draws."""
    count = int(clusters.max()) + 1
    rng = np.random.default_rng(seed)
    block = int(np.clip(_WEIGHTS_HELD // len(clusters), 16, 128))
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        drawn = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times_drawn = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield np.ascontiguousarray(times_drawn.T[clusters], dtype=float)


def bootstrap(
    statistic: Statistic, clusters: Int[np.ndarray, "record"], replicates: int = 1000, seed: int = 0
) -> np.ndarray:
    """The statistic in every replicate, [replicate] or [replicate, ...].

    ``statistic`` takes weights [record, replicate] and answers [replicate, ...]; :mod:`bench.scoring.weighted` has
    the fast ones, and :func:`of_records` makes one of any function of drawn records.
    """
    return np.concatenate([statistic(weights) for weights in draws(clusters, replicates, seed)])


def of_records(function: Callable[[np.ndarray], float]) -> Statistic:
    """A statistic from a function of record indices (a record drawn twice is there twice). One call a replicate."""

    def statistic(weights: np.ndarray) -> np.ndarray:
        records = np.arange(len(weights))
        return np.array([function(np.repeat(records, column.astype(int))) for column in weights.T])

    return statistic


def percentile_interval(replicates: Float[np.ndarray, "replicate"], level: float = 0.95) -> Interval:
    """The central ``level`` share of the replicates that have a value; NaN where none has."""
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return Interval(np.nan, np.nan)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
