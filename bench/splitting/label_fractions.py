"""Smaller training sets: deterministic, nested subsets of a training partition.

A fraction counts recordings, as in the papers: 1 % of 17,084 is 170. Two recordings of one patient may be drawn
independently, since both are training data; the other partitions are not touched.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Int64

from bench.errors import ConfigError
from bench.renamed import renamed_attribute
from bench.splitting.stratify import are_labels, spread_evenly, strata

Rule = Literal["stratified", "merl", "mmcl"]
RULES: tuple[Rule, ...] = get_args(Rule)


MERL_SEED = 42
"""``random_state`` of the released subsets of MERL (ICML 2024)."""


def is_seeded(rule: Rule) -> bool:
    """Whether a rule's subset depends on a seed."""
    return rule != "merl"


def labelled_subset(
    rows: Int64[np.ndarray, " train"],
    fraction: float,
    seed: int,
    targets: np.ndarray,
    rule: Rule = "stratified",
) -> Int64[np.ndarray, " chosen"]:
    """The training rows that a fraction leaves.

    ``stratified`` puts all rows into one order and takes its beginning, so that smaller fractions lie within larger
    ones. The order starts with one positive of each class, rarest class first, unless a row already taken is positive
    for it; then rows follow so that every beginning holds the strata (:func:`bench.splitting.stratify.strata`) in their
    overall proportions.

    ``merl`` draws as MERL's released code does, with scikit-learn's ``train_test_split`` and random state 42: it
    reproduces the published subsets of a complete dataset in the publisher's order, ignores ``seed``, and may leave
    classes without a positive.

    ``mmcl`` has the published sizes of MMCL's low-data experiments (V-D): 400 and 40 of 4,030, 170 and 17 of 1,698, 250
    and 25 of 2,498, which are 10 and 1 % rounded to two digits. Neither the paper nor its code says how the subsets were
    drawn, beyond that they are nested; the draw is that of ``stratified``.

    Args:
        rows: the training partition.
        fraction: above 0, up to 1.
        seed: of the draw.
        targets: of all examples of the task, [example, ...]; ``rows`` index it.

    Returns:
        ``floor(fraction * len(rows))`` rows (``mmcl``: two digits of the nearest number), at least one; in the order of
        ``rows`` but for ``merl``.

    Raises:
        ConfigError: the fraction is out of range, or the rule is unknown.
    """
    if not 0 < fraction <= 1:
        raise ConfigError(f"--fraction {fraction:g} is out of range; expected above 0 and up to 1 (0.01 is 1 %).")
    if rule not in RULES:
        raise ConfigError(f"unknown rule for training subsets {rule!r}; expected one of {', '.join(RULES)}.")
    rows = np.asarray(rows, np.int64)
    if fraction == 1 or not len(rows):
        return rows
    size = subset_size(len(rows), fraction, rule)
    if rule == "merl":
        from sklearn.model_selection import train_test_split

        return train_test_split(rows, train_size=size, random_state=MERL_SEED)[0]
    return rows[np.sort(_order(targets[rows], seed)[:size])]


def subset_size(records: int, fraction: float, rule: Rule = "stratified") -> int:
    """How many of so many training records a fraction leaves."""
    if fraction == 1:
        return records
    # 0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996: neither is meant
    exact = round(fraction * records, 9)
    return max(1, min(round(float(f"{exact:.2g}")), records) if rule == "mmcl" else int(np.floor(exact)))


def _order(targets: np.ndarray, seed: int) -> np.ndarray:
    order = spread_evenly(strata(targets), np.random.default_rng([seed, len(targets)]))
    first = _one_of_each_class(targets, order)
    return np.concatenate([first, order[~np.isin(order, first)]])


def _one_of_each_class(targets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows, the earliest in ``order``, that hold a positive of every class; none for targets that are not classes."""
    if are_labels(targets):
        positive = targets > 0
    elif np.issubdtype(targets.dtype, np.integer):
        positive = targets[:, None] == np.unique(targets)[None]
    else:
        return np.empty(0, np.int64)
    taken: list[int] = []
    for column in np.argsort(positive.sum(axis=0), kind="stable"):
        members = order[positive[order, column]]
        if len(members) and not positive[taken, column].any():
            taken.append(int(members[0]))
    return np.array(taken, np.int64)


def __getattr__(name: str) -> Any:
    return renamed_attribute(__name__, name)
