"""Finished cells in groups of recordings: by age, sex, device, and what else the dataset knows of its recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import registry
from bench.cells.result import Result
from bench.errors import ConfigError, DataError
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.progress import say
from bench.scoring.subgroups import UNKNOWN, GroupScore, group_scores

if TYPE_CHECKING:
    import numpy as np

    from bench.signals.store import SignalStore


@dataclass(frozen=True)
class SubgroupTable:
    """One method on one task in groups.

    Attributes:
        cell: task, mode, labelled share, leads, profile and kind of data.
        groups: of all attributes, in the order that was asked for.
    """

    method: str
    cell: str
    metric: str
    seeds: int
    groups: list[GroupScore]

    @property
    def title(self) -> str:
        """Method and cell."""
        return f"{self.method} · {self.cell}"

    @property
    def worst(self) -> GroupScore | None:
        """The group that falls the furthest below the other records; None where no group was scored."""
        return min((group for group in self.groups if group.scored), key=lambda group: group.difference, default=None)


def attributes_of(dataset: str, by: Sequence[str]) -> list[str]:
    """The attributes that are asked for, or all of the dataset's.

    Raises:
        ConfigError: the dataset has no such attribute.
    """
    known = registry.load(registry.DATASETS, dataset).subgroups
    for name in by:
        if name not in known:
            raise ConfigError(f"--by {name}: {dataset} has {', '.join(known) or 'nothing to group recordings by'}.")
    return list(by or known)


def subgroup_tables(
    results: Iterable[Result], store: Callable[[str], SignalStore], by: Sequence[str] = (), least: int = 10
) -> list[SubgroupTable]:
    """A table per method, task, mode, labelled share and lead subset, over its seeds.

    Args:
        store: name of a dataset -> its prepared store, whose records state the groups.
        by: attributes; all that the dataset has if empty.
        least: see :func:`bench.scoring.subgroups.group_scores`.

    Raises:
        ConfigError: an attribute that a dataset lacks. DataError: the dataset lacks records of a result, or its copy states
            nothing of any test record by which they could be grouped.
    """
    import numpy as np

    without: dict[str, str] = {}
    groups_of: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    tables = []
    for group in cell_groups(results):
        title, of_cell = f"{group.method} · {group.title}", group.results
        runs = [PairedScores.of(result) for result in of_cell]
        first, dataset = runs[0], of_cell[0].tested_dataset
        if not all(np.array_equal(run.records, first.records) for run in runs):
            raise DataError(
                f"{title}: its seeds were scored on different test records, which cannot be one table. Run them again "
                "with bench run --recompute."
            )
        key = (dataset, group.split)
        if key not in groups_of:
            groups_of[key] = _groups(store(dataset), dataset, first.records, attributes_of(dataset, by))
        groups = groups_of[key]
        if not any((labels != UNKNOWN).any() for labels in groups.values()):
            without[dataset] = f"this copy of {dataset} states nothing of its test records by {', '.join(groups)}"
            continue
        metric = next(iter(of_cell[0].score["metrics"]))
        scored = group_scores(
            of_cell[0].score["kind"],
            first.targets,
            [run.scores for run in runs],
            first.names,
            first.patients,
            groups,
            metric,
            least=least,
        )
        tables.append(SubgroupTable(group.method, group.title, metric, len(runs), scored))
    if without and not tables:
        raise DataError(f"{'; '.join(without.values())}. Use the publisher's own tables, which have these columns.")
    for reason in without.values():
        say(f"left out: {reason}")
    return tables


def _groups(store: SignalStore, dataset: str, record_ids: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Attribute -> the group of each record."""
    import numpy as np

    records = store.records.iloc[store.rows(record_ids)]
    described = registry.load(registry.DATASETS, dataset)
    return {name: np.array(described.subgroup(records, name), dtype=str) for name in names}


def table_csv(tables: Sequence[SubgroupTable]) -> str:
    """One line per group."""
    numbers = ("value", "low", "high", "rest", "difference", "difference_low", "difference_high", "p_corrected")
    counts = ("records", "patients", "positives", "classes")
    rows = []
    for table in tables:
        for group in table.groups:
            values = (group.value, *group.interval, group.rest, group.difference, *group.difference_interval, group.p)
            sizes = (group.records, group.patients, group.positives, " ".join(group.classes))
            rows.append([table.title, table.seeds, group.attribute, group.group, *sizes, table.metric, *values])
    return plain_csv(["cell", "seeds", "attribute", "group", *counts, "metric", *numbers], rows)
