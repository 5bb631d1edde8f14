"""Find recordings within others by their fingerprints, at any offset.

Every local maximum of a fingerprint, mostly a QRS complex, is an anchor, and the two seconds around it are described by
some cosine coefficients. Of each query the anchors that a trimmed copy still has are looked up among those of the corpus
in a k-d tree. A neighbour proposes that one recording lies in the other at a certain lag, and the correlation of the two
whole fingerprints at that lag decides, between samples too. That takes no two recordings' alignment for granted and
compares only what is alike to begin with; how well it separates is measured by ``benchmarks/fingerprint.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from bench.contamination.fingerprint import RATE, Fingerprints

SIMILARITY = 0.993
"""Correlation from which two fingerprints are of one recording. Planted copies lie above it, and the recordings of
different people, or of one person at different times, below: see ``benchmarks/fingerprint.py``."""

BEFORE, AFTER = 10, 90
"""Samples described before and after an anchor."""

APART = 12
"""Samples on either side over which an anchor is the maximum."""

COEFFICIENTS = 24
"""Cosine coefficients of a description: up to 6 Hz."""

RADIUS = 0.15
"""Largest distance between descriptions (of unit length) that proposes a match."""

NEIGHBOURS = 12
ANCHORS = 6
"""Anchors of a query that are looked up, and neighbours taken of each."""

TRIMMED = 1.25
"""Seconds at either end of a query without anchors: a copy may lack them."""

SHARED = 0.75
"""The least share of the shorter recording that both must hold."""
LEAST = 3.0
"""Seconds that both must hold, in any case."""

BLOCK = 512


@dataclass(frozen=True)
class Copies:
    """Pairs found, the most similar first; at most one for a (query, found) pair.

    Attributes:
        query, found: rows.
        lag: seconds into ``found`` at which ``query`` begins; negative if it begins earlier.
        similarity: correlation of the fingerprints over what both hold.
    """

    query: Int64[np.ndarray, " pair"]
    found: Int64[np.ndarray, " pair"]
    lag: Float[np.ndarray, " pair"]
    similarity: Float[np.ndarray, " pair"]

    def __len__(self) -> int:
        return len(self.query)


class Index:
    """A corpus that can be searched."""

    def __init__(self, corpus: Fingerprints):
        from scipy.spatial import cKDTree

        self.corpus = corpus
        self._row, self._at, described = _described(corpus)
        self._tree = cKDTree(described, leafsize=32)

    def copies(self, queries: Fingerprints, itself: np.ndarray | None = None, similarity: float = SIMILARITY) -> Copies:
        """Pairs of a query and a recording of the corpus that are of one and the same recording.

        Args:
            itself: for each query, its own row in the corpus, which is not reported; -1 where it is not there.
            similarity: correlation from which a pair counts.
        """
        query, corpus_row, lag = self._proposed(queries)
        if itself is not None:
            other = itself[query] != corpus_row
            query, corpus_row, lag = query[other], corpus_row[other], lag[other]
        shift, value = np.zeros(len(query)), np.zeros(len(query))
        for first in range(0, len(query), BLOCK):
            some = slice(first, first + BLOCK)
            shift[some], value[some] = _correlation(queries, self.corpus, query[some], corpus_row[some], lag[some])
        rows = np.lexsort((corpus_row, query, -value))
        rows = rows[value[rows] >= similarity]
        _, once = np.unique(np.stack([query[rows], corpus_row[rows]]), axis=1, return_index=True)
        rows = rows[np.sort(once)]
        return Copies(query[rows], corpus_row[rows], (lag[rows] + shift[rows]) / RATE, value[rows])

    def _proposed(self, queries: Fingerprints) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(query row, corpus row, samples into the corpus recording at which the query begins), each once."""
        row, at, described = _described(queries)
        chosen = _chosen(queries, row, at)
        row, at = row[chosen], at[chosen]
        if not len(self._row) or not len(row):
            return (np.empty(0, np.int64),) * 3
        _, neighbour = self._tree.query(described[chosen], k=NEIGHBOURS, distance_upper_bound=RADIUS, eps=1.0)
        source, which = np.nonzero(neighbour < len(self._row))
        target = neighbour[source, which]
        proposed = np.stack([row[source], self._row[target], self._at[target] - at[source]], axis=1)
        shared = _shared(queries.lengths[proposed[:, 0]], self.corpus.lengths[proposed[:, 1]], proposed[:, 2])
        shorter = np.minimum(queries.lengths[proposed[:, 0]], self.corpus.lengths[proposed[:, 1]])
        proposed = proposed[shared >= np.maximum(SHARED * shorter, LEAST * RATE)]
        # anchors that fall on neighbouring samples propose neighbouring lags: one of them serves
        proposed = np.unique(proposed, axis=0)
        again = np.zeros(len(proposed), bool)
        again[1:] = (np.diff(proposed[:, :2], axis=0) == 0).all(axis=1) & (np.diff(proposed[:, 2]) == 1)
        query, corpus_row, lag = proposed[~again].T
        return query, corpus_row, lag


def _shared(query_length: np.ndarray, corpus_length: np.ndarray, lag: np.ndarray) -> np.ndarray:
    """Samples that both hold if the query begins ``lag`` samples into the other."""
    return np.minimum(corpus_length, query_length + lag) - np.maximum(0, lag)


def _described(prints: Fingerprints) -> tuple[np.ndarray, np.ndarray, Float32[np.ndarray, "anchor coefficient"]]:
    """(row, sample, description) of every anchor."""
    from scipy.ndimage import maximum_filter1d

    values = np.asarray(prints.values)
    if not len(values):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, COEFFICIENTS), np.float32)
    peak = (values == maximum_filter1d(values, 2 * APART + 1)) & (values > 0)
    peak[1:] &= ~peak[:-1]  # of equal neighbours the first
    where = np.flatnonzero(peak)
    row = np.searchsorted(prints.offsets, where, side="right") - 1
    inside = (where - BEFORE - 1 >= prints.offsets[row]) & (where + AFTER + 2 <= prints.offsets[row + 1])
    where, row = where[inside], row[inside]
    length = BEFORE + AFTER
    time = (np.arange(length) + 0.5) / length
    basis = np.cos(np.pi * np.outer(time, np.arange(1, COEFFICIENTS + 1))).astype(np.float32)
    described = np.empty((len(where), COEFFICIENTS), np.float32)
    for first in range(0, len(where), BLOCK):
        some = where[first : first + BLOCK]
        cut = values[some[:, None] + np.arange(-BEFORE - 1, AFTER + 2)].astype(np.float32)
        left, top, right = (cut[:, BEFORE + 1 + shift] for shift in (-1, 0, 1))
        offset = (left - right) / np.minimum(2 * (left - 2 * top + right), -1e-3)  # of the peak between samples
        offset = np.clip(offset, -0.5, 0.5)[:, None]
        moved = np.where(
            offset >= 0,
            (1 - offset) * cut[:, 1 : length + 1] + offset * cut[:, 2 : length + 2],
            (1 + offset) * cut[:, 1 : length + 1] - offset * cut[:, :length],
        )
        moved -= moved.mean(axis=1, keepdims=True)
        moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
        described[first : first + BLOCK] = moved @ basis * np.sqrt(2 / length)
    return row, where - prints.offsets[row], described


def _chosen(prints: Fingerprints, row: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Up to ``ANCHORS`` of each recording: the highest that a trimmed copy holds with all that is described."""
    margin = round(TRIMMED * RATE)
    safe = (at - BEFORE >= margin) & (at + AFTER <= prints.lengths[row] - margin)
    height = prints.values[prints.offsets[row] + at].astype(np.int64)
    order = np.lexsort((at, -height, ~safe, row))
    ordered = row[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[rank < ANCHORS])


def _correlation(
    queries: Fingerprints, corpus: Fingerprints, query: np.ndarray, corpus_row: np.ndarray, lag: np.ndarray
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """(samples beyond the lag, correlation) where two recordings agree best within a sample of the lag.

    The correlation as a function of the lag is smooth: between whole lags it is interpolated by a windowed sine cardinal.
    """
    shared = _shared(queries.lengths[query], corpus.lengths[corpus_row], lag)
    time = np.arange(int(shared.max(initial=0)) + 2 * TAPS)
    first = queries.offsets[query] + np.maximum(0, -lag)
    second = corpus.offsets[corpus_row] + np.maximum(0, lag)
    width = len(time) - 2 * TAPS
    inside = time[TAPS : TAPS + width] < (shared - TAPS)[:, None]  # so that all whole lags stay within the recordings
    count = np.maximum(inside.sum(axis=1), 1)
    query_curve = np.where(inside, _gather(queries.values, (first + TAPS)[:, None] + time[:width]), 0)
    query_curve = np.where(inside, query_curve - (query_curve.sum(axis=1) / count)[:, None], 0).astype(np.float32)
    corpus_curve = _gather(corpus.values, second[:, None] + time)
    at_whole_lags = np.stack(
        [np.einsum("pt,pt->p", query_curve, corpus_curve[:, s : s + width]) for s in range(2 * TAPS + 1)], axis=1
    )
    spread = np.stack(
        [_spread(np.where(inside, corpus_curve[:, TAPS + s : TAPS + s + width], 0), count) for s in (-1, 0, 1)], axis=1
    )
    norm = _spread(query_curve, count)[:, None] * (spread @ _WEIGHTS)
    between = (at_whole_lags @ _INTERPOLATION) / np.sqrt(np.maximum(norm, 1e-6))
    best = between.argmax(axis=1)
    return _SHIFTS[best], between[np.arange(len(best)), best]


def _spread(values: Float32[np.ndarray, "pair time"], count: np.ndarray) -> Float[np.ndarray, " pair"]:
    """Sum of squared deviations from the mean of ``count`` values; the others are zero."""
    return np.einsum("pt,pt->p", values, values) - values.sum(axis=1) ** 2 / count


def _gather(values: np.ndarray, places: np.ndarray) -> Float32[np.ndarray, "pair time"]:
    return values[np.minimum(places, len(values) - 1)].astype(np.float32)


TAPS = 6
"""Whole lags on either side from which correlations between them are interpolated."""
_SHIFTS = np.arange(-8, 9) / 8
_distance = _SHIFTS - np.arange(-TAPS, TAPS + 1)[:, None]
_INTERPOLATION = np.sinc(_distance) * np.cos(np.pi * np.clip(_distance / (2 * TAPS + 2), -0.5, 0.5)) ** 2
_WEIGHTS = np.maximum(0, 1 - np.abs(_SHIFTS - np.arange(-1, 2)[:, None]))


AT_ONCE = 50_000
"""Recordings of a corpus that are indexed at a time, which bounds the memory of a corpus of any size (200 MB)."""


def find_copies(
    queries: Fingerprints, corpus: Fingerprints, rows: np.ndarray | None = None, itself: np.ndarray | None = None
) -> Copies:
    """Pairs of a query and a recording of the corpus that are of one and the same recording.

    Args:
        rows: of the corpus that are searched, ascending; all if None. ``found`` and ``itself`` count all rows.
        itself: for each query, its own row in the corpus, which is not reported.
    """
    rows = np.arange(len(corpus)) if rows is None else rows
    parts = []
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        own = None
        if itself is not None:
            position = np.minimum(np.searchsorted(some, itself), len(some) - 1)
            own = np.where(some[position] == itself, position, -1)
        copies = Index(corpus.take(some)).copies(queries, own)
        parts.append(Copies(copies.query, some[copies.found], copies.lag, copies.similarity))
    if not parts:
        return Copies(*(np.empty(0, kind) for kind in (np.int64, np.int64, float, float)))
    joined = [np.concatenate([getattr(part, name) for part in parts]) for name in Copies.__dataclass_fields__]
    order = np.lexsort((joined[1], joined[0], -joined[3]))
    return Copies(*(values[order] for values in joined))
