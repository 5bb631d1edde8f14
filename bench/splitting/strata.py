"""One stratum per example, for any kind of target: the groups over which splits and training subsets are balanced."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64


def strata(targets: np.ndarray, minimum: int = 1) -> Int64[np.ndarray, " example"]:
    """Number the strata of examples.

    Multilabel targets (integer, two axes): the rarest label of an example is its stratum, so that rare classes are
    spread as well as common ones; examples without a label share one. Classes (integer, one axis): the class. Survival
    (float [example, 2] whose second column is 0 or 1): whether the event came. Other float targets: deciles of the
    first column.

    Args:
        minimum: strata with fewer examples are merged into one.
    """
    targets = np.asarray(targets)
    if targets.ndim == 2 and np.issubdtype(targets.dtype, np.integer):
        frequency = targets.sum(axis=0)
        weight = np.where(targets > 0, frequency, np.iinfo(np.int64).max)
        group = np.where(targets.any(axis=1), weight.argmin(axis=1), targets.shape[1])
    elif np.issubdtype(targets.dtype, np.integer):
        group = targets.astype(np.int64)
    elif targets.ndim == 2 and targets.shape[1] == 2 and np.isin(targets[:, 1], (0, 1)).all():
        group = targets[:, 1].astype(np.int64)
    else:
        first = targets.reshape(len(targets), -1)[:, 0]
        group = np.searchsorted(np.quantile(first, np.arange(0.1, 1.0, 0.1)), first)
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    group = np.where(sizes[group] < minimum, len(sizes), group)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)
