"""The ranking of a table's lines over its tasks, with intervals and a rank range; see :mod:`bench.scoring.method_ranking`.

A block is a task in a mode. Its columns (labelled fractions, lead subsets, metrics) are averaged first, as minus the log of
the error, and a line takes part in a block if it has all of the block's columns that were run. A line without a block is
ranked on the blocks that it has, and the ranking states how many these are; nothing is put in for the missing ones. Columns
in which every network is trained from labels alone (``scratch``) are ranked only on a board that has no others, and metrics
without a better direction (prevalence, calibration slope) never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench.cells.result import Result
from bench.errors import ConfigError, UnknownName
from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import learned_nothing, wanted_coordinates
from bench.leaderboard.statistics.comparisons import is_directed, lower_is_better
from bench.leaderboard.text_ceilings import in_words

if TYPE_CHECKING:
    import numpy as np

    from bench.leaderboard.collect import Table

Contaminated = Literal["excluded", "shown", "imputed"]
Incomplete = Literal["ranked", "refused"]
Tasks = Literal["these", "others"]
DRAWS = 1000
FEWEST_TASKS = 3
"""Below this number of tasks, intervals are for these tasks alone."""
SMALLEST_ERROR = 1e-4
UNTESTED_CORRELATION = 0.5
"""Of the noise of two numbers on the same patients, where their difference was not tested. No choice is safe: too much noise
makes the differences between tasks look small, too little makes measured ones look certain."""
Z = 1.959964
BETWEEN = " · "


@dataclass(frozen=True)
class RankingOptions:
    """Decisions that a ranking depends on.

    Attributes:
        contaminated: cells whose test records were pretrained on: left out of the ranking as if they had not been run,
            counted like others (``shown``), or given the value of the untrained encoder (``imputed``).
        incomplete: lines that lack a block: ranked on those that they have, or left out.
        tasks: intervals for these tasks, or for other tasks of the kind; empty: other tasks, from :data:`FEWEST_TASKS` on.
    """

    contaminated: Contaminated = "excluded"
    incomplete: Incomplete = "ranked"
    tasks: Tasks | None = None


@dataclass(frozen=True)
class Estimate:
    """A statistic and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranked:
    """A line of a ranking.

    Attributes:
        line: its number in the table.
        rank: 1 for the best; by Bradley-Terry strength.
        low, high: the rank range at 95 %.
        wins: the share of comparisons that the measured numbers win.
        win_rate, mean_rank, bradley_terry: of the true values, with the noise of patients and replicates taken out.
        skill: None without an untrained encoder.
        blocks: how many blocks it has.
    """

    line: int
    label: str
    rank: int
    low: int
    high: int
    wins: float
    win_rate: Estimate
    mean_rank: Estimate
    bradley_terry: Estimate
    skill: Estimate | None
    blocks: int


@dataclass(frozen=True)
class Ranking:
    """The lines of a table, best first.

    Attributes:
        blocks: names of the blocks.
        reference: label of the untrained encoder; empty if there is none.
        tasks: what the intervals are for.
        excluded: contaminated cells that took no part, or were imputed, as (label, block).
        left_out: labels of lines that are not ranked, with the reason.
        without_noise: labels of lines whose cells state no interval, so that they count as exact.
        one_model: how many ranked lines are a single trained model: their intervals do not cover another training.
    """

    each: tuple[Ranked, ...]
    blocks: tuple[str, ...]
    reference: str
    tasks: Tasks
    options: RankingOptions
    excluded: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    without_noise: tuple[str, ...] = ()
    one_model: int = 0

    def of(self, line: int) -> Ranked | None:
        """The rank of a line of the table."""
        return next((ranked for ranked in self.each if ranked.line == line), None)

    @property
    def best(self) -> tuple[int, ...]:
        """The lines whose rank range reaches 1; none if that is more than half of them."""
        best = tuple(ranked.line for ranked in self.each if ranked.low == 1)
        return best if len(best) <= len(self.each) / 2 else ()


def ranking_of(
    table: Table, results: Mapping[str, Result], options: RankingOptions | None = None, draws: int = DRAWS
) -> Ranking | None:
    """The ranking of a table's lines; None where fewer than two have a number to compare, or its rows ask different things.

    Args:
        table: with its tests (:func:`bench.leaderboard.collect.compared`), where predictions are available. Of rows that
            were not tested, the noise counts as correlated by :data:`UNTESTED_CORRELATION`.
        results: those behind the table, by key.

    Raises:
        ConfigError: cells shall be imputed, and no untrained encoder has their values.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    from bench.scoring import method_ranking as ranking

    options = options or RankingOptions()
    blocks = _blocks(table)
    if not blocks:
        return None
    names = list(blocks)
    values, noise = _measured(table, list(blocks.values()))
    noiseless = {
        k
        for k in range(len(table.lines))
        for b in range(len(names))
        if values[b, k] == values[b, k] and not noise[b, k, k]
    }
    reference = _reference(table, values, results)
    excluded = []
    for b, k in _contaminated(table, list(blocks.values()), values):
        if options.contaminated == "shown":
            break
        excluded.append((table.name(table.lines[k]), names[b]))
        if options.contaminated == "imputed" and k != reference:
            if reference is None or not np.isfinite(values[b, reference]):
                raise ConfigError(
                    f"{table.board.name}: {excluded[-1][0]} was pretrained on test records of {names[b]}, and no untrained "
                    "encoder has a value there to impute. Run one (bench run --method random-resnet), or use --contaminated "
                    "excluded."
                )
            values[b, k] = values[b, reference]
        else:
            values[b, k] = np.nan
    left_out = _unranked(table, values, options, excluded)
    present = [k for k in range(len(table.lines)) if np.isfinite(values[:, k]).any() and k not in left_out]
    used = [b for b in range(len(names)) if np.isfinite(values[b, present]).sum() > 1]
    lines = [k for k in present if np.isfinite(values[used, k]).any()]
    left_out |= {k: "no other row has its tasks" for k in present if k not in lines}
    if len(lines) < 2 or not used:
        return None
    values, noise = values[np.ix_(used, lines)], noise[np.ix_(used, lines, lines)]
    tasks = options.tasks or (
        "others" if len({names[b].partition(BETWEEN)[0] for b in used}) >= FEWEST_TASKS else "these"
    )
    with threadpool_limits(1):  # thousands of small matrices: threads wait for each other
        drawn = ranking.true_values(values, noise, draws, new_blocks=tasks == "others")
        shares, compared = ranking.win_shares(drawn)
        compared = compared * (len(used) / drawn.shape[1])
        rates, strengths = ranking.win_rates(shares), ranking.bradley_terry(shares, compared)
    own = lines.index(reference) if reference in lines else None
    skills = None if own is None else ranking.skill_scores(drawn, own)
    places = ranking.positions(strengths)
    wins = ranking.win_rates(ranking.win_shares(values[None])[0])[0]
    order = sorted(range(len(lines)), key=lambda i: (-strengths[:, i].mean(), -wins[i]))
    low, high = np.quantile(places, [0.025, 0.975], axis=0, method="nearest")
    each = tuple(
        Ranked(
            line=lines[i],
            label=table.name(table.lines[lines[i]]),
            rank=position,
            low=min(int(low[i]), position),
            high=max(int(high[i]), position),
            wins=float(wins[i]),
            win_rate=_estimate(rates[:, i]),
            mean_rank=_estimate(ranking.mean_ranks(rates)[:, i]),
            bradley_terry=_estimate(strengths[:, i]),
            skill=None if skills is None else _estimate(skills[:, i]),
            blocks=int(np.isfinite(values[:, i]).sum()),
        )
        for position, i in enumerate(order, 1)
    )
    return Ranking(
        each,
        tuple(names[b] for b in used),
        "" if own is None else table.name(table.lines[lines[own]]),
        tasks,
        options,
        tuple(excluded),
        tuple((table.name(table.lines[k]), why) for k, why in left_out.items()),
        tuple(table.name(table.lines[k]) for k in lines if k in noiseless),
        sum(any(s.one_model for s in table.lines[k].summaries if s.value is not None) for k in lines),
    )


def ranked(tables: Sequence[Table], results: Sequence[Result]) -> list[Table]:
    """The tables with their rankings."""
    by_key = {result.key: result for result in results}
    return [replace(table, ranking=ranking_of(table, by_key)) if table.stamp else table for table in tables]


def options_from(contaminated: str = "excluded", incomplete: str = "ranked", tasks: str = "") -> RankingOptions:
    """Options by their names.

    Raises:
        UnknownName: a value that an option does not have.
    """
    for option, value, known in (
        ("value of --contaminated", contaminated, ("excluded", "shown", "imputed")),
        ("value of --incomplete", incomplete, ("ranked", "refused")),
        ("value of --tasks", tasks or "these", ("these", "others")),
    ):
        if value not in known:
            raise UnknownName(option, value, known)
    return RankingOptions(contaminated, incomplete, tasks or None)  # type: ignore[arg-type]


def _blocks(table: Table) -> dict[str, list[int]]:
    """Name of each block -> its columns; empty where rows of a column ask different questions."""
    if is_cost(table.board.metric):
        return {}
    blocks: dict[str, list[int]] = defaultdict(list)
    represents: set[int] = set()
    for index, column in enumerate(table.board.columns):
        metric = column.metric or table.board.metric or _metric_of_rows(table, index)
        filled = [line for line in table.lines if line.summaries[index].value is not None]
        if column.mean_of or column.change or is_cost(metric) or not is_directed(metric) or not filled:
            continue
        if not all(line.summaries[index].learned == "labels" for line in filled):
            represents.add(index)
        asked = {
            (
                tuple(task for task, *_ in wanted_coordinates(line.row, column)),
                line.row.metric or metric,
                line.row.class_name or column.class_name,
            )
            for line in filled
        }
        if len(asked) != 1:
            return {}
        tasks, *_ = asked.pop()
        blocks[BETWEEN.join(filter(None, [", ".join(tasks), column.mode]))].append(index)
    return {name: columns for name, columns in blocks.items() if not represents or represents.intersection(columns)}


def _measured(table: Table, blocks: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """[block, line]: minus the mean log error, NaN where a column is missing; and [block, line, line] the noise.

    Columns of a block are scored on the same patients, so that their noise is correlated too (:data:`UNTESTED_CORRELATION`).
    """
    import numpy as np

    count = len(table.lines)
    values, noise = np.full((len(blocks), count), np.nan), np.zeros((len(blocks), count, count))
    for b, indices in enumerate(blocks):
        logs, deviations, pairs = [], [], []
        for index in indices:
            error = _errors(table, index)
            logs.append(-np.log(error))
            deviations.append(_deviations(table, index) / error)
            pairs.append(_pair_errors(table, index) / np.sqrt(np.outer(error, error)))
        values[b] = np.mean(logs, axis=0)
        together = np.sqrt((1 + (len(indices) - 1) * UNTESTED_CORRELATION) / len(indices))
        own, between = together * np.mean(deviations, axis=0), together * np.mean(pairs, axis=0)
        own = np.where(np.isfinite(own), own, 0.0)
        squares = own**2
        shared = (squares[:, None] + squares - between**2) / 2
        shared = np.where(np.isfinite(between), shared, UNTESTED_CORRELATION * np.outer(own, own))
        noise[b] = np.where(np.outer(own, own) > 0, shared, 0.0)
        noise[b][np.arange(count), np.arange(count)] = squares
    return values, noise


def _errors(table: Table, index: int) -> np.ndarray:
    """Distance of each line's value from a perfect one."""
    import numpy as np

    metric = table.board.columns[index].metric or table.board.metric or _metric_of_rows(table, index)
    values = np.array([np.nan if (v := line.summaries[index].value) is None else v for line in table.lines])
    error = values if lower_is_better(metric) else 1 - values
    return np.maximum(error, SMALLEST_ERROR)


def _metric_of_rows(table: Table, index: int) -> str:
    return next((line.row.metric or "" for line in table.lines if line.summaries[index].value is not None), "")


def _deviations(table: Table, index: int) -> np.ndarray:
    import numpy as np

    bounds = [(line.summaries[index].low, line.summaries[index].high) for line in table.lines]
    return np.array([np.nan if low is None or high is None else (high - low) / 2 / Z for low, high in bounds])


def _pair_errors(table: Table, index: int) -> np.ndarray:
    """Standard errors of the differences of lines, NaN where two were not compared; few degrees of freedom make it larger."""
    import numpy as np
    from scipy import stats

    count = len(table.lines)
    errors = np.full((count, count), np.nan)
    ranks = table.ranks.get(index)
    for (i, j), (difference, _) in (ranks.tests if ranks else {}).items():
        error, freedom = difference.spread
        wider = stats.t.ppf(0.975, freedom) / Z if np.isfinite(freedom) else 1.0
        errors[i, j] = errors[j, i] = error * wider
    for same in ranks.same if ranks else ():
        for i in same:
            for j in same:
                errors[i, j] = 0.0
    return errors


def _reference(table: Table, values: np.ndarray, results: Mapping[str, Result]) -> int | None:
    """The untrained encoder with the most blocks; of several the best, since it is the hardest to improve on."""
    import numpy as np

    def untrained(k: int) -> bool:
        cells = [results[key] for s in table.lines[k].summaries for key in s.keys if key in results and s.learned == ""]
        return any(map(learned_nothing, cells))

    candidates = [k for k in range(len(table.lines)) if np.isfinite(values[:, k]).any() and untrained(k)]
    return max(candidates, key=lambda k: (np.isfinite(values[:, k]).sum(), np.nanmean(values[:, k])), default=None)


def _contaminated(table: Table, blocks: Sequence[Sequence[int]], values: np.ndarray) -> list[tuple[int, int]]:
    import numpy as np

    return [
        (b, k)
        for b, indices in enumerate(blocks)
        for k, line in enumerate(table.lines)
        if np.isfinite(values[b, k]) and any("test records" in line.summaries[i].contamination for i in indices)
    ]


def _unranked(
    table: Table, values: np.ndarray, options: RankingOptions, excluded: Sequence[tuple[str, str]]
) -> dict[int, str]:
    """Lines that are not ranked -> why."""
    import numpy as np

    left_out = {}
    of_cells = {label for label, _ in excluded}
    for k, line in enumerate(table.lines):
        if not line.found:
            continue
        lacks = int((~np.isfinite(values[:, k])).sum())
        if in_words(line.text_ceilings):
            left_out[k] = "its texts state the labels"
        elif lacks == len(values) and table.name(line) in of_cells:
            left_out[k] = "it was pretrained on test records of every task"
        elif lacks == len(values):
            left_out[k] = "it has no complete task"
        elif lacks and options.incomplete == "refused":
            left_out[k] = f"it lacks {lacks} of {len(values)} tasks"
    return left_out


def _estimate(draws: np.ndarray) -> Estimate:
    import numpy as np

    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Estimate(float(np.nanmean(draws)), float(low), float(high))
