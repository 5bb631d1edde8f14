"""Mean corruption error: how much worse a method gets under corruptions, relative to a reference.

Hendrycks and Dietterich (ICLR 2019): the error of a corruption is the sum of a method's errors over its levels, divided by
that of a reference; the mean corruption error is the mean over corruptions, times 100. The error here is 1 minus the task's
metric, which lies in [0, 1]. Intervals are over draws of patients, the same draws in every condition and for both methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from bench.errors import DataError
from bench.scoring.bootstrap import LEVEL, Covariance, Interval, Replicates, Scale, interval, require_same_origin


def mean_value(runs: Sequence[Replicates], scale: Scale) -> tuple[float, Interval]:
    """The mean of a metric over runs on the same records, and its interval."""
    value = float(np.mean([run.value for run in runs]))
    spread = Covariance.of(list(runs)).spread(np.full(len(runs), 1 / len(runs)))
    return value, interval(value, spread, scale, runs[0].mean_trials)


def mean_corruption_error(
    method: Mapping[str, Sequence[Replicates]], reference: Mapping[str, Sequence[Replicates]]
) -> tuple[float, Interval]:
    """The mean corruption error of a method and its interval; 100 is as bad as the reference, less is better.

    Args:
        method, reference: corruption -> the metric in each of its levels (and seeds), with its replicates.

    Raises:
        DataError: corruptions, records or draws differ; the reference makes no error under a corruption.
    """
    if set(method) != set(reference) or not method:
        raise DataError(
            f"the corruptions differ: {', '.join(sorted(method)) or 'none'} and {', '.join(sorted(reference)) or 'none'}. "
            f"Score both methods with the same --corrupt."
        )
    require_same_origin([run for runs in (*method.values(), *reference.values()) for run in runs])
    ratios, drawn = [], []
    for name in method:
        (error, errors), (of_reference, errors_of_reference) = (_error(part[name]) for part in (method, reference))
        if of_reference <= 0:
            raise DataError(
                f"the reference makes no error under {name}, so that no ratio to it exists; choose another."
            )
        ratios.append(error / of_reference)
        drawn.append(errors / np.maximum(errors_of_reference, 1e-12))
    value = float(np.mean(ratios))
    logs = np.log(np.maximum(np.mean(drawn, axis=0), 1e-12))
    half = float(norm.ppf((1 + LEVEL) / 2)) * float(np.std(logs))
    return 100 * value, Interval(100 * value * np.exp(-half), 100 * value * np.exp(half))


def _error(runs: Sequence[Replicates]) -> tuple[float, Float[np.ndarray, " replicate"]]:
    """1 minus the mean of the metric over runs, and that in each draw; a class that a draw lost keeps its estimate."""
    values = []
    for run in runs:
        present = run.present
        filled = np.where(np.isnan(run.values[:, present]), run.estimates[present], run.values[:, present])
        values.append(filled.mean(axis=1))
    return 1 - float(np.mean([run.value for run in runs])), 1 - np.mean(values, axis=0)
