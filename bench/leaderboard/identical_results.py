"""Rows whose results are one computation: the same predictions, record by record, under several names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bench import modes
from bench.cells.result import Result
from bench.leaderboard.match_results import CellCoordinates, coordinates_of
from bench.signals.leads import LEADS, name_leads


def identical_results(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """A note for each group of rows that have the same predictions in a place, with the places.

    Two methods without pretraining that have the same network are one computation, and no two pieces of evidence. Rows that
    show one result, such as several of its classes, are not meant.
    """
    groups: dict[tuple[CellCoordinates, frozenset[str]], dict[frozenset[str], str]] = defaultdict(dict)
    for label, results in used.items():
        by_place: dict[CellCoordinates, list[Result]] = defaultdict(list)
        for result in results:
            by_place[coordinates_of(result)].append(result)
        for coordinates, cell_results in by_place.items():
            digests = frozenset(result.predictions_digest for result in cell_results)
            if "" not in digests:
                groups[coordinates, digests].setdefault(frozenset(result.key for result in cell_results), label)
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (coordinates, _), labels in groups.items():
        if len(labels) > 1:
            places[tuple(labels.values())].append(_named(coordinates))
    return [
        f"{'; '.join(where)}: {', '.join(labels[:-1])} and {labels[-1]} have the same predictions: one computation under "
        f"{len(labels)} names."
        for labels, where in places.items()
    ]


def _named(coordinates: CellCoordinates) -> str:
    task, mode, fraction, leads = coordinates
    words = [task, mode]
    if modes.facts(mode).uses_labels and fraction < 1:
        words.append(f"{100 * fraction:g}%")
    return " ".join(words if leads == LEADS else [*words, f"leads {name_leads(leads)}"])
