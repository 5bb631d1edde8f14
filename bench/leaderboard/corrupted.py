"""ECG-C: finished cells under corrupted recordings, as tables.

:mod:`bench.robustness` makes the scores; this module reads stored scores and summarises them over levels and seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import kinds
from bench.cells.result import Result
from bench.corruptions import Condition, corruptions
from bench.errors import ConfigError, DataError
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.match_results import learned_nothing
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.storage.artifacts import damage, sealed

if TYPE_CHECKING:
    import numpy as np

    from bench.scoring.bootstrap import Interval, Replicates, Scale

CLEAN = "clean"
FOLDER = "corrupted"
"""Of a workspace: the stored scores."""


@dataclass(frozen=True)
class CorruptedScores:
    """Scores of a result's test records under each condition that was computed.

    Attributes:
        scores: condition -> float32 [record, ...]; ``Condition()`` is the recordings as they are.
        noise: where the noise of three corruptions came from: ``model`` or ``nstdb``.
    """

    result: Result
    scores: dict[Condition, np.ndarray]
    noise: str


@dataclass(frozen=True)
class CorruptedRow:
    """A method under corruptions, over its seeds.

    Attributes:
        conditions: condition -> value and interval of the metric.
        mean: over all conditions but the clean one.
        error: the mean corruption error relative to the reference and its interval; None without a reference.
    """

    method: str
    seeds: int
    conditions: dict[Condition, tuple[float, Interval]]
    mean: tuple[float, Interval]
    error: tuple[float, Interval] | None

    @property
    def clean(self) -> tuple[float, Interval]:
        return self.conditions[Condition()]

    def of_corruption(self, name: str) -> float:
        """The metric under a corruption, mean over its levels."""
        values = [value for condition, (value, _) in self.conditions.items() if condition.corruption == name]
        return sum(values) / len(values)

    @property
    def worst(self) -> str:
        """The corruption under which the metric is lowest."""
        return min((c.corruption for c in self.conditions if c.corruption), key=self.of_corruption)


@dataclass(frozen=True)
class CorruptedTable:
    """Methods on one task, mode, labelled share and lead subset; the best mean first.

    Attributes:
        title: what all rows share.
        noise: where the noise came from.
        reference: the method that errors are relative to.
    """

    title: str
    metric: str
    noise: str
    reference: str | None
    rows: list[CorruptedRow]

    @property
    def conditions(self) -> list[Condition]:
        return [condition for condition in self.rows[0].conditions if condition.corruption]

    @property
    def corruptions(self) -> list[str]:
        return list(dict.fromkeys(condition.corruption for condition in self.conditions if condition.corruption))


def kept_scores(corrupted_folder: Path, result: Result) -> CorruptedScores | None:
    """A result's stored scores under corruptions; None where there are none. Altered files are left out, and of a condition
    that was scored several times (other noise, other code) the newest scores count."""
    import numpy as np

    sealed_folders = [(seal, folder) for folder in corrupted_folder.glob(f"{result.key}-*") if (seal := sealed(folder))]
    scores: dict[Condition, np.ndarray] = {}
    noises: dict[Condition, str] = {}
    for seal, folder in sorted(sealed_folders, key=lambda pair: (pair[0]["made"], pair[1].name)):  # the newest counts
        if damage(folder) is not None:
            continue
        inputs, values = seal["inputs"], np.load(folder / "scores.npy", allow_pickle=False)
        name = None if inputs["corruption"] == CLEAN else inputs["corruption"]
        for level, part in zip(inputs["levels"], values, strict=True):
            scores[Condition(name, level)], noises[Condition(name, level)] = part, inputs["noise"]
    noise = " and ".join(sorted(set(noises.values()) - {"none"})) or "model"
    return CorruptedScores(result, scores, noise) if Condition() in scores and len(scores) > 1 else None


def corrupted_tables(
    scored: Iterable[CorruptedScores], reference: str | None = None, untrained: bool = False
) -> list[CorruptedTable]:
    """A table per task, mode, labelled share and lead subset.

    Args:
        reference: a method; its row is the unit of the mean corruption error. A table without it has no such error.
        untrained: take the untrained encoder with the best clean result of each table as its reference, where there is one.

    Raises:
        ConfigError: no table has the reference, or its metric has no error.
    """
    by_key = {scores.result.key: scores for scores in scored}
    tables: dict[tuple[str, str], dict[str, list[CorruptedScores]]] = {}
    for group in cell_groups(scores.result for scores in by_key.values()):
        rows = tables.setdefault((group.title, group.split), {})
        rows[group.method] = [by_key[result.key] for result in group.results]
    names = {name for by_method in tables.values() for name in by_method}
    if reference is not None and reference not in names:
        raise ConfigError(
            f"--reference {reference}: it has no scores under corruptions; those that have: {', '.join(sorted(names))}."
        )
    return [
        _table(title, by_method, _untrained(by_method) if untrained else reference)
        for (title, _), by_method in tables.items()
    ]


def _untrained(by_method: Mapping[str, Sequence[CorruptedScores]]) -> str | None:
    """The best untrained encoder, the hardest to improve on; None without one, and where no error follows from the metric."""
    score = next(iter(by_method.values()))[0].result.score
    metric = next(iter(score["metrics"]))
    if kinds.load(score["kind"]).metrics[metric] != "logit":
        return None

    def clean(name: str) -> float:
        values = [scores.result.score["metrics"][metric]["value"] for scores in by_method[name]]
        return sum(values) / len(values)

    names = [name for name, scored in by_method.items() if all(learned_nothing(one.result) for one in scored)]
    return max(names, key=clean, default=None)


def _table(title: str, by_method: Mapping[str, Sequence[CorruptedScores]], reference: str | None) -> CorruptedTable:
    group = [scores for of_method in by_method.values() for scores in of_method]
    order = list(corruptions())
    shared = set.intersection(*(set(scores.scores) for scores in group))
    conditions = sorted(shared, key=lambda c: (order.index(c.corruption) if c.corruption else -1, c.level))
    if len(conditions) < 2:
        raise DataError(
            f"{title}: no corruption was computed for all of {', '.join(by_method)}. Repeat bench run --corrupt."
        )
    metric = next(iter(group[0].result.score["metrics"]))
    scale = kinds.load(group[0].result.score["kind"]).metrics[metric]
    if reference in by_method and scale != "logit":
        raise ConfigError(
            f"--reference {reference}: {title} is measured by {metric}, which does not lie in [0, 1], so that no error "
            f"follows from it. Leave --reference out, or name other tasks with --task."
        )
    drawn = {name: _replicates(scores, conditions, metric) for name, scores in by_method.items()}
    unit = _by_corruption(drawn[reference]) if reference in drawn else None
    rows = [_row(name, len(by_method[name]), runs, unit, scale) for name, runs in drawn.items()]
    noise = " and ".join(sorted({scores.noise for scores in group}))
    rows.sort(key=lambda row: -row.mean[0])
    return CorruptedTable(title, metric, noise, reference if unit else None, rows)


def _replicates(
    scored: Sequence[CorruptedScores], conditions: Sequence[Condition], metric: str
) -> dict[Condition, list[Replicates]]:
    """The metric in each draw of patients, per condition and seed."""
    drawn: dict[Condition, list[Replicates]] = {condition: [] for condition in conditions}
    for scores in scored:
        paired = PairedScores.of(scores.result)
        for condition in conditions:
            values = scores.scores[condition].astype(float)
            drawn[condition].append(replace(paired, scores=values).replicates(metric, None))
    return drawn


def _by_corruption(drawn: dict[Condition, list[Replicates]]) -> dict[str, list[Replicates]]:
    runs: dict[str, list[Replicates]] = {}
    for condition, replicates in drawn.items():
        if condition.corruption:
            runs.setdefault(condition.corruption, []).extend(replicates)
    return runs


def _row(
    name: str,
    seeds: int,
    drawn: dict[Condition, list[Replicates]],
    unit: dict[str, list[Replicates]] | None,
    scale: Scale,
) -> CorruptedRow:
    from bench.scoring.corruption_error import mean_corruption_error, mean_value

    own = _by_corruption(drawn)
    mean = mean_value([run for runs in own.values() for run in runs], scale)
    error = mean_corruption_error(own, unit) if unit else None
    conditions = {condition: mean_value(runs, scale) for condition, runs in drawn.items()}
    return CorruptedRow(name, seeds, conditions, mean, error)


def table_csv(tables: Sequence[CorruptedTable]) -> str:
    """One line per method and condition, and one per method for all of them."""
    head = ["table", "method", "seeds", "corruption", "level", "setting", "noise", "metric", "value", "low", "high"]
    return plain_csv(
        [*head, "mean_corruption_error", "error_low", "error_high", "reference"],
        (line for table in tables for row in table.rows for line in _lines(table, row)),
    )


def _lines(table: CorruptedTable, row: CorruptedRow) -> Iterator[list[Any]]:
    known = corruptions()
    start = [table.title, row.method, row.seeds]
    for condition, (value, interval) in row.conditions.items():
        setting = known[condition.corruption].at(condition.level) if condition.corruption else ""
        what = [condition.corruption or CLEAN, condition.level, setting, table.noise, table.metric]
        yield [*start, *what, value, *interval, "", "", "", ""]
    value, interval = row.mean
    error = ["", "", ""] if row.error is None else [row.error[0], *row.error[1]]
    yield [*start, "all", "", "", table.noise, table.metric, value, *interval, *error, table.reference or ""]
