"""Transferred results as a matrix: what was trained by what it was tested on, with the in-domain value of the same probe.

Both values are means over the same classes: those that the two tasks share and that both test sets can score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import kinds, registry
from bench.cells.result import Result
from bench.leaderboard.cell_groups import CellGroup, cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.match_results import latest, stated_config
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.storage.artifacts import digest

if TYPE_CHECKING:
    from bench.scoring.bootstrap import Interval, Replicates, Scale, Spread


@dataclass(frozen=True)
class Transferred:
    """A method that was trained on one task and tested on another, over its replicates.

    Attributes:
        method: its name, with the settings that set it apart.
        classes: of the train task, that both values average.
        value, interval: on the records of the test task.
        in_domain: value and interval of the same probes on the train task's test records; None where they were not run.
        loss: the in-domain value minus this one, and its interval; None without an in-domain value.
        records: test records.
        contamination: of the transferred results; ``in_domain_contamination`` of the others.
    """

    method: str
    train: str
    test: str
    classes: list[str]
    value: float
    interval: Interval
    in_domain: tuple[float, Interval] | None
    loss: tuple[float, Interval] | None
    records: int
    replicates: int
    contamination: list[str]
    in_domain_contamination: list[str]


@dataclass(frozen=True)
class TransferTable:
    """One matrix: ``title`` states the mode, the labelled share, the leads, the profile and the kind of data."""

    title: str
    metric: str
    entries: list[Transferred]

    @property
    def tests(self) -> list[str]:
        return list(dict.fromkeys(entry.test for entry in self.entries))

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(train task, method), the methods of one train task together."""
        pairs = dict.fromkeys((entry.train, entry.method) for entry in self.entries)
        order = list(dict.fromkeys(train for train, _ in pairs))
        return sorted(pairs, key=lambda pair: order.index(pair[0]))

    def at(self, train: str, method: str, test: str) -> Transferred | None:
        """The entry of a row and a column."""
        wanted = (train, method, test)
        return next((e for e in self.entries if (e.train, e.method, e.test) == wanted), None)

    def shared(self) -> dict[tuple[str, str], list[str]]:
        """(train task, test task) -> the classes that are averaged."""
        return {(entry.train, entry.test): entry.classes for entry in self.entries}


def transfer_tables(results: Iterable[Result]) -> list[TransferTable]:
    """A matrix per mode, labelled share, lead subset, profile and kind of data, of all transferred results."""
    results = list(results)
    tables: dict[tuple[str, str], list[Transferred]] = {}
    in_domain: dict[str, list[Result]] = {}
    for result in results:
        if not registry.is_transferred(result.cell.task):
            in_domain.setdefault(_trained(result, result.cell.task), []).append(result)
    groups = cell_groups(result for result in results if registry.is_transferred(result.cell.task))
    for group in _latest_of_each(groups):
        task, _, title = group.title.partition(" · ")
        train, _, test = task.partition(registry.TO)
        same = latest([r for result in group.results for r in in_domain.get(_trained(result, train), [])])
        if entry := _entry(group.method, train, test, group.results, same):
            tables.setdefault((title, _metric(group.results[0])[0]), []).append(entry)
    return [TransferTable(title, metric, entries) for (title, metric), entries in tables.items()]


def _latest_of_each(groups: Sequence[CellGroup]) -> list[CellGroup]:
    """Of groups that differ in their records alone (another copy of the data), the one that was run last."""

    def started(group: CellGroup) -> str:
        return max(str(result.provenance.get("started", "")) for result in group.results)

    newest = {(group.title, group.method): group for group in sorted(groups, key=started)}
    return [group for group in groups if newest[group.title, group.method] is group]


def _trained(result: Result, task: str) -> str:
    """Equal for results of one probe: the same cell, but for the test records, from the same weights and settings."""
    cell = replace(result.cell, task=task)
    parts = [
        cell.to_dict(),
        result.profile,
        result.data,
        stated_config(result),
        result.checkpoint.get("weights_sha256"),
    ]
    return digest([*parts, result.dataset.get("digest")])


def _entry(
    method: str, train: str, test: str, results: Sequence[Result], in_domain: Sequence[Result]
) -> Transferred | None:
    """None where the test records can score no shared class."""
    moved, own = [_replicates(result) for result in results], [_replicates(result) for result in in_domain]
    names = list(results[0].score["per_class"])
    columns = [i for i in range(len(names)) if all(run.present[i] for run in [*moved, *own])]
    if not columns:
        return None
    _, scale = _metric(results[0])
    value, interval, spread = _mean([run.of_parts(columns) for run in moved], scale)
    at_home = loss = None
    if own:
        own_value, own_interval, own_spread = _mean([run.of_parts(columns) for run in own], scale)
        at_home = (own_value, own_interval)
        loss = (own_value - value, _of_difference(own_value - value, own_spread, spread))
    return Transferred(
        method,
        train,
        test,
        [names[i] for i in columns],
        value,
        interval,
        at_home,
        loss,
        max(int(result.score["n_records"]) for result in results),
        len(results),
        sorted({result.contamination for result in results}),
        sorted({result.contamination for result in in_domain}),
    )


def _replicates(result: Result) -> Replicates:
    return PairedScores.of(result).replicates(_metric(result)[0], None)


def _metric(result: Result) -> tuple[str, Scale]:
    """The metric of the result's kind, and the scale on which its interval is symmetric."""
    kind = kinds.load(result.score["kind"])
    return kind.selection_metric, kind.metrics[kind.selection_metric]


def _mean(runs: Sequence[Replicates], scale: Scale) -> tuple[float, Interval, Spread]:
    from bench.scoring.replication import components

    mean = components(runs)
    return mean.value, mean.interval(scale), mean.spread


def _of_difference(value: float, first: Spread, second: Spread) -> Interval:
    """The interval of a difference between two sets of patients, as if the two were independent.

    Both come from the same probes, whose variation moves both in one direction: the interval is not too narrow.
    """
    from bench.scoring.bootstrap import Spread, interval

    variances = [first.standard_error**2, second.standard_error**2]
    terms = [v**2 / s.freedom for v, s in zip(variances, (first, second), strict=True) if math.isfinite(s.freedom)]
    freedom = sum(variances) ** 2 / sum(terms) if sum(terms) else math.inf
    return interval(value, Spread(math.sqrt(sum(variances)), freedom), "plain")


def table_csv(tables: Sequence[TransferTable]) -> str:
    """One line per train task, method and test task."""
    head = [
        "table",
        "trained_on",
        "method",
        "tested_on",
        "classes",
        "records",
        "replicates",
        "metric",
        "value",
        "low",
        "high",
    ]
    head += ["in_domain", "in_domain_low", "in_domain_high", "loss", "loss_low", "loss_high"]
    return plain_csv([*head, "contamination", "in_domain_contamination"], _lines(tables))


def _lines(tables: Sequence[TransferTable]) -> Iterator[list[object]]:
    for table in tables:
        for e in table.entries:
            pairs = [["", "", ""] if pair is None else [pair[0], *pair[1]] for pair in (e.in_domain, e.loss)]
            start = [table.title, e.train, e.method, e.test, " ".join(e.classes), e.records, e.replicates, table.metric]
            marks = [", ".join(e.contamination), ", ".join(e.in_domain_contamination)]
            yield [*start, e.value, *e.interval, *pairs[0], *pairs[1], *marks]
