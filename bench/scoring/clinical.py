"""Clinical metrics of classes, once and in every bootstrap draw: see :mod:`bench.kinds.clinical_metrics` for the names.

Calibration: :mod:`bench.scoring.calibration`. Operating points: :mod:`bench.scoring.operating_points`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from bench.kinds.clinical_metrics import CALIBRATED, CLINICAL, THRESHOLDS, plain_name
from bench.scoring.calibration import SUMS, Calibration, Fit
from bench.scoring.classification import known, scorable
from bench.scoring.operating_points import RISKS, Ranked, benefits, operating_points
from bench.scoring.weighted import Ranking, ranked_records

ByMetric = dict[str, np.ndarray]

RANKED = ("auprc", *(name for name in CLINICAL if "_at_s" in name))
"""Metrics of the order of the records."""
KEPT = 2**24
"""Numbers that are kept from one block of draws to the next (float64, 128 MiB)."""


@dataclass(frozen=True)
class _Class:
    rows: Int[np.ndarray, " known"]
    positive_rows: Int[np.ndarray, " positive"]
    ranked: Ranked
    calibration: Calibration | None
    benefits: Float[np.ndarray, "known threshold"] | None

    @property
    def numbers(self) -> int:
        """How many are held per record."""
        return 3 if self.calibration is None else 3 + 2 + self.calibration.values.shape[1] + len(RISKS)


class Clinical:
    """Clinical metrics of the classes of one set of records.

    Args:
        targets: [record, class], 0, 1 or NaN.
        scores: [record, class].
        probabilities: [record, class], NaN for a class without any; None if no class has.
        record_weights: [record], for records that represent others; ones if None. NaN targets need no weight.
        ranking: of the same targets and scores, if they were ranked before.
    """

    def __init__(
        self,
        targets: Shaped[np.ndarray, "record class"],
        scores: Float[np.ndarray, "record class"],
        probabilities: Float[np.ndarray, "record class"] | None,
        record_weights: Float[np.ndarray, " record"] | None = None,
        ranking: Ranking | None = None,
    ):
        self.record_weights = record_weights
        self._ranking = ranking
        self.scorable = scorable(targets)
        self._probabilities = probabilities
        self._targets, self._scores = targets, scores
        self._made: dict[int, _Class] = {}
        self._fits: dict[int, Fit] = {}

    @property
    def calibrated(self) -> bool:
        """Whether any class has probabilities."""
        return self._probabilities is not None and bool(np.isfinite(self._probabilities).all(axis=0).any())

    @property
    def available(self) -> list[str]:
        """The metrics that can be computed: with probabilities, or without."""
        return [name for name in CLINICAL if self.calibrated or name not in CALIBRATED]

    def of_class(self, c: int) -> _Class:
        """What the metrics of a class need; kept for the next draws only where all classes fit into memory."""
        if c in self._made:
            return self._made[c]
        of_class = self._of_class(c)
        if of_class.calibration is not None:
            self._fits[c] = of_class.calibration.fit
        if of_class.numbers * self._targets.size <= KEPT:
            self._made[c] = of_class
        return of_class

    def _of_class(self, c: int) -> _Class:
        rows = np.flatnonzero(known(self._targets[:, c]))
        target = self._targets[rows, c].astype(float)
        weights = None if self.record_weights is None else self.record_weights[rows]
        calibration = benefit = None
        probability = None if self._probabilities is None else self._probabilities[rows, c]
        if probability is not None and np.isfinite(probability).all():
            calibration = Calibration.of(target, probability, weights, self._fits.get(c))
            benefit = benefits(target, probability, RISKS)
        if self._ranking is None:
            ranked = ranked_records(self._targets[:, c], self._scores[:, c])
        else:
            ranked = self._ranking.of_class(c)
        return _Class(rows, rows[target != 0], ranked, calibration, benefit)

    def once(self, names: Sequence[str]) -> ByMetric:
        """Metric -> [class], on the records as they are; NaN for what a class does not have."""
        return {name: values[0] for name, values in self.again(np.ones((len(self._targets), 1)), names).items()}

    def again(self, weights: Float[np.ndarray, "record replicate"], names: Sequence[str]) -> ByMetric:
        """Metric -> [replicate, class]; NaN in a draw without a positive or a negative of the class.

        Args:
            names: of :data:`bench.kinds.clinical_metrics.CLINICAL`, with or without ``macro_`` or ``_5y``.
        """
        wanted = [name for name in CLINICAL if name in {plain_name(name) for name in names}]
        shape = (weights.shape[1], self._targets.shape[1])
        values = {name: np.full(shape, np.nan) for name in wanted}
        if self.record_weights is not None:
            weights = weights * self.record_weights[:, None]
        ranking = any(name in RANKED for name in wanted)
        summing = any(name not in RANKED for name in wanted)
        if self.record_weights is None:  # the smaller the type, the more draws are added at once
            weights = np.ascontiguousarray(weights, np.uint8 if weights.max(initial=0) < 256 else np.uint32)
        everything = weights.sum(axis=0, dtype=float)
        for c in np.flatnonzero(self.scorable) if wanted else ():
            of_class = self.of_class(int(c))
            measured = operating_points(of_class.ranked, weights) if ranking else {}
            if summing:
                measured |= _of_sums(of_class, weights, everything)
            for name in wanted:
                if name in measured:
                    values[name][:, c] = measured[name]
        return values


def _of_sums(
    of_class: _Class, weights: Shaped[np.ndarray, "record replicate"], everything: Float[np.ndarray, " replicate"]
) -> ByMetric:
    """Prevalence, and with probabilities calibration and net benefit.

    Args:
        everything: the weight of all records.
    """
    every = len(of_class.rows) == len(weights)
    total = everything if every else weights[of_class.rows].sum(axis=0, dtype=float)
    positive = weights[of_class.positive_rows].sum(axis=0, dtype=float)
    lost = ~((positive > 0) & (positive < total * (1 - 1e-12)))
    total = np.where(total > 0, total, np.nan)
    measured = {"prevalence": positive / total}
    if of_class.calibration is not None:
        sums = of_class.calibration.sums(weights, of_class.rows, of_class.benefits)
        gained = sums[:, SUMS:]
        measured |= {f"net_benefit_at_{percent}": gained[:, i] / total for i, percent in enumerate(THRESHOLDS)}
        measured |= of_class.calibration.measure(sums)
    return {name: np.where(lost, np.nan, column) for name, column in measured.items()}
