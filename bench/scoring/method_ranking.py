"""Rank methods over tasks: win rate, mean rank, skill score and Bradley-Terry strength, with intervals and a rank range.

Counting wins of noisy numbers is biased: noise makes close methods look equal and, added a second time by a bootstrap, makes
every win rate move towards one half. So the numbers are first separated from their noise. In a block (a task) the value of a
method is

    block + method + (method in this block) + noise of patients and replicates

where the noise is known from the tests and intervals of the board, and the spreads of the other terms come from the
restricted likelihood (Patterson and Thompson, Biometrika 1971). Draws of the true values given the measured ones (Morris,
JASA 1983) give every statistic its distribution. ``benchmarks/ranking_coverage.py`` measures the coverage of these intervals
in simulated experiments.

Larger values are better throughout. NaN is a missing cell: it is neither averaged nor predicted, and two methods are compared
on the blocks that both have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

ELO = 400 / math.log(10)
"""Points per unit of log odds: 400 points are odds of 10 to 1, as in chess."""
PRIOR = 0.5
"""Comparisons that each method is given as draws, so that one that always wins has a finite strength."""
GRID = np.geomspace(0.03, 3.0, 12)
"""Spreads that are tried, in units of the standard deviation between the methods of a block."""
MANY_CELLS = 250
"""Measured cells above which every other spread is tried: time grows with their third power."""
NEW_BLOCKS = 40
"""Further tasks that each draw is ranked on where tasks are a sample."""


@dataclass(frozen=True)
class Spreads:
    """Standard deviations between methods, and of a method between blocks, in units of the block's scale."""

    method: float
    block: float


def win_shares(values: Float[np.ndarray, "draw block method"]) -> tuple[np.ndarray, np.ndarray]:
    """How often each method (first axis) is above each other one, and over how many blocks the two were compared.

    Returns:
        [draw, method, method]: the share in [0, 1] with ties as one half (NaN on the diagonal, and where two methods share no
        block), and the number of shared blocks.
    """
    draws, blocks, methods = values.shape
    above, ties = np.zeros((2, draws, methods, methods), np.int32)
    for block in range(blocks):
        first, second = values[:, block, :, None], values[:, block, None, :]
        above += first > second  # never of a missing value
        ties += first == second
    ties[:, np.arange(methods), np.arange(methods)] = 0
    compared = (above + above.swapaxes(1, 2) + ties).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(compared > 0, (above + ties / 2) / compared, np.nan), compared


def win_rates(shares: Float[np.ndarray, "draw method method"]) -> Float[np.ndarray, "draw method"]:
    """The mean share of wins over the other methods; NaN for a method that shares no block with another."""
    count = np.isfinite(shares).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.nansum(shares, axis=-1) / count, np.nan)


def mean_ranks(rates: Float[np.ndarray, "draw method"]) -> Float[np.ndarray, "draw method"]:
    """One plus the expected number of methods above, from win rates.

    For methods that have every block this is the mean of the ranks, ties sharing a rank.
    """
    return 1 + (np.isfinite(rates).sum(axis=-1, keepdims=True) - 1) * (1 - rates)


def bradley_terry(
    shares: Float[np.ndarray, "draw method method"],
    compared: Float[np.ndarray, "draw method method"],
    prior: float = PRIOR,
    steps: int = 50,
) -> Float[np.ndarray, "draw method"]:
    """Strengths on the Elo scale with mean 0: a method ``d`` points above another wins with odds of 10 to the d / 400.

    Bradley and Terry, Biometrika 1952, by Newton's method on all draws at once, from the strengths of their mean; ``choix``
    gives the same without ``prior``.
    A strength depends on whom a method met, so that missing cells do not favour a method that met weak ones.

    Args:
        prior: see :data:`PRIOR`; spread over the other methods.
    """
    methods = shares.shape[-1]
    if methods < 2:
        return np.zeros(shares.shape[:-1])
    extra = prior / (methods - 1) * (1 - np.eye(methods))
    total = compared + extra
    wins = (np.where(compared > 0, shares * compared, 0.0) + extra / 2).sum(axis=-1)
    at_mean = _likeliest(total.mean(axis=0)[None], wins.mean(axis=0)[None], np.zeros((1, methods)), steps)
    strength = _likeliest(total, wins, np.repeat(at_mean, len(wins), axis=0), steps)
    return ELO * (strength - strength.mean(axis=-1, keepdims=True))


def _likeliest(
    total: Float[np.ndarray, "draw method method"],
    wins: Float[np.ndarray, "draw method"],
    strength: Float[np.ndarray, "draw method"],
    steps: int,
) -> Float[np.ndarray, "draw method"]:
    """Newton's method from ``strength``, on the logistic scale; draws that have arrived are not computed again."""
    methods = wins.shape[-1]
    going = np.arange(len(wins))
    for _ in range(steps):
        of = strength[going]
        chance = 1 / (1 + np.exp(of[:, None, :] - of[:, :, None]))
        curvature = total[going] * chance * (1 - chance)
        hessian = np.eye(methods) * curvature.sum(axis=-1)[:, :, None] - curvature + 1 / methods
        slope = wins[going] - (total[going] * chance).sum(axis=-1)
        step = np.clip(np.linalg.solve(hessian, slope[..., None])[..., 0], -2.0, 2.0)
        strength[going] += step
        going = going[np.abs(step).max(axis=-1) >= 1e-6]
        if not len(going):
            break
    return strength


def skill_scores(values: Float[np.ndarray, "draw block method"], reference: int) -> Float[np.ndarray, "draw method"]:
    """One minus the geometric mean of a method's error over the reference's, for values that are minus the log error.

    0.2 is an error that is 20 % smaller (as in fev-bench; Shchur et al. 2025). NaN without a common block.
    """
    gain = values - values[:, :, reference, None]
    known = np.isfinite(gain).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known > 0, 1 - np.exp(-np.nansum(gain, axis=1) / known), np.nan)


def positions(strengths: Float[np.ndarray, "draw method"]) -> Float[np.ndarray, "draw method"]:
    """Position 1 for the strongest; ties share the better one."""
    return 1.0 + (strengths[:, None, :] > strengths[:, :, None] + 1e-9).sum(axis=-1)


def true_values(
    values: Float[np.ndarray, "block method"],
    noise: Float[np.ndarray, "block method method"],
    draws: int,
    seed: int = 0,
    new_blocks: bool = False,
) -> Float[np.ndarray, "draw drawn_block method"]:
    """Draws of the true values given the measured ones.

    Args:
        values: NaN where a method has none.
        noise: of each block the covariance of the methods' values over other patients and replicates.
        new_blocks: draw the values on :data:`NEW_BLOCKS` further blocks of the kind instead of those on these blocks. The
            further ones have the scales of these in turn, and no missing value.
    """
    generator = np.random.default_rng(seed)
    block, method = np.nonzero(np.isfinite(values))
    scale = np.array([_scale(row) for row in values])
    error = np.where(block[:, None] == block, noise[block[:, None], method[:, None], method], 0.0)
    error = _without_negative(error / np.outer(scale[block], scale[block]))
    model = _Model(values[block, method] / scale[block], error, block, method)
    drawn = []
    for spreads, count in model.drawn_spreads(draws, generator):
        fitted = _Fit(model, spreads)
        if new_blocks:
            own = fitted.own(count, generator)
            further = own[:, None] + spreads.block * generator.normal(size=(count, NEW_BLOCKS, own.shape[1]))
            result = np.full((count, NEW_BLOCKS, values.shape[1]), np.nan)
            result[:, :, np.unique(method)] = further * scale[np.arange(NEW_BLOCKS) % len(scale), None]
        else:
            result = np.full((count, *values.shape), np.nan)
            result[:, block, method] = fitted.without_noise(count, generator) * scale[block]
        drawn.append(result)
    return np.concatenate(drawn)


@dataclass(frozen=True)
class _Model:
    """Measured cells in units of their block's scale, the covariance of their noise, and their blocks and methods."""

    measured: Float[np.ndarray, " cell"]
    error: Float[np.ndarray, "cell cell"]
    block: np.ndarray
    method: np.ndarray

    def drawn_spreads(self, draws: int, generator: np.random.Generator) -> list[tuple[Spreads, int]]:
        """Spreads and how many of the draws have them, by restricted likelihood and flat priors (Gelman, Bayesian Analysis
        2006): with few methods or blocks the spreads are not well known."""
        steps = GRID if len(self.measured) <= MANY_CELLS else GRID[::2]
        grid = [Spreads(first, second) for first in steps for second in steps]
        likelihood = np.array(
            [_Fit(self, spreads).log_likelihood + math.log(spreads.method * spreads.block) for spreads in grid]
        )
        weights = np.exp(likelihood - likelihood.max())
        counts = generator.multinomial(draws, weights / weights.sum())
        return [(spreads, int(count)) for spreads, count in zip(grid, counts, strict=True) if count]


class _Fit:
    """The mixed model at given spreads; the means of the blocks are estimated (generalised least squares)."""

    def __init__(self, model: _Model, spreads: Spreads):
        self.model, self.spreads = model, spreads
        blocks = (model.block[:, None] == np.unique(model.block)).astype(float)
        same_method = model.method[:, None] == model.method
        total = spreads.method**2 * same_method + spreads.block**2 * np.eye(len(model.measured)) + model.error
        self._factor = cho_factor(total, lower=True)
        self._of_blocks, measured = cho_solve(self._factor, blocks), cho_solve(self._factor, model.measured)
        self._information = blocks.T @ self._of_blocks
        self.residual = measured - self._of_blocks @ np.linalg.solve(self._information, blocks.T @ measured)
        determinants = 2 * np.log(np.diag(self._factor[0])).sum() + np.linalg.slogdet(self._information)[1]
        self.log_likelihood = float(-(determinants + model.measured @ self.residual) / 2)

    @cached_property
    def projected(self) -> Float[np.ndarray, "cell cell"]:
        """What gives ``residual`` of measured values: slow, and needed only where there are draws."""
        inverse = cho_solve(self._factor, np.eye(len(self.model.measured)))
        return inverse - self._of_blocks @ np.linalg.solve(self._information, self._of_blocks.T)

    def without_noise(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "draw cell"]:
        error = self.model.error
        return _normal(
            self.model.measured - error @ self.residual, error - error @ self.projected @ error, count, generator
        )

    def own(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "draw method"]:
        """The methods' own terms, which they have in every block."""
        names = np.unique(self.model.method)
        cross = self.spreads.method**2 * (names[:, None] == self.model.method)
        spread = self.spreads.method**2 * np.eye(len(names)) - cross @ self.projected @ cross.T
        return _normal(cross @ self.residual, spread, count, generator)


def _normal(mean: np.ndarray, covariance: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draws; a negative eigenvalue, of rounding, counts as zero."""
    numbers, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.clip(numbers, 0.0, None))
    return mean + generator.normal(size=(count, len(mean))) @ root.T


def _without_negative(covariance: np.ndarray) -> np.ndarray:
    """The covariance with negative eigenvalues, of tests that do not fit together, at zero.

    A difference whose test has few degrees of freedom can be stated as wider than its two values allow.
    """
    numbers, vectors = np.linalg.eigh(covariance)
    return covariance if numbers[0] >= 0 else (vectors * np.clip(numbers, 0.0, None)) @ vectors.T


def _scale(row: np.ndarray) -> float:
    known = row[np.isfinite(row)]
    return float(np.std(known)) or 1.0 if len(known) > 1 else 1.0
