"""Count how many labels a probe needs to reach a reference: where a curve over numbers of labels crosses a value.

The crossing is interpolated on the logarithm of the number. The interval is over joint draws: of test patients, the same for
curve and reference, and of replicates (with replacement, curve and reference apart). With few replicates it is too
narrow, as there are few to draw from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from bench.scoring.bootstrap import LEVEL, Interval, Replicates, require_same_origin

SEED = 20_250


def labels_needed(
    curve: Sequence[Sequence[Replicates]],
    numbers: Sequence[int],
    reference: Sequence[Replicates],
) -> tuple[float, Interval]:
    """The number of labels at which the mean of a metric reaches that of the reference, and its interval.

    Args:
        curve: for each number of labels the metric of each replicate, with its draws of patients.
        numbers: ascending.
        reference: the metric of each of its replicates.

    Returns:
        ``math.inf`` where the largest number does not reach it; the smallest number where that reaches it.

    Raises:
        DataError: records, targets, patients or draws differ.
    """
    require_same_origin([run for runs in (*curve, reference) for run in runs])
    means = np.array([np.mean([run.value for run in runs]) for runs in curve])
    value = crossing(means, numbers, float(np.mean([run.value for run in reference])))
    drawn = np.stack([np.stack([_drawn(run) for run in runs]) for runs in curve])  # [number, replicate, draw]
    target = np.stack([_drawn(run) for run in reference])
    rng = np.random.default_rng(SEED)
    count = drawn.shape[2]
    own = rng.integers(drawn.shape[1], size=(drawn.shape[1], count))
    other = rng.integers(len(target), size=(len(target), count))
    draws = np.arange(count)
    curves = drawn[:, own, draws].mean(axis=1)  # [number, draw]: a replicate is the same at each number
    targets = target[other, draws].mean(axis=0)
    needed = np.sort([crossing(curves[:, i], numbers, targets[i]) for i in draws])
    tail = (1 - LEVEL) / 2
    low, high = (float(needed[min(int(share * count), count - 1)]) for share in (tail, 1 - tail))
    return value, Interval(min(low, value), max(high, value))


def crossing(values: Float[np.ndarray, " number"], numbers: Sequence[int], target: float) -> float:
    """The first number at which ``values`` reach ``target``, interpolated on the logarithm; ``math.inf`` if none does."""
    reached = np.flatnonzero(values >= target)
    if not len(reached):
        return math.inf
    i = int(reached[0])
    if i == 0:
        return float(numbers[0])
    share = (target - values[i - 1]) / (values[i] - values[i - 1])
    return float(numbers[i - 1] * (numbers[i] / numbers[i - 1]) ** share)


def _drawn(run: Replicates) -> Float[np.ndarray, " draw"]:
    """The metric in each draw of patients; a class that a draw lost keeps its estimate."""
    present = run.present
    values = run.values[:, present]
    return np.where(np.isnan(values), run.estimates[present], values).mean(axis=1)
