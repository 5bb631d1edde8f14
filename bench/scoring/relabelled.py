"""The same predictions on other labels: how much of an error is the label's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Shaped

from bench import kinds
from bench.errors import DataError
from bench.scoring.bootstrap import Interval, Replicates
from bench.scoring.replication import average
from bench.scoring.score import score_replicates

NONE = Interval(np.nan, np.nan)


@dataclass(frozen=True)
class Relabelled:
    """A metric on two sets of labels of the same records.

    Attributes:
        changed, unknown: labels (record and class) that differ, and that the other set does not know.
        before, after: the metric on the labels as they were and on the others, over the classes that both can score.
        difference_interval: of after minus before, 95 %, over draws of patients that both share; NaN if a relabelled class
            has fewer than two patients.
    """

    records: int
    changed: int
    unknown: int
    classes: tuple[str, ...] = ()
    before: float = np.nan
    after: float = np.nan
    difference_interval: Interval = NONE

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def of_error(self) -> float:
        """The share of the error, 1 minus the metric, that the labels make: negative where other labels make it larger."""
        return self.difference / (1 - self.before) if self.before < 1 else np.nan


def relabelled(
    kind: str,
    targets: Shaped[np.ndarray, "record class"],
    others: Float[np.ndarray, "record class"],
    runs: Sequence[np.ndarray],
    classes: Sequence[str],
    patients: Shaped[np.ndarray, " record"],
    metric: str,
    bootstrap: int = 1000,
) -> Relabelled:
    """Score predictions on both sets of labels.

    Args:
        targets, others: the labels as they were, and others; NaN where unknown.
        runs: the scores of each run (seed) on these records; the metric is the mean over runs.

    Raises:
        DataError: a kind whose labels cannot be unknown one by one, or a metric outside [0, 1].
    """
    definition = kinds.load(kind)
    if not (definition.unknown_targets and definition.several_at_once):
        raise DataError(f"labels of {kind} tasks cannot be compared; expected a multilabel task.")
    unknown = np.isnan(others) & ~np.isnan(targets)
    changed = ~np.isnan(others) & ~np.isnan(targets) & (others != targets)
    counts = Relabelled(int((~np.isnan(others).all(axis=1)).sum()), int(changed.sum()), int(unknown.sum()))

    def drawn(labels: np.ndarray) -> Replicates:
        every = [
            score_replicates(kind, labels, run, classes, patients, bootstrap=bootstrap, metrics=[metric])[metric]
            for run in runs
        ]
        return average(every)

    before, after = drawn(targets), drawn(others)
    both = np.flatnonzero(before.present & after.present)
    if not len(both):
        return counts
    before, after = before.of_parts(both.tolist()), after.of_parts(both.tolist())
    # Both in the same draws of patients: their difference is a metric too.
    moved = Replicates(
        after.estimates - before.estimates, after.values - before.values, np.minimum(before.support, after.support)
    )
    # A relabelled class that a single patient carries has no spread of its draws, and may be the only class that moves.
    lonely = (changed | unknown).any(axis=0)[both] & (moved.support < 2)
    return replace(
        counts,
        classes=tuple(classes[c] for c in both.tolist()),
        before=before.value,
        after=after.value,
        difference_interval=NONE if lonely.any() else moved.interval("plain"),
    )
