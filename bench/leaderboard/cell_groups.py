"""Group results of one cell over its replicates, for tables that no board describes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bench.cells.result import Result
from bench.leaderboard.lines import UNTRAINED
from bench.leaderboard.match_results import is_untrained, latest, split_by_config
from bench.leaderboard.replicates import by_replicate


@dataclass(frozen=True)
class CellGroup:
    """The replicates of one method, with one config, on one split.

    Attributes:
        title: task, mode, labelled share, leads, profile and kind of data.
        split: digest of the split.
        method: name of the method, with the settings that set it apart where it was run in several ways.
        results: one per cell, the newest; none that belongs to no replicate, as ``--split-variance`` makes them.
    """

    title: str
    split: str
    method: str
    results: list[Result]


def cell_groups(results: Iterable[Result]) -> list[CellGroup]:
    """Results by cell and config: nothing that was computed in two ways is one group."""
    together: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts = str(replace(result.cell, method="", seed=0, draw=0, training=0)).split(" · ")
        shared = " · ".join(part for part in parts if part and part != "seed 0")
        title = f"{shared}, {result.profile} profile, {result.data} data"
        together[title, str(result.split.get("digest")), result.method_name].append(result)
    groups = []
    for (title, split, method), of_method in together.items():
        for untrained in (False, True):
            chosen = [result for result in of_method if is_untrained(result) == untrained]
            for settings, of_config in split_by_config(chosen).items():
                variant = ", ".join(filter(None, [UNTRAINED * untrained, settings]))
                label = f"{method} ({variant})" if variant else method
                replicates = by_replicate(latest(of_config)).values()
                groups.append(CellGroup(title, split, label, [result for group in replicates for result in group]))
    return groups
