"""Views of two stores as one: the examples of the first, then those of the second."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

View = Any
"""A :class:`SignalView`, or what has its functions."""


class JoinedRecords:
    """The metadata of several stores, one after the other; a column that one of them lacks is left out."""

    def __init__(self, tables: list[Any]):
        import pandas as pd

        self.records = pd.concat(tables, join="inner")


class JoinedView:
    """The examples of several views of one InputSpec, view after view, with the functions of a :class:`SignalView`."""

    def __init__(self, views: list[View]):
        self.views = views
        self.spec = views[0].spec
        self._first = np.cumsum([0, *map(len, views)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def batch(
        self, positions: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Float32[np.ndarray, "record 12 time"], Bool[np.ndarray, "record 12"]]:
        """As :meth:`SignalView.batch`."""
        parts = [(places, *view.batch(own, rng)) for view, places, own in self._by_view(positions)]
        if len(parts) == 1:
            return parts[0][1], parts[0][2]
        ecg = np.empty((len(positions), *parts[0][1].shape[1:]), parts[0][1].dtype)
        leads = np.empty((len(positions), parts[0][2].shape[1]), bool)
        for places, of_view, available in parts:
            ecg[places], leads[places] = of_view, available
        return ecg, leads

    def random_crops(self, seconds: float) -> JoinedView:
        """As :meth:`SignalView.random_crops`."""
        return JoinedView([view.random_crops(seconds) for view in self.views])

    def sliding(
        self, positions: np.ndarray, seconds: float, stride: float
    ) -> tuple[JoinedView, Int64[np.ndarray, " window"]]:
        """As :meth:`SignalView.sliding`; windows of the first view come first."""
        views, owners = [], []
        for view, places, own in self._by_view(positions):
            windows, owner = view.sliding(own, seconds, stride)
            views.append(windows)
            owners.append(places[owner])
        return JoinedView(views), np.concatenate(owners)

    @functools.cached_property
    def store(self) -> JoinedRecords:
        """The metadata of all stores; ``rows`` are rows of it."""
        return JoinedRecords([view.store.records for view in self.views])

    @functools.cached_property
    def rows(self) -> Int64[np.ndarray, " example"]:
        """The row of each example in the joined metadata."""
        before = np.cumsum([0, *(len(view.store.records) for view in self.views)])
        return np.concatenate([view.rows + n for view, n in zip(self.views, before, strict=False)])

    def _by_view(self, positions: np.ndarray) -> list[tuple[View, np.ndarray, np.ndarray]]:
        """Each view that is read, where its examples lie in ``positions``, and their positions in the view."""
        positions = np.asarray(positions, np.int64)
        number = np.searchsorted(self._first, positions, side="right") - 1
        read = [(i, np.flatnonzero(number == i)) for i in np.unique(number)]
        return [(self.views[i], places, positions[places] - self._first[i]) for i, places in read]
