"""Patient-clustered bootstrap: the variation of a metric over draws of patients.

Recordings of one patient are alike, so patients are drawn with replacement and each brings all its recordings. The
draws depend on the seed, the clusters and the number of replicates alone: two methods scored on the same records see
the same replicates, which is what makes :mod:`bench.scoring.comparison` paired.

Where the interval comes from. The plain percentile interval covers too little here. In ten kinds of simulated
experiments (``benchmarks/interval_coverage.py``, 500 of each) its 95 % interval held the true macro AUROC in 59 to 93 % of
them, least where classes are rare or the AUROC is near 1, and the true macro AUPRC in as few as 34 %, because drawing a
positive twice flatters precision. So the replicates supply a standard error, and four corrections make the
interval (:class:`Replicates`):

- a class with m positive patients varies by m / (m - 1) more than its replicates do;
- Student's t replaces the normal, with Satterthwaite's degrees of freedom;
- the interval is symmetric on the metric's natural scale (logit for AUROC: Qin and Hotilovac, Stat Methods Med Res
  2008), as Wilson's interval is;
- near 1, where few records are wrong, the variance is moved towards that of a model (:func:`_near_perfect`), so that no
  interval has width 0.

Coverage of macro AUROC is then 94 to 96 % in the five kinds with several classes below 0.99. It is 97 to 99 %, which is too
wide, in the five with a single class of 6 to 20 positives or an AUROC of 0.99 and above. For AUPRC the estimator's own bias
remains: with about six positives in every class it lies above the population's value, and no interval around it repairs that
(73 %; 92 to 99 % in the other experiments). Other metrics were not simulated there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import expit, logit

from bench.errors import DataError
from bench.scoring import student_t

#: Numbers held at once by the weights of one block of replicates (float64, 64 MiB). Classes are prepared again for each
#: block where they do not fit into memory.
_WEIGHTS_HELD = 2**23

#: Numbers up to which a block may grow beyond 128 replicates (2 MiB): few records are passed over in fewer calls.
_WEIGHTS_IN_CACHE = 2**18

#: Numbers of the last draws that are kept (float64, 32 MiB).
_DRAWS_KEPT = 2**22

#: Of every interval; the corrections here and in ``replication`` hold for this level alone.
LEVEL = 0.95

#: logit for what lies in [0, 1], fisher for a correlation, log for what is positive, complement (log of 1 - x) for what
#: is below 1, such as R2; plain for a difference.
Scale = Literal["logit", "fisher", "log", "complement", "plain"]


class Interval(NamedTuple):
    low: float
    high: float


def cluster_numbers(clusters: Shaped[np.ndarray, " record"] | None, records: int) -> Int[np.ndarray, " record"]:
    """The cluster of each record as 0, 1, ...; without clusters each record is its own."""
    if clusters is None:
        return np.arange(records)
    return np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)


def draws(
    clusters: Int[np.ndarray, " record"], replicates: int, seed: int
) -> Iterator[Float[np.ndarray, "record replicate"]]:
    """Blocks of replicates: how often each record was drawn. The block size changes memory, never the draws.

    The last draws are kept if they are small, read-only: a board asks for the same ones for each of its methods.
    """
    block = max(16, min(_WEIGHTS_HELD // len(clusters), 128), min(_WEIGHTS_IN_CACHE // len(clusters), 512))
    if len(clusters) * replicates <= _DRAWS_KEPT:
        yield from _kept_draws(clusters.tobytes(), clusters.dtype.str, replicates, seed, block)
    else:
        yield from _drawn(clusters, replicates, seed, block)


@functools.lru_cache(maxsize=1)
def _kept_draws(clusters: bytes, kind: str, replicates: int, seed: int, block: int) -> tuple[np.ndarray, ...]:
    blocks = tuple(_drawn(np.frombuffer(clusters, kind), replicates, seed, block))
    for weights in blocks:
        weights.flags.writeable = False
    return blocks


def _drawn(clusters: np.ndarray, replicates: int, seed: int, block: int) -> Iterator[np.ndarray]:
    count = int(clusters.max()) + 1
    rng = np.random.default_rng(seed)
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        drawn = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times_drawn = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield np.ascontiguousarray(times_drawn.T[clusters], dtype=float)


class Spread(NamedTuple):
    """A standard error and how many degrees of freedom it rests on."""

    standard_error: float
    freedom: float


@dataclass(frozen=True)
class Replicates:
    """A metric that is a mean over parts (classes, or targets, or just one), and its bootstrap replicates.

    A part is NaN in ``estimates`` where it has no value (it is left out of the mean) and NaN in ``values`` in a
    replicate that drew no positive, or no negative, of it. ``support`` is the number of clusters that carry the part
    (of positives and negatives the fewer). ``origin`` is a digest of the records, targets and draws: replicates may
    be set against each other only where it is the same.

    ``trials``, for a metric in [0, 1], is the number of independent records of which a share as near 1 would vary as much:
    clusters for an accuracy; 4 m n / (m + n) for the AUROC of m positive and n negative ones, the limit at 1 of the
    variance of Hanley and McNeil (Radiology 1982) in the form of Newcombe (Stat Med 2006, method 5).
    """

    estimates: Float[np.ndarray, " part"]
    values: Float[np.ndarray, "replicate part"]
    support: Int[np.ndarray, " part"]
    origin: str = ""
    trials: Float[np.ndarray, " part"] | None = None

    @property
    def present(self) -> Bool[np.ndarray, " part"]:
        return ~np.isnan(self.estimates)

    @property
    def value(self) -> float:
        """The mean over the parts that have a value; NaN where none has."""
        return float(self.estimates[self.present].mean()) if self.present.any() else np.nan

    @property
    def mean_trials(self) -> float | None:
        """The harmonic mean of ``trials``: where every part is perfect, the bound of the mean is about that of the parts."""
        if self.trials is None or not self.present.any():
            return None
        return float(1 / np.mean(1 / np.maximum(self.trials[self.present], 1)))

    def of_parts(self, columns: Sequence[int]) -> Replicates:
        """The mean over some of the parts, in the same replicates."""
        chosen = list(columns)
        trials = None if self.trials is None else self.trials[chosen]
        return Replicates(self.estimates[chosen], self.values[:, chosen], self.support[chosen], self.origin, trials)

    def spread(self) -> Spread:
        """The standard error of :attr:`value` over draws of patients; see :class:`Covariance`."""
        return Covariance.of([self]).spread(np.ones(1))

    def interval(self, scale: Scale) -> Interval:
        """The two-sided interval of :attr:`value`: the delta method on ``scale``, with Student's t.

        It always holds the value, never leaves the metric's range and never has width 0.
        """
        return interval(self.value, self.spread(), scale, self.mean_trials)


@dataclass(frozen=True)
class Covariance:
    """Covariance of the values of runs on the same records, over draws of patients.

    Corrected for parts that few clusters carry. A part that a replicate lost does not move in that replicate: the mean is
    over the same parts throughout. A part that a single cluster carries shows no spread and gets the spread of the other
    parts, scaled to one cluster. ``total`` is of the means over parts, ``by_part`` of each part, NaN where no part is
    carried by two clusters.
    """

    total: Float[np.ndarray, "run run"]
    by_part: Float[np.ndarray, "part run run"]
    clusters: Float[np.ndarray, " part"]

    @classmethod
    def of(cls, runs: Sequence[Replicates], near_perfect: bool = True) -> Covariance:
        """Args: near_perfect: correct variances near 1, which is right for values and not for their differences.

        Raises DataError where records, targets, patients, draws or classes differ.
        """
        require_same_origin(runs)
        present = runs[0].present
        carried = runs[0].support[present].astype(float)
        repeated = carried >= 2
        parts, count = len(carried), len(runs)
        if not repeated.any():
            return cls(np.full((count, count), np.nan), np.full((parts, count, count), np.nan), carried)
        moved = np.stack([run.values[:, present] - run.estimates[present] for run in runs])  # [run, replicate, part]
        moved = np.where(np.isnan(moved).any(axis=0), 0.0, moved)
        moved *= np.where(repeated, np.sqrt(carried / np.maximum(carried - 1, 1)), 0.0)
        moved -= moved.mean(axis=1, keepdims=True)
        columns = np.ascontiguousarray(moved.transpose(2, 0, 1))
        by_part = columns @ columns.transpose(0, 2, 1) / moved.shape[1]
        stretch, added = np.ones(parts), np.zeros(parts)
        if near_perfect and all(run.trials is not None for run in runs):
            stretch, added = _near_perfect(runs, present, by_part)
        sums = (moved * np.sqrt(stretch)).sum(axis=2)
        by_part = by_part * stretch[:, None, None] + added[:, None, None]
        of_one_cluster = np.mean(by_part[repeated] * carried[repeated, None, None], axis=0)
        by_part[~repeated] = of_one_cluster
        more = added[repeated].sum() + of_one_cluster * np.count_nonzero(~repeated)
        return cls((sums @ sums.T / moved.shape[1] + more) / parts**2, by_part, carried)

    def of_runs(self, chosen: Sequence[int]) -> Covariance:
        """The same of some of the runs."""
        block = np.ix_(chosen, chosen)
        return Covariance(self.total[block], self.by_part[:, block[0], block[1]], self.clusters)

    def spread(self, weights: Float[np.ndarray, " run"]) -> Spread:
        """Standard error of the weighted sum of the runs' values, and its degrees of freedom (Satterthwaite)."""
        variance = float(weights @ self.total @ weights)
        if np.isnan(variance):
            return Spread(np.nan, np.nan)
        variances = np.maximum(weights @ self.by_part @ weights, 0.0)
        if not variances.any():
            return Spread(max(variance, 0.0) ** 0.5, np.inf)
        # Squares of estimated variances are (f + 2) / f too large, hence + 2 and - 2; one part keeps its own f.
        own = np.maximum(self.clusters - 1, 1)
        return Spread(max(variance, 0.0) ** 0.5, float(variances.sum() ** 2 / np.sum(variances**2 / (own + 2)) - 2))


def _near_perfect(
    runs: Sequence[Replicates], present: np.ndarray, by_part: np.ndarray
) -> tuple[Float[np.ndarray, " part"], Float[np.ndarray, " part"]]:
    """By how much the variance of each part is multiplied, and what is added where it is 0.

    Near 1 a variance rests on the few records that are wrong, and is too small where the value is too large. It is moved
    towards that of a share of ``trials`` records, where that is larger: entirely at 1, half way at one expected error, and
    not at all where there are many. Chosen by simulation (``benchmarks/interval_coverage.py``).
    """
    trials = np.maximum(runs[0].trials[present], 1)  # type: ignore[index]
    estimates = np.mean([run.estimates[present] for run in runs], axis=0)
    errors = trials * np.clip(estimates * (1 - estimates), 0, None)
    own = np.diagonal(by_part, axis1=1, axis2=2).mean(axis=1)
    raised = own + np.maximum(errors / trials**2 - own, 0) / (1 + errors)
    moves = own > 0
    return np.where(moves, raised / np.where(moves, own, 1), 1.0), np.where(moves, 0.0, raised)


def require_same_origin(runs: Sequence[Replicates]) -> None:
    """Refuse, with a DataError, replicates that were not drawn from the same records."""
    if len({run.origin for run in runs}) > 1 or len({run.values.shape for run in runs}) > 1:
        raise DataError(
            "the replicates come from different records, targets, patients, seeds or numbers of replicates, and cannot "
            "be paired. Score every method on the same records with the same seed."
        )
    if any((run.present != runs[0].present).any() for run in runs):
        raise DataError(
            "the scores average over different classes, and cannot be paired. Compare a metric that all methods have "
            "for the same classes (macro F1 needs thresholds from the same validation records)."
        )


def interval(value: float, spread: Spread, scale: Scale, trials: float | None = None) -> Interval:
    """``value`` and its spread as an interval that is symmetric on ``scale``.

    On the logit scale it is Wilson's interval of a share of n records, where n follows from the spread: the logit changes by
    2 asinh(h / 2) instead of h (Newcombe, Am Stat 2001), which stays moderate near 0 and 1. Without a spread, as for
    perfect predictions, n is ``trials``. Other scales have no interval without a spread (NaN), but for a difference.
    """
    if np.isnan(value) or np.isnan(spread.standard_error):
        return Interval(np.nan, np.nan)
    forward, back, slope = _SCALES[scale]
    quantile = student_t.quantile((1 + LEVEL) / 2, spread.freedom)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        half = quantile * spread.standard_error * float(slope(np.float64(value)))
    if spread.standard_error == 0.0 or not np.isfinite(half):
        if scale == "logit" and trials is not None:
            return _wilson(value, trials, student_t.quantile((1 + LEVEL) / 2, np.inf))
        return Interval(value, value) if scale == "plain" else Interval(np.nan, np.nan)
    if scale == "logit":
        half = 2 * np.arcsinh(half / 2)
    with np.errstate(over="ignore"):
        low, high = sorted(float(back(forward(value) + side * half)) for side in (-1, 1))
    return Interval(low, high)


def _wilson(share: float, trials: float, quantile: float) -> Interval:
    """Wilson, J Am Stat Assoc 1927."""
    factor = quantile**2 / trials
    centre = (share + factor / 2) / (1 + factor)
    half = np.sqrt(factor * (share * (1 - share) + factor / 4)) / (1 + factor)
    return Interval(max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half))))


#: Forward, back, and the slope of forward, of each scale.
_SCALES: dict[str, tuple[Callable, Callable, Callable]] = {
    "logit": (logit, expit, lambda x: 1 / (x * (1 - x))),
    "fisher": (np.arctanh, np.tanh, lambda x: 1 / (1 - x * x)),
    "log": (np.log, np.exp, lambda x: 1 / x),
    "complement": (lambda x: np.log(1 - x), lambda y: 1 - np.exp(y), lambda x: 1 / (1 - x)),
    "plain": (lambda x: x, lambda y: y, lambda x: 1.0),
}
