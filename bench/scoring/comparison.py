"""Compare methods, with the uncertainty of their differences.

On one test set: :func:`paired_difference` (bootstrap, any metric, patients) and :func:`delong` (one class's AUROC,
records). Over repeated cross-validation: :func:`corrected_resampled_t`. Over a column of comparisons: :func:`holm`.
Over several tasks: :func:`friedman` with Nemenyi's critical difference, and :func:`mean_rank`. All p values are
two-sided.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Real, Shaped
from scipy import stats

from bench.errors import DataError
from bench.scoring.bootstrap import Interval, Replicates, Spread, interval, require_same_origin
from bench.scoring.classification import midranks


@dataclass(frozen=True)
class Difference:
    """First minus second, its 95 % interval, and the p value of no difference; NaN where there is too little data."""

    value: float
    low: float
    high: float
    p_value: float


def paired_difference(first: Replicates, second: Replicates, level: float = 0.95) -> Difference:
    """The difference of two methods on the same records, from the same bootstrap draws.

    Both come from :func:`bench.scoring.score.score_replicates`. Each replicate's difference is taken class by class,
    so what makes a replicate easy for both cancels. Standard error and degrees of freedom as in
    :meth:`Replicates.spread`.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    require_same_origin([first, second])
    both = Replicates(first.estimates - second.estimates, first.values - second.values, first.support, first.origin)
    return _tested(both.value, both.spread(), level)


def difference_of_means(first: Sequence[Replicates], second: Sequence[Replicates], level: float = 0.95) -> Difference:
    """The difference of two methods of which each was trained with several seeds; one seed each is
    :func:`paired_difference`.

    The records' part is that of the seeds' averages, paired. To it comes, for each method, the variance between its
    seeds over their number: seeds of two methods have nothing to do with each other. Degrees of freedom after
    Satterthwaite.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    require_same_origin([*first, *second])
    means = [_mean(runs) for runs in (first, second)]
    both = Replicates(means[0].estimates - means[1].estimates, means[0].values - means[1].values, means[0].support)
    records = both.spread()
    variance, parts = records.standard_error**2, records.standard_error**4 / records.freedom
    for runs in (first, second):
        if len(runs) > 1:
            between = float(np.var([run.value for run in runs], ddof=1)) / len(runs)
            variance += between
            parts += between**2 / (len(runs) - 1)
    return _tested(both.value, Spread(variance**0.5, variance**2 / parts if parts > 0 else np.inf), level)


def p_values_of_all_pairs(lines: Sequence[Sequence[Replicates]]) -> Float[np.ndarray, "pair"]:
    """The p value of :func:`difference_of_means` for every two lines, in the order of ``itertools.combinations``.

    What a pair needs of its replicates are the variances of differences, which the covariances of all lines hold at once:
    780 pairs of 40 lines cost one product of matrices instead of 780 passes. Lines so much alike that rounding would show are
    compared one by one.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    pairs = list(itertools.combinations(range(len(lines)), 2))
    runs = [run for line in lines for run in line]
    if not pairs:
        return np.empty(0)
    require_same_origin(runs)
    kept = runs[0].present
    carried = runs[0].support[kept]
    repeated = carried >= 2
    missing = np.isnan(runs[0].values)
    if not repeated.any() or any((np.isnan(run.values) != missing).any() for run in runs):
        return np.array([difference_of_means(lines[i], lines[j]).p_value for i, j in pairs])
    means = [_mean(line) for line in lines]
    estimates = np.stack([mean.estimates[kept] for mean in means])
    moved = np.nan_to_num(np.stack([mean.values[:, kept] for mean in means]) - estimates[:, None])
    moved *= np.where(repeated, np.sqrt(carried / np.maximum(carried - 1, 1)), 0.0)
    moved -= moved.mean(axis=1, keepdims=True)
    first, second = np.array(pairs).T

    def of_differences(deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[line, replicate] -> for each pair the variance of the difference, and whether rounding shows in it."""
        covariance = deviations @ deviations.T / deviations.shape[1]
        own = np.diag(covariance)
        variance = own[first] + own[second] - 2 * covariance[first, second]
        return np.maximum(variance, 0), variance < 1e-9 * (own[first] + own[second])

    variance, alike = of_differences(moved.sum(axis=2))
    by_part = np.stack([of_differences(moved[:, :, p])[0] for p in range(len(carried))])
    of_one_cluster = np.mean(by_part[repeated] * carried[repeated, None], axis=0)
    by_part[~repeated] = of_one_cluster
    variance = (variance + of_one_cluster * np.count_nonzero(~repeated)) / len(carried) ** 2
    own = np.maximum(carried - 1, 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = variance**2 / (by_part.sum(axis=0) ** 2 / np.sum(by_part**2 / (own + 2), axis=0) - 2)
    for line in (first, second):
        between = np.array(
            [np.var([r.value for r in runs], ddof=1) / len(runs) if len(runs) > 1 else 0 for runs in lines]
        )
        freedom = np.array([max(len(runs) - 1, 1) for runs in lines])
        variance = variance + between[line]
        parts = parts + between[line] ** 2 / freedom[line]
    value = np.abs((estimates[first] - estimates[second]).mean(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * stats.t.sf(value / np.sqrt(variance), variance**2 / parts)
    for k in np.flatnonzero(alike | ~(parts > 0)):
        found[k] = difference_of_means(lines[first[k]], lines[second[k]]).p_value
    return found


def _mean(runs: Sequence[Replicates]) -> Replicates:
    """The average over runs, in every replicate."""
    return Replicates(
        np.mean([run.estimates for run in runs], axis=0),
        np.mean([run.values for run in runs], axis=0),
        runs[0].support,
        runs[0].origin,
    )


def _tested(value: float, spread: Spread, level: float) -> Difference:
    low, high = interval(value, spread, "plain", level)
    if spread.standard_error > 0:
        p_value = 2 * float(stats.t.sf(abs(value) / spread.standard_error, spread.freedom))
    else:
        p_value = 1.0 if value == 0 else np.nan
    return Difference(value, low, high, p_value)


@dataclass(frozen=True)
class DeLong:
    """AUROC of each method on one class, and the covariance of these estimates."""

    aurocs: Float[np.ndarray, "method"]
    covariance: Float[np.ndarray, "method method"]

    def difference(self, first: int, second: int, level: float = 0.95) -> Difference:
        """The AUROC of one method minus that of another, with DeLong's normal test."""
        pair = self.covariance[np.ix_([first, second], [first, second])]
        variance = pair[0, 0] + pair[1, 1] - 2 * pair[0, 1]
        if abs(variance) < 1e-15:  # identical rankings: what is left is rounding
            variance = 0.0
        return _tested(float(self.aurocs[first] - self.aurocs[second]), Spread(float(variance**0.5), np.inf), level)


def delong(target: Shaped[np.ndarray, "record"], scores: Real[np.ndarray, "method record"]) -> DeLong:
    """DeLong's covariance of AUROCs measured on the same records (DeLong et al., Biometrics 1988).

    Computed from midranks in O(n log n) (Sun and Xu, IEEE Signal Process Lett 2014). Records count as independent:
    where patients have several recordings use :func:`paired_difference`. NaN with fewer than two positives or
    negatives.
    """
    positive = target != 0
    m, n = int(positive.sum()), int((~positive).sum())
    methods = len(scores)
    if m < 2 or n < 2:
        return DeLong(np.full(methods, np.nan), np.full((methods, methods), np.nan))
    # A positive's component is the share of negatives it beats; a negative's, the share of positives that beat it.
    of_positives, of_negatives = np.empty((methods, m)), np.empty((methods, n))
    for k, score in enumerate(scores):
        among_all = midranks(score)
        of_positives[k] = (among_all[positive] - midranks(score[positive])) / n
        of_negatives[k] = 1 - (among_all[~positive] - midranks(score[~positive])) / m
    covariance = np.atleast_2d(np.cov(of_positives)) / m + np.atleast_2d(np.cov(of_negatives)) / n
    return DeLong(of_positives.mean(axis=1), covariance)


def corrected_resampled_t(
    values: Float[np.ndarray, "run"], train_records: int, test_records: int, level: float = 0.95
) -> Difference:
    """The mean over runs of repeated cross-validation, tested against 0, corrected for overlapping training sets.

    ``values`` are the runs' differences between two methods (or one method's values, for its interval alone). The
    variance of their mean is (1 / runs + test / train) times their variance, with runs - 1 degrees of freedom: Nadeau
    and Bengio, Machine Learning 2003; for repeated cross-validation Bouckaert and Frank, PAKDD 2004.
    """
    runs = len(values)
    if runs < 2:
        return Difference(float(np.mean(values)), np.nan, np.nan, np.nan)
    standard_error = float(np.sqrt((1 / runs + test_records / train_records) * np.var(values, ddof=1)))
    return _tested(float(np.mean(values)), Spread(standard_error, runs - 1), level)


def holm(p_values: Float[np.ndarray, "comparison"]) -> Float[np.ndarray, "comparison"]:
    """p values adjusted so that the chance of any false finding among them stays at the level (Holm 1979).

    NaN stays NaN and does not count as a comparison.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


@dataclass(frozen=True)
class Friedman:
    """Do the methods rank alike over the columns, and which pairs do not."""

    statistic: float
    p_value: float
    mean_ranks: Float[np.ndarray, "method"]
    critical_difference: float
    p_values: Float[np.ndarray, "method method"]


def friedman(values: Float[np.ndarray, "column method"], level: float = 0.95) -> Friedman:
    """Friedman's test over columns (tasks), and Nemenyi's for every pair.

    Rank 1 is the highest value and ties share ranks. Two methods differ where their mean ranks are further apart than
    ``critical_difference``. Demsar, JMLR 2006.

    Raises DataError for a missing value, fewer than 3 methods or fewer than 2 columns.
    """
    ranks = _ranks(values)
    columns, methods = ranks.shape
    if methods < 3 or columns < 2:
        raise DataError(
            f"a Friedman test needs 3 methods and 2 columns or more, not {methods} and {columns}; compare two methods "
            "with paired_difference."
        )
    mean_ranks = ranks.mean(axis=0)
    unit = np.sqrt(methods * (methods + 1) / (6.0 * columns))
    apart = np.abs(mean_ranks[:, None] - mean_ranks) / unit * np.sqrt(2)
    # The studentised range is slow to evaluate, and mean ranks take few distinct distances.
    distances, place = np.unique(apart.round(12), return_inverse=True)
    p_values = stats.studentized_range.sf(distances, methods, np.inf)[place].reshape(apart.shape)
    np.fill_diagonal(p_values, 1.0)
    if (ranks == ranks[:, :1]).all():
        statistic, p_value = 0.0, 1.0
    else:
        statistic, p_value = stats.friedmanchisquare(*ranks.T)
    critical = float(stats.studentized_range.ppf(level, methods, np.inf) / np.sqrt(2) * unit)
    return Friedman(float(statistic), float(p_value), mean_ranks, critical, p_values)


def mean_rank(values: Float[np.ndarray, "column method"], level: float = 0.95) -> list[tuple[float, Interval]]:
    """Each method's mean rank over the columns, with the t interval of a mean over columns, kept within 1 to methods.

    The columns are the sample: the interval says how the rank would move on other tasks of the kind, and is NaN for
    one column. Raises DataError for a missing value.
    """
    ranks = _ranks(values)
    columns, methods = ranks.shape
    means = ranks.mean(axis=0)
    if columns < 2:
        return [(float(mean), Interval(np.nan, np.nan)) for mean in means]
    half = stats.t.ppf((1 + level) / 2, columns - 1) * ranks.std(axis=0, ddof=1) / np.sqrt(columns)
    return [
        (float(mean), Interval(float(max(1.0, mean - h)), float(min(methods, mean + h))))
        for mean, h in zip(means, half, strict=True)
    ]


def _ranks(values: Float[np.ndarray, "column method"]) -> Float[np.ndarray, "column method"]:
    missing = np.argwhere(np.isnan(values))
    if len(missing):
        column, method = missing[0].tolist()
        raise DataError(
            f"method {method} has no value in column {column} ({len(missing)} missing in all); a mean rank over "
            "incomplete rows compares nothing. Run what is missing, or leave the method or the column out."
        )
    return np.stack([midranks(-row) for row in values])


def indistinguishable(
    different: Bool[np.ndarray, "method method"], order: Sequence[int] | None = None
) -> list[list[int]]:
    """The largest groups of methods in which no two differ significantly; a method may be in several.

    ``different[i, j]`` says that i and j differ (symmetric). Groups and members follow ``order``, best first. This is
    the compact letter display's insert-and-absorb algorithm (Piepho, J Comput Graph Stat 2004).
    """
    methods = len(different)
    order = range(methods) if order is None else order
    groups = {frozenset(range(methods))}
    for i, j in np.argwhere(np.triu(different, 1)).tolist():
        split = {part for group in groups if {i, j} <= group for part in (group - {i}, group - {j})}
        groups = {group for group in groups if not {i, j} <= group}
        groups |= {part for part in split if not any(part < other for other in groups | split)}
    place = {method: k for k, method in enumerate(order)}
    return sorted((sorted(group, key=place.__getitem__) for group in groups), key=lambda g: [place[k] for k in g])
