"""A metric in groups of records, and whether a group differs from the other records by more than chance.

A group is compared with all other records whose group is known, over the same classes: those with enough positives and
negatives on both sides. Both sides vary over draws of their patients, independently; the difference has the standard error of
both and Welch's degrees of freedom. All differences that are reported together are corrected together: Holm for p, Bonferroni
for intervals, so that the worst group may be picked after looking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from bench import kinds
from bench.errors import DataError, UnknownName
from bench.kinds import Kind
from bench.scoring import student_t
from bench.scoring.bootstrap import Interval, Replicates, Spread
from bench.scoring.score import score_replicates

UNKNOWN = ""
"""The group of a record about which nothing is known; it takes no part."""


NONE = Interval(np.nan, np.nan)


@dataclass(frozen=True)
class GroupScore:
    """One group.

    Attributes:
        records, patients, positives: how many; positives over all classes; events of a survival task; else records.
        classes: over which the metric is a mean; empty where the group is listed and not scored.
        value, interval: the metric in the group, 95 %.
        rest: the metric in the other records, over the same classes.
        difference: value minus rest, its interval at 95 % for all differences of the table together, and p (Holm).
    """

    attribute: str
    group: str
    records: int
    patients: int
    positives: int
    classes: tuple[str, ...] = ()
    value: float = np.nan
    interval: Interval = NONE
    rest: float = np.nan
    difference: float = np.nan
    difference_interval: Interval = NONE
    p: float = np.nan

    @property
    def scored(self) -> bool:
        return bool(self.classes)


def group_scores(
    kind: str,
    targets: np.ndarray,
    runs: Sequence[np.ndarray],
    classes: Sequence[str],
    patients: Shaped[np.ndarray, " record"],
    groups: Mapping[str, np.ndarray],
    metric: str,
    *,
    least: int = 10,
    bootstrap: int = 1000,
) -> list[GroupScore]:
    """The metric in every group of every attribute, attributes in the given order, groups by name.

    Args:
        targets: as :func:`bench.scoring.score.score` takes them.
        runs: the scores of each run (seed) on these records; the metric is the mean over runs.
        groups: attribute -> the group of each record in words, ``""`` where unknown.
        least: patients with and without a class (or with an event, or at all) that a group and the rest need for the class to
            be scored.

    Raises:
        UnknownName: the kind has no such metric. DataError: groups of another length.
    """
    definition = kinds.load(kind)
    if metric not in definition.metrics:
        raise UnknownName(f"{kind} metric", metric, definition.metrics)
    scale = definition.metrics[metric]
    compared: list[tuple[GroupScore, Replicates | None, Replicates | None]] = []
    for attribute, labels in groups.items():
        if labels.shape != (len(targets),):
            raise DataError(f"{attribute}: {labels.shape} groups for {len(targets)} records; expected one per record.")
        known = labels != UNKNOWN
        for group in sorted(set(labels[known].tolist())):
            sides = [known & (labels == group), known & (labels != group)]
            inside = sides[0]
            entry = GroupScore(
                attribute,
                group,
                int(inside.sum()),
                len(np.unique(patients[inside])),
                _positives(definition, targets[inside]),
            )
            if min(int(side.sum()) for side in sides) < least:
                compared.append((entry, None, None))
                continue
            own, other = (
                _mean(
                    [_drawn(kind, targets[side], run[side], classes, patients[side], bootstrap, metric) for run in runs]
                )
                for side in sides
            )
            # A part is a class or a target; a metric of all of them has one part.
            parts = np.flatnonzero(
                own.present & other.present & (np.minimum(own.support, other.support) >= least)
            ).tolist()
            if not parts:
                compared.append((entry, None, None))
                continue
            own, other = own.of_parts(parts), other.of_parts(parts)
            entry = replace(
                entry,
                classes=tuple(classes[c] for c in parts) if len(classes) > 1 else tuple(classes) or (metric,),
                value=own.value,
                interval=own.interval(scale),
                rest=other.value,
                difference=own.value - other.value,
            )
            compared.append((entry, own, other))
    return _corrected(compared)


def _drawn(
    kind: str,
    targets: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    patients: np.ndarray,
    bootstrap: int,
    metric: str,
) -> Replicates:
    """The metric of one side of a comparison in each draw of patients."""
    drawn = score_replicates(kind, targets, scores, classes, patients, bootstrap=bootstrap, metrics=[metric])
    if metric not in drawn:  # thresholds are missing, or targets have different units
        raise DataError(
            f"{metric} of these {len(classes)} {kind} columns has no single value to compare; name another metric."
        )
    return drawn[metric]


def _mean(runs: Sequence[Replicates]) -> Replicates:
    """The mean over runs on the same records, in the same draws."""
    return replace(
        runs[0],
        estimates=np.mean([run.estimates for run in runs], axis=0),
        values=np.mean([run.values for run in runs], axis=0),
    )


def _corrected(compared: Sequence[tuple[GroupScore, Replicates | None, Replicates | None]]) -> list[GroupScore]:
    """The same with p and intervals of the differences, corrected for all of them."""
    spreads = {
        i: _welch(own.spread(), other.spread())
        for i, (_, own, other) in enumerate(compared)
        if own is not None and other is not None
    }
    # Of an attribute with two groups, each is the other's rest: one comparison. Groups that were not scored are in the rest.
    sizes = Counter(entry.attribute for entry, _, _ in compared)
    weights = {i: 1 / 2 if sizes[compared[i][0].attribute] == 2 else 1 for i in spreads}
    count = sum(weights.values())
    raw = {
        i: 2 * student_t.upper_tail(abs(compared[i][0].difference) / spread.standard_error, spread.freedom)
        for i, spread in spreads.items()
        if spread.standard_error > 0
    }
    corrected: dict[int, float] = {}
    left, highest = count, 0.0
    for i in sorted(raw, key=raw.__getitem__):
        highest = corrected[i] = min(1.0, max(highest, raw[i] * max(left, 1)))
        left -= weights[i]
    results = []
    for i, (entry, _, _) in enumerate(compared):
        if i in corrected:
            spread = spreads[i]
            half = student_t.quantile(1 - 0.05 / 2 / max(count, 1), spread.freedom) * spread.standard_error
            entry = replace(
                entry,
                difference_interval=Interval(entry.difference - half, entry.difference + half),
                p=corrected[i],
            )
        results.append(entry)
    return results


def _welch(first: Spread, second: Spread) -> Spread:
    """Standard error of a difference of two independent values and its degrees of freedom."""
    variances = np.array([first.standard_error, second.standard_error]) ** 2
    freedom = np.maximum([first.freedom, second.freedom], 1)
    total = float(variances.sum())
    return Spread(total**0.5, total**2 / max(float((variances**2 / freedom).sum()), 1e-300))


def _positives(kind: Kind, targets: np.ndarray) -> int:
    """Positives over all classes, events, or records where the kind has neither."""
    if kind.follow_up:
        return int((targets[:, 1] > 0).sum())
    return int((targets > 0).sum()) if kind.several_at_once else len(targets)
