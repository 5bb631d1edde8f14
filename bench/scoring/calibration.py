"""From scores to probabilities, and how far probabilities can be trusted.

Scores become probabilities by Platt's method (Platt 1999): a logistic regression with one slope and one offset per class,
fitted on validation records, with his smoothed targets. It is monotone, so that rankings stay, and needs few positives;
isotonic regression needs hundreds (Niculescu-Mizil and Caruana, ICML 2005).

Sums are taken over records with a weight each: a column of weights per bootstrap draw. Targets of NaN are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import expit, logit

from bench.scoring.classification import known

BINS = 10
"""Bins of ECE and of Brier's decomposition: tenths of the records, by probability."""
SUMS = 3 * BINS + 4
"""Sums that :meth:`Calibration.measure` reads."""
_NEAREST = 1e-12  # to 0 or 1, of a probability whose logit is taken
_STEPS = 100

Column = Float[np.ndarray, " record"]


class Line(NamedTuple):
    """A logistic regression on one variable: logit(p) = offset + slope x."""

    offset: float
    slope: float

    def at(self, x: Column) -> Column:
        return expit(self.offset + self.slope * x)


class Fit(NamedTuple):
    """The recalibration of one class."""

    line: Line
    offset: float


def logits(probabilities: Shaped[np.ndarray, "record ..."]) -> Float[np.ndarray, "record ..."]:
    """Log odds; of 0 and 1 those of the nearest probability within 1e-12."""
    return logit(np.clip(np.asarray(probabilities, float), _NEAREST, 1 - _NEAREST))


def fit_line(x: Column, targets: Column, weights: Column | None = None) -> Line:
    """Logistic regression by Newton's method on the standardised variable.

    Args:
        targets: 0, 1, or shares between.

    Returns:
        NaN where no line is best: the variable separates the targets. Of a variable that does not vary, slope 0.
    """
    w = np.ones(len(x)) if weights is None else weights
    total = w.sum()
    centre = float(w @ x / total)
    spread = float(np.sqrt(w @ (x - centre) ** 2 / total))
    of_share = float(logit(w @ targets / total))
    if spread <= 1e-12 * max(1.0, abs(centre)):
        return Line(of_share, 0.0)
    z = (x - centre) / spread
    b = np.array([of_share, 0.0])
    loss = _loss(b, z, targets, w)
    for _ in range(_STEPS):
        p = expit(b[0] + b[1] * z)
        gradient = np.array([w @ (targets - p), w @ (z * (targets - p))])
        v = w * p * (1 - p)
        curvature = np.array([[v.sum(), v @ z], [v @ z, v @ z**2]])
        if not np.linalg.det(curvature) > 1e-14 * total**2:
            return Line(np.nan, np.nan)
        step = np.linalg.solve(curvature, gradient)
        while (lower := _loss(b + step, z, targets, w)) > loss + 1e-9 * abs(loss) and np.abs(step).max() > 1e-12:
            step = step / 2
        b, loss = b + step, lower
        if np.abs(step).max() < 1e-12 * max(1.0, float(np.abs(b).max())):
            break
    return Line(float(b[0] - b[1] * centre / spread), float(b[1] / spread))


def _loss(b: np.ndarray, z: Column, targets: Column, w: Column) -> float:
    linear = b[0] + b[1] * z
    return float(w @ (np.logaddexp(0, linear) - targets * linear))


def fit_offset(x: Column, targets: Column, weights: Column | None = None) -> float:
    """The offset of a logistic regression whose slope is 1."""
    w = np.ones(len(x)) if weights is None else weights
    observed = float(w @ targets)
    low, high = -60.0 - float(x.max()), 60.0 - float(x.min())
    offset = 0.0
    for _ in range(_STEPS):
        p = expit(x + offset)
        excess = observed - float(w @ p)
        low, high = (offset, high) if excess > 0 else (low, offset)
        curvature = float(w @ (p * (1 - p)))
        new = offset + excess / curvature if curvature > 0 else np.nan
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - offset) < 1e-13 * max(1.0, abs(new)):
            return new
        offset = new
    return offset


def platt(targets: Shaped[np.ndarray, "record class"], scores: Float[np.ndarray, "record class"]) -> list[Line]:
    """The line of each class, from validation records; NaN for a class without a positive or a negative there.

    Targets are smoothed as Platt does: (m + 1) / (m + 2) of m positives, 1 / (n + 2) of n negatives. So the slope is finite
    also where the scores separate the classes.
    """
    lines = []
    for target, score in zip(targets.T, scores.T, strict=True):
        rows = known(target)
        positive = target[rows] != 0
        m = int(positive.sum())
        n = len(positive) - m
        if not (m and n):
            lines.append(Line(np.nan, np.nan))
        else:
            lines.append(fit_line(score[rows], np.where(positive, (m + 1) / (m + 2), 1 / (n + 2))))
    return lines


def probabilities(
    scores: Float[np.ndarray, "record class"],
    validation: tuple[Shaped[np.ndarray, "other class"], Float[np.ndarray, "other class"]],
) -> Float[np.ndarray, "record class"]:
    """Scores of test records as probabilities, by Platt's method on (targets, scores) of validation records.

    Scores that all lie in [0, 1] are taken for probabilities already, and their log odds are what is fitted.
    """
    targets, seen = validation
    if all(part.min(initial=0) >= 0 and part.max(initial=0) <= 1 for part in (seen, scores)):
        seen, scores = logits(seen), logits(scores)
    lines = platt(targets, seen)
    return np.stack([line.at(column) for line, column in zip(lines, scores.T, strict=True)], axis=1)


def bins_of(probability: Column, bins: int = BINS) -> Int[np.ndarray, " record"]:
    """The bin of each record: quantiles of the probabilities, as scikit-learn's
    ``calibration_curve(strategy="quantile")``."""
    edges = np.quantile(probability, np.linspace(0, 1, bins + 1))
    return np.searchsorted(edges[1:-1], probability)


@dataclass(frozen=True)
class Calibration:
    """What calibration of one class needs of its records with known targets.

    Attributes:
        positive, bins, probability: bool, int64 and float64 [record].
        values: float64 [record, value]; :meth:`measure` reads their weighted sums, and those by bin.
        line: of the recalibration logit(p') = offset + slope logit(p).
        offset: the same with slope 1.
        curvature: of the likelihood of ``line`` per record, [2, 2]; ``of_offset`` that of ``offset``.
    """

    positive: Bool[np.ndarray, " record"]
    bins: Int[np.ndarray, " record"]
    probability: Column
    values: Float[np.ndarray, "record value"]
    line: Line
    offset: float
    curvature: Float[np.ndarray, "2 2"]
    of_offset: float

    @classmethod
    def of(
        cls, target: Column, probability: Column, weights: Column | None = None, known: Fit | None = None
    ) -> Calibration:
        """Args: target: 0 or 1. weights: of the records, ones if None. known: the fit of the same records, if it was made."""
        x = logits(probability)
        line, offset = known or Fit(fit_line(x, target, weights), fit_offset(x, target, weights))
        free, moved = line.at(x), expit(x + offset)
        values = np.stack([(probability - target) ** 2, target - free, x * (target - free), target - moved], axis=1)
        share = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
        v = share * free * (1 - free)
        curvature = np.array([[v.sum(), v @ x], [v @ x, v @ x**2]])
        of_offset = float(share @ (moved * (1 - moved)))
        return cls(target != 0, bins_of(probability), probability, values, line, offset, curvature, of_offset)

    @property
    def fit(self) -> Fit:
        """What takes longest to compute."""
        return Fit(self.line, self.offset)

    def sums(
        self,
        weights: Shaped[np.ndarray, "all replicate"],
        rows: Int[np.ndarray, " record"] | None = None,
        further: Float[np.ndarray, "record further"] | None = None,
    ) -> Float[np.ndarray, "replicate sum"]:
        """What :meth:`measure` reads of every replicate, and after it the weighted sums of ``further`` columns.

        Args:
            rows: the records among those of ``weights``; all of them if None.
        """
        from bench.scoring.summing_kernel import sums  # numba takes half a second to import

        count = weights.shape[1]
        values = self.values if further is None else np.concatenate([self.values, further], axis=1)
        in_bins, in_all = np.zeros((3, BINS, count)), np.zeros((values.shape[1], count))
        rows = np.arange(len(self.bins)) if rows is None else rows
        sums(weights, rows, self.positive, self.bins, self.probability, np.ascontiguousarray(values), in_bins, in_all)
        return np.concatenate([in_bins.reshape(-1, count), in_all]).T

    def measure(self, sums: Float[np.ndarray, "replicate sum"]) -> dict[str, Float[np.ndarray, " replicate"]]:
        """Brier score, its decomposition, ECE, slope and intercept, of :meth:`sums`.

        The decomposition is Murphy's (J Appl Meteorol 1973) over the bins, with the variation within bins in the resolution
        (Stephenson, Coelho and Jolliffe, Weather Forecast 2008), so that brier = reliability - resolution + uncertainty
        exactly. ECE is the mean over records of the distance between the observed share and the mean probability of their
        bins. Slope and intercept of a draw move by its gradient over the curvature of all records (the score bootstrap of
        Kline and Santos, J Econometric Methods 2012): a draw of few ambiguous records, whose own curvature is nearly 0,
        then cannot send them anywhere.
        """
        n_k, y_k, p_k = (sums[:, i * BINS : (i + 1) * BINS] for i in range(3))
        n, y = n_k.sum(axis=1), y_k.sum(axis=1)
        error, u0, u1, u = sums[:, 3 * BINS : SUMS].T
        (v0, v1), (_, v2) = self.curvature
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(n_k > 0, p_k - y_k, 0.0)
            reliability = np.where(n_k > 0, gap**2 / n_k, 0.0).sum(axis=1) / n
            share, brier = y / n, error / n
            uncertainty = share * (1 - share)
            determinant = float(v0 * v2 - v1**2)
            measures = {
                "brier": brier,
                "brier_reliability": reliability,
                "brier_resolution": reliability + uncertainty - brier,
                "brier_uncertainty": uncertainty,
                "ece": np.abs(gap).sum(axis=1) / n,
                "calibration_slope": self.line.slope + (v0 * u1 - v1 * u0) / determinant / n,
                "calibration_intercept": self.offset + u / self.of_offset / n,
            }
        return {name: np.where(np.isfinite(values), values, np.nan) for name, values in measures.items()}
