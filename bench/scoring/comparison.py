"""Compare methods, with the uncertainty of their differences.

On one test set: :func:`paired_difference` (bootstrap, any metric, patients), :func:`bench.scoring.replication.difference`
(the same for several replicates of each method) and :func:`delong` (one class's AUROC, records). Over repeated
cross-validation: :func:`corrected_resampled_t`. Over a column of comparisons: :func:`holm`. Over several tasks:
:func:`friedman` with Nemenyi's critical difference, and :func:`mean_rank`. All p values are two-sided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Real, Shaped
from scipy import stats

from bench.errors import DataError
from bench.scoring import student_t
from bench.scoring.bootstrap import LEVEL, Interval, Replicates, Spread, interval, require_same_origin
from bench.scoring.classification import known, midranks


@dataclass(frozen=True)
class Difference:
    """First minus second, its 95 % interval, and the p value of no difference; NaN where there is too little data."""

    value: float
    low: float
    high: float
    p_value: float
    spread: Spread

    def equivalence(self, margin: float) -> float:
        """The p value of a difference of ``margin`` or more, in either direction: two one-sided t tests.

        Schuirmann, J Pharmacokinet Biopharm 1987. Below the level, the two are shown to be equal up to the margin; the
        absence of a significant difference does not show that. NaN where there is no standard error.
        """
        error, freedom = self.spread
        if not error > 0:
            return np.nan if np.isnan(error) else float(abs(self.value) >= margin)
        return student_t.upper_tail((margin - abs(self.value)) / error, freedom)

    def detectable(self, comparisons: int = 1) -> float:
        """The smallest true difference that would be found in 80 % of the cases, given this standard error.

        The two-sided test is at 5 % over ``comparisons``, as Holm's first step is. The usual sum of two quantiles of t
        approximates the noncentral t. NaN where there is no standard error.
        """
        error, freedom = self.spread
        return (student_t.quantile(0.8, freedom) - student_t.quantile(0.05 / comparisons / 2, freedom)) * error


def paired_difference(first: Replicates, second: Replicates) -> Difference:
    """The difference of two methods on the same records, from the same bootstrap draws.

    Both come from :func:`bench.scoring.score.score_replicates`. Each replicate's difference is taken class by class,
    so what makes a replicate easy for both cancels. Standard error and degrees of freedom as in
    :meth:`Replicates.spread`. :func:`bench.scoring.replication.difference` is the same for several replicates of each method.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    require_same_origin([first, second])
    both = Replicates(first.estimates - second.estimates, first.values - second.values, first.support, first.origin)
    return t_test(both.value, both.spread())


def t_test(value: float, spread: Spread) -> Difference:
    """A difference, its interval and the p value of Student's t test."""
    low, high = interval(value, spread, "plain")
    if spread.standard_error > 0:
        p_value = 2 * student_t.upper_tail(abs(value) / spread.standard_error, spread.freedom)
    else:
        p_value = 1.0 if value == 0 else np.nan
    return Difference(value, low, high, p_value, spread)


@dataclass(frozen=True)
class DeLong:
    """AUROC of each method on one class, and the covariance of these estimates."""

    aurocs: Float[np.ndarray, " method"]
    covariance: Float[np.ndarray, "method method"]

    def difference(self, first: int, second: int) -> Difference:
        """The AUROC of one method minus that of another, with DeLong's normal test."""
        pair = self.covariance[np.ix_([first, second], [first, second])]
        variance = pair[0, 0] + pair[1, 1] - 2 * pair[0, 1]
        if abs(variance) < 1e-15:  # identical rankings: what is left is rounding
            variance = 0.0
        return t_test(float(self.aurocs[first] - self.aurocs[second]), Spread(float(variance**0.5), np.inf))


def delong(target: Shaped[np.ndarray, " record"], scores: Real[np.ndarray, "method record"]) -> DeLong:
    """DeLong's covariance of AUROCs measured on the same records (DeLong et al., Biometrics 1988).

    Computed from midranks in O(n log n) (Sun and Xu, IEEE Signal Process Lett 2014). Records count as independent:
    where patients have several recordings use :func:`paired_difference`. NaN with fewer than two positives or
    negatives. Records of unknown target (NaN) are left out.
    """
    rows = known(target)
    scores, positive = scores[:, rows], target[rows] != 0
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


def corrected_resampled_t(values: Float[np.ndarray, " run"], train_records: int, test_records: int) -> Difference:
    """The mean over runs of repeated cross-validation, tested against 0, corrected for overlapping training sets.

    ``values`` are the runs' differences between two methods (or one method's values, for its interval alone). The
    variance of their mean is (1 / runs + test / train) times their variance, with runs - 1 degrees of freedom: Nadeau
    and Bengio, Machine Learning 2003; for repeated cross-validation Bouckaert and Frank, PAKDD 2004.
    """
    runs = len(values)
    if runs < 2:
        return Difference(float(np.mean(values)), np.nan, np.nan, np.nan, Spread(np.nan, np.nan))
    standard_error = float(np.sqrt((1 / runs + test_records / train_records) * np.var(values, ddof=1)))
    return t_test(float(np.mean(values)), Spread(standard_error, runs - 1))


def holm(p_values: Float[np.ndarray, " comparison"]) -> Float[np.ndarray, " comparison"]:
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
    mean_ranks: Float[np.ndarray, " method"]
    critical_difference: float
    p_values: Float[np.ndarray, "method method"]


def friedman(values: Float[np.ndarray, "column method"]) -> Friedman:
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
    distances, distance_index = np.unique(apart.round(12), return_inverse=True)
    p_values = stats.studentized_range.sf(distances, methods, np.inf)[distance_index].reshape(apart.shape)
    np.fill_diagonal(p_values, 1.0)
    if (ranks == ranks[:, :1]).all():
        statistic, p_value = 0.0, 1.0
    else:
        statistic, p_value = stats.friedmanchisquare(*ranks.T)
    critical = float(stats.studentized_range.ppf(LEVEL, methods, np.inf) / np.sqrt(2) * unit)
    return Friedman(float(statistic), float(p_value), mean_ranks, critical, p_values)


def mean_rank(values: Float[np.ndarray, "column method"]) -> list[tuple[float, Interval]]:
    """Each method's mean rank over the columns, with the t interval of a mean over columns, kept within 1 to methods.

    The columns are the sample: the interval says how the rank would move on other tasks of the kind, and is NaN for
    one column. Raises DataError for a missing value.
    """
    ranks = _ranks(values)
    columns, methods = ranks.shape
    means = ranks.mean(axis=0)
    if columns < 2:
        return [(float(mean), Interval(np.nan, np.nan)) for mean in means]
    half = stats.t.ppf((1 + LEVEL) / 2, columns - 1) * ranks.std(axis=0, ddof=1) / np.sqrt(columns)
    return [
        (float(mean), Interval(float(max(1.0, mean - h)), float(min(methods, mean + h))))
        for mean, h in zip(means, half, strict=True)
    ]


def _ranks(values: Float[np.ndarray, "column method"]) -> Float[np.ndarray, "column method"]:
    missing = np.argwhere(np.isnan(values))
    if len(missing):
        column, method = missing[0].tolist()
        raise DataError(
            f"method {method} has no value in column {column} ({len(missing)} missing in all); mean ranks need "
            "complete rows. Run the missing cells, or leave the method or the column out."
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
    rank = {method: k for k, method in enumerate(order)}
    return sorted((sorted(group, key=rank.__getitem__) for group in groups), key=lambda g: [rank[k] for k in g])
