"""Comparability: every result gets a stamp, and a table holds results of one stamp."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import modes
from bench.cells.result import Result


@dataclass(frozen=True, order=True)
class Stamp:
    """What all results of a table share.

    Attributes:
        data: ``real`` or ``simulated``.
        profile: ``paper``, ``small`` or ``smoke``.
        complete: whether the complete published split was scored, or a subset of it.
        protocol: of released code; empty for the protocols of this benchmark.
        population: 0, or the number of a further set of records (another subset, an earlier version) of the same tasks.
    """

    data: str
    profile: str
    complete: bool
    protocol: str = ""
    population: int = 0

    @property
    def comparable(self) -> bool:
        """Whether the numbers may appear next to published ones."""
        return (self.data, self.profile, self.complete, self.protocol) == ("real", "paper", True, "")

    @property
    def rank(self) -> tuple:
        """Comparable tables come first, then real ones."""
        order = (self.data != "real", self.profile != "paper", not self.complete, self.protocol, self.population)
        return (not self.comparable, bool(self.protocol), *order)

    def __str__(self) -> str:
        if self.data == "simulated":
            words = ["simulated data"]
        else:
            words = ["real data, complete splits" if self.complete else "real data, a subset of the published splits"]
        words.append(f"profile {self.profile}")
        if self.protocol:
            words.append(f"protocol {self.protocol}" + ", chosen on the test set" * modes.looks_at_test(self.protocol))
        if self.population:
            words.append(f"other records, or an earlier version of them ({self.population + 1})")
        return " · ".join(words)


def stamps_of(results: Sequence[Result]) -> dict[str, Stamp]:
    """Key of each result -> its stamp. Results scored on different records of one task get different populations.

    Which records belong together across tasks is determined by the stores that hold them: the tasks of one subset of PTB-XL
    share a table, those of another subset get the next.
    """
    together = _Components()
    for result in results:
        store = (result.dataset.get("name"), result.dataset.get("digest"))
        together.join((_kind(result), "split", *_scored(result)), (_kind(result), "store", *store))
    size: dict[Any, tuple[int, str]] = {}
    populations: dict[Any, set[Any]] = defaultdict(set)
    versions: dict[Any, dict[str, str]] = defaultdict(dict)
    for result in results:
        root = together.root((_kind(result), "split", *_scored(result)))
        started = str(result.provenance.get("started", ""))
        own = (int(result.score.get("n_records") or 0), started)
        size[root] = max(size.get(root, own), own)
        populations[(_kind(result), result.dataset.get("name"))].add(root)
        for axis, version in _versions(result, root):
            versions[axis][version] = max(versions[axis].get(version, ""), started)
    position = {
        (kind, root): index
        for (kind, _), roots in populations.items()
        for index, root in enumerate(sorted(roots, key=lambda r: size[r], reverse=True))
    }
    age = {axis: sorted(sorted(dates), key=dates.__getitem__, reverse=True) for axis, dates in versions.items()}
    numbers: dict[Any, tuple[int, ...]] = {}
    for result in results:
        root = together.root((_kind(result), "split", *_scored(result)))
        editions = (age[axis].index(version) for axis, version in _versions(result, root))
        numbers[result.key] = (position[(_kind(result), root)], *editions)
    ordered: dict[Any, list[tuple[int, ...]]] = {}
    for kind in {_kind(result) for result in results}:
        ordered[kind] = sorted({numbers[result.key] for result in results if _kind(result) == kind})
    return {r.key: Stamp(*_kind(r), population=ordered[_kind(r)].index(numbers[r.key])) for r in results}


def _versions(result: Result, root: Any) -> list[tuple[Any, str]]:
    """Of what there may be two versions where the records are the same ones: labels or split rule, and the signals.

    One store, one task, two digests: the split's rule or the labels changed in between. One split, one sampling rate, two
    stores: the signals or what is known of the patients did. Stores of two rates are two forms of the same recordings.
    """
    *scored, split = _scored(result)
    store = (root, result.dataset.get("name"), result.dataset.get("fs"))
    return [((root, *scored), split), (store, str(result.dataset.get("digest")))]


def _kind(result: Result) -> tuple[str, str, bool, str]:
    protocol = str(result.provenance.get("protocol") or "")
    return (result.data, result.profile, bool(result.split.get("complete")), protocol)


def _scored(result: Result) -> tuple[str, int, float, str]:
    return (result.cell.task, result.cell.fold, result.cell.fraction, str(result.split.get("digest")))


class _Components:
    """Connected components (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Any, Any] = {}

    def root(self, node: Any) -> Any:
        self._parent.setdefault(node, node)
        while self._parent[node] != node:
            self._parent[node] = node = self._parent[self._parent[node]]
        return node

    def join(self, first: Any, second: Any) -> None:
        self._parent[self.root(first)] = self.root(second)
