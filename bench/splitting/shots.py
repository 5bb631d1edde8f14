"""Few-shot training sets: so many positives, and as many negatives, of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from bench.splitting.stratify import are_labels


def shot_subsets(
    rows: Int64[np.ndarray, " train"], shots: Sequence[int], seed: int, targets: np.ndarray
) -> dict[int, Int64[np.ndarray, " chosen"]]:
    """Number of shots -> the training rows that hold so many positives and negatives of each class, in the order of ``rows``.

    All rows are put into one random order. For 1, 2, 3, ... shots the classes are gone through, rarest first: the next
    positives of a class are taken until it has so many, counting those that came with other classes, then the next negatives.
    So smaller subsets lie within larger ones. A class with fewer positives (or negatives) than that gives all it has. A row
    whose label is unknown counts for neither.

    Args:
        rows: the training partition.
        seed: of the order; the same for all methods.
        targets: of all examples, [example, class] of 0 and 1 (NaN unknown), or classes as [example]; ``rows`` index it.
    """
    own = targets[rows]
    if are_labels(targets):
        positive, negative = own == 1, own == 0
    else:
        positive = own[:, None] == np.unique(own)[None]
        negative = ~positive
    order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
    taken = np.zeros(len(rows), bool)
    sides = [
        (members, order[members[order]].tolist())
        for column in np.argsort(positive.sum(axis=0), kind="stable")
        for members in (positive[:, column], negative[:, column])
    ]
    subsets: dict[int, Int64[np.ndarray, " chosen"]] = {}
    nexts = [0] * len(sides)
    for count in range(1, max(shots) + 1):
        for number, (members, queue) in enumerate(sides):
            missing = count - int((members & taken).sum())
            while missing > 0 and nexts[number] < len(queue):
                row = queue[nexts[number]]
                nexts[number] += 1
                if not taken[row]:
                    taken[row] = True
                    missing -= 1
        if count in shots:
            subsets[count] = rows[taken]
    return subsets
