"""The mean over replicates of a training, with its variance over test patients and over replicates.

A replicate is one joint draw of everything that a training draws: the pretraining seed, the labelled records and the
seed of what is trained downstream. All replicates are tested on the same patients: a two-way layout, patients crossed
with replicates. It is the layout of a multi-reader study, with replicates instead of readers, and the estimator is
that of Obuchowski and Rockette (Commun Stat Simul Comput 1995):

    variance of the mean over R replicates = P + S / R

- S is the variance between the values of the replicates. It holds the variance of trainings, and that part of the
  patients' variance which differs from one replicate to the next.
- P is the covariance, over draws of patients, of the values of two different replicates: what all replicates have in
  common. It is read off the bootstrap, whose draws are the same for all of them.

Adding S / R to the bootstrap variance of the mean instead counts the part that differs twice, and a bootstrap that also
draws replicates is too narrow, as it has R of them to draw from. ``benchmarks/interval_coverage.py`` compares the three.

Simulated coverage and type I error, and what was not simulated: docs/explanation/statistics.md.

Assumptions: replicates are independent and alike in distribution, patients are independent, and the mean is close to
normal. With one replicate S is unknown: the variance is that of one trained model over patients.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from bench.scoring.bootstrap import LEVEL, Covariance, Interval, Replicates, Scale, Spread, interval
from bench.scoring.comparison import Difference, paired_difference, t_test


@dataclass(frozen=True)
class Components:
    """The mean over replicates, and its variance by source.

    Attributes:
        value: the mean.
        count: R.
        patients: P, the variance of the mean over draws of patients; with one replicate that of the one model.
        between: S, the variance between the values of the replicates; NaN with one replicate.
        spread: standard error and degrees of freedom of the mean.
        trials: as in :class:`bench.scoring.bootstrap.Replicates`, harmonic mean over parts.
    """

    value: float
    count: int
    patients: float
    between: float
    spread: Spread
    trials: float | None

    def interval(self, scale: Scale) -> Interval:
        """The two-sided interval of the mean, symmetric on ``scale``."""
        return interval(self.value, self.spread, scale, self.trials)


def components(runs: Sequence[Replicates]) -> Components:
    """The mean of a method over replicates that were tested on the same records.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    covariance, count = Covariance.of(runs), len(runs)
    values = np.array([run.value for run in runs])
    trials = runs[0].mean_trials
    records = covariance.spread(np.full(count, 1 / count))
    if count == 1:
        return Components(float(values[0]), 1, records.standard_error**2, np.nan, records, trials)
    common, between = _common(covariance.total), float(np.var(values, ddof=1))
    spread = combined(common, records.freedom, [(between, count)])
    return Components(float(values.mean()), count, common, between, spread, trials)


def difference(first: Sequence[Replicates], second: Sequence[Replicates], paired: bool = False) -> Difference:
    """The mean of one method minus that of another, over patients and replicates.

    Args:
        paired: replicate r of both was trained on the same labelled records, so that what makes a draw easy cancels. The
            variance between replicates is then that of their differences (R - 1 degrees of freedom); otherwise the two
            methods' variances are added (up to 2 R - 2).

    A method of one run has no variance between replicates here: that is right for one that nothing random makes, and a
    comparison of single trained models for any other.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    return _difference(first, second, Covariance.of([*first, *second], near_perfect=False), paired)


def differences_of_all_pairs(
    lines: Sequence[Sequence[Replicates]], draws: Sequence[Sequence[int] | None] | None = None
) -> list[Difference]:
    """:func:`difference` for every two lines, in the order of ``itertools.combinations``.

    All variances come from one covariance matrix of all runs: 780 pairs of 40 lines need one pass over the draws.

    Args:
        draws: of each line the numbers of its labelled draws in the order of its runs, None where nothing is drawn; two
            lines with the same draws are paired.

    Raises DataError where records, targets, patients, draws or classes differ.
    """
    if len(lines) < 2:
        return []
    covariance = Covariance.of([run for line in lines for run in line], near_perfect=False)
    ends = np.cumsum([len(line) for line in lines])
    places = [list(range(end - len(line), end)) for line, end in zip(lines, ends, strict=True)]
    known = [None if drawn is None else tuple(drawn) for drawn in draws or [None] * len(lines)]
    return [
        _difference(
            lines[i],
            lines[j],
            covariance.of_runs([*places[i], *places[j]]),
            known[i] is not None and known[i] == known[j],
        )
        for i, j in itertools.combinations(range(len(lines)), 2)
    ]


def _difference(
    first: Sequence[Replicates], second: Sequence[Replicates], covariance: Covariance, paired: bool
) -> Difference:
    n_first, n_second = len(first), len(second)
    paired = paired and n_first == n_second > 1
    values = [np.array([run.value for run in runs]) for runs in (first, second)]
    value = float(values[0].mean() - values[1].mean())
    weights = np.concatenate([np.full(n_first, 1 / n_first), np.full(n_second, -1 / n_second)])
    records = covariance.spread(weights)
    if records.standard_error**2 < _ROUNDING * np.trace(covariance.total):  # so much alike that rounding would show
        records = paired_difference(average(first), average(second)).spread
        common = records.standard_error**2
    else:
        across = covariance.total[:n_first, n_first:]
        common = _common(covariance.total[:n_first, :n_first]) + _common(covariance.total[n_first:, n_first:])
        common -= 2 * float((across.sum() - np.trace(across)) / (n_first * (n_first - 1)) if paired else across.mean())
    if paired:
        replicates = [(float(np.var(values[0] - values[1], ddof=1)), n_first)]
    else:
        replicates = [(float(np.var(v, ddof=1)), len(v)) for v in values if len(v) > 1]
    return t_test(value, combined(common, records.freedom, replicates))


_ROUNDING = 1e-9


def _common(block: np.ndarray) -> float:
    """What the runs of one method have in common: the mean covariance of two different ones; of one run its variance."""
    count = len(block)
    if count == 1:
        return float(block[0, 0])
    return float(max((block.sum() - np.trace(block)) / (count * (count - 1)), 0.0))


def combined(patients: float, freedom: float, replicates: Sequence[tuple[float, int]]) -> Spread:
    """The patients' variance plus, of each method, the variance between replicates over their number.

    The two parts are joined after Cochran and Cox (Experimental Designs, 1957, section 4.14): the quantile of t is the mean
    of those of the parts, weighted by their variances. Satterthwaite's degrees of freedom, which are used within each part,
    are too large here: with three replicates the interval would cover 91 to 94 % where trainings differ by 2.5 to 5 points.
    """
    patients = max(patients, 0.0)
    parts = [(between / count, count - 1) for between, count in replicates]
    of_replicates = sum(variance for variance, _ in parts)
    total = patients + of_replicates
    if not of_replicates > 0:
        return Spread(total**0.5, freedom)
    own = of_replicates**2 / sum(variance**2 / degrees for variance, degrees in parts)
    quantiles = student.ppf((1 + LEVEL) / 2, [freedom, own])
    quantile = (patients * quantiles[0] + of_replicates * quantiles[1]) / total
    return Spread(total**0.5, float(np.interp(-quantile, -_QUANTILES, _FREEDOM)))


_FREEDOM = np.geomspace(0.5, 1e6, 4000)
_QUANTILES = student.ppf((1 + LEVEL) / 2, _FREEDOM)
"""Of t with ``_FREEDOM``: the way back from a quantile to degrees of freedom."""


def mean_over_folds(values: Float[np.ndarray, "replicate fold"], ratio: float) -> Components:
    """The mean over replicates and folds, whose training sets overlap (Nadeau and Bengio, Machine Learning 2003).

    The variance over folds replaces that over patients; its mean has (1 / folds + ``ratio``) of it. What differs between
    the folds of one replicate only is in the variance between replicates too, and is taken out of that over folds.

    Args:
        ratio: test records over training records.
    """
    count, folds = values.shape
    patients = (1 / folds + ratio) * _between_folds([values])
    between = float(np.var(values.mean(axis=1), ddof=1)) if count > 1 else np.nan
    spread = combined(patients, folds - 1, [(between, count)] if count > 1 else [])
    return Components(float(values.mean()), count, patients, between, spread, None)


def difference_over_folds(
    first: Float[np.ndarray, "replicate fold"],
    second: Float[np.ndarray, "other fold"],
    ratio: float,
) -> Difference:
    """The mean of one method minus that of another on the same folds; variances as in :func:`mean_over_folds`.

    With one replicate each it is :func:`bench.scoring.comparison.corrected_resampled_t`.
    """
    folds = first.shape[1]
    patients = (1 / folds + ratio) * _between_folds([first, second])
    replicates = [(float(np.var(v.mean(axis=1), ddof=1)), len(v)) for v in (first, second) if len(v) > 1]
    return t_test(float(first.mean() - second.mean()), combined(patients, folds - 1, replicates))


def _between_folds(lines: Sequence[np.ndarray]) -> float:
    """The variance between folds of a method, or of the difference of two, without the residuals of their replicates."""
    means = [values.mean(axis=0) for values in lines]
    total = float(np.var(means[0] if len(means) == 1 else means[0] - means[1], ddof=1))
    return max(total - sum(_residual(values) / len(values) for values in lines if len(values) > 1), 0.0)


def _residual(values: np.ndarray) -> float:
    """The variance of what neither a replicate nor a fold explains."""
    replicates, folds = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return float((rest**2).sum() / ((replicates - 1) * (folds - 1)))


def average(runs: Sequence[Replicates]) -> Replicates:
    """The mean over runs, in every draw: one replicate from several seeds."""
    return Replicates(
        np.mean([run.estimates for run in runs], axis=0),
        np.mean([run.values for run in runs], axis=0),
        runs[0].support,
        runs[0].origin,
        runs[0].trials,
    )
