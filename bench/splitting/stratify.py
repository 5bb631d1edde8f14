"""Strata of examples for any kind of target, and label-balanced cuts of a dataset that has no published partition.

Ties and order of the cuts come from a hash of the record ids, never from the order of files or from a random generator, so
that the same records give the same cut on every machine and with every version of every library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Int64

CHUNK = 4096
"""Examples whose targets are looked at together: of a thousand classes and a million examples they do not fit into memory."""


def are_labels(targets: np.ndarray) -> bool:
    """Whether targets [example, class] are labels: integers, or floats that are 0, 1 or unknown (NaN)."""
    if np.issubdtype(targets.dtype, np.integer) or targets.ndim != 2:
        return targets.ndim == 2
    return all(((part == 0) | (part == 1) | np.isnan(part)).all() for part in chunks(targets))


def chunks(targets: np.ndarray) -> Iterator[np.ndarray]:
    """The targets, some examples at a time."""
    return (targets[first : first + CHUNK] for first in range(0, len(targets), CHUNK))


def positives(targets: np.ndarray) -> Int64[np.ndarray, " class"]:
    """How many examples have each label; an unknown one does not count."""
    counts = np.zeros(targets.shape[1], np.int64)
    for part in chunks(targets):
        counts += np.count_nonzero(part > 0, axis=0)
    return counts


def strata(targets: np.ndarray, minimum: int = 1) -> Int64[np.ndarray, " example"]:
    """Number the strata of examples.

    Multilabel targets (:func:`are_labels`): the rarest label of an example is its stratum, so that rare classes are
    spread as well as common ones; examples without a label, unknown ones included, share one. Classes (integer, one axis):
    the class. Survival (float [example, 2] whose second column is 0 or 1): whether the event came. Other float targets:
    deciles of the first column, and one stratum where it is unknown.

    Args:
        minimum: strata with fewer examples are merged into one.
    """
    targets = np.asarray(targets)
    if are_labels(targets):
        group = _rarest_label(targets)
    elif np.issubdtype(targets.dtype, np.integer):
        group = targets.astype(np.int64)
    elif targets.ndim == 2 and targets.shape[1] == 2 and np.isin(targets[:, 1], (0, 1)).all():
        group = targets[:, 1].astype(np.int64)
    else:
        first = targets.reshape(len(targets), -1)[:, 0]
        known = first[~np.isnan(first)]
        cuts = np.quantile(known, np.arange(0.1, 1.0, 0.1)) if len(known) else np.zeros(0)
        group = np.where(np.isnan(first), len(cuts) + 1, np.searchsorted(cuts, first))
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    group = np.where(sizes[group] < minimum, len(sizes), group)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def spread_evenly(group: np.ndarray, rng: np.random.Generator) -> Int64[np.ndarray, " example"]:
    """A random order of examples in which the members of each group come at even distances, each group with a random phase,
    so that small groups do not all come first."""
    position = np.empty(len(group))
    for label in np.unique(group):
        members = rng.permutation(np.flatnonzero(group == label))
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(position, kind="stable")


def hash_fraction(ids: Sequence[str], salt: str) -> np.ndarray:
    """A number in [0, 1) for each id, evenly spread, that depends on id and salt alone."""
    digests = (hashlib.blake2b(f"{salt}\0{identifier}".encode(), digest_size=8).digest() for identifier in ids)
    return np.array([(int.from_bytes(d, "big") >> 11) / 2**53 for d in digests], np.float64)


def stratified_parts(
    ids: Sequence[str], labels: Sequence[Sequence[str]], sizes: Mapping[str, int], salt: str
) -> np.ndarray:
    """Cut records into named parts in proportion to ``sizes``, each label spread over them likewise.

    The rarest label of a record is its stratum. Every stratum is cut in proportion, small ones first, each with at
    least one record in the parts of largest size where it has that many; the largest stratum takes what remains, so
    that the sizes come out exactly when as many records are given as the sizes add up to.

    Args:
        labels: the labels of each record; a record without any is a stratum.
        sizes: part -> its size in the complete dataset.
        salt: names the cut; another salt gives another one.

    Returns:
        str [record], the part of each.
    """
    names = sorted(sizes, key=lambda name: -sizes[name])
    order = np.argsort(hash_fraction(ids, salt), kind="stable")
    group = _rarest_label(_multi_hot(labels))
    left = _rounded(np.array([sizes[name] for name in names], float), len(ids))
    parts = np.empty(len(ids), dtype=object)
    for stratum in sorted(np.unique(group), key=lambda g: ((group == g).sum(), g)):
        members = order[group[order] == stratum]
        counts = np.minimum(_rounded(left.astype(float), len(members)), left)
        for k in range(min(len(names), len(members))):
            if not counts[k] and left[k]:  # a rare label is seen in every part that can have it
                counts[np.argmax(counts)] -= 1
                counts[k] += 1
        parts[members] = np.repeat(np.array(names, dtype=object), counts)
        left -= counts
    return parts.astype(str)


def stratified_folds(
    ids: Sequence[str], labels: Sequence[Sequence[str]], n_folds: int, salt: str
) -> Int64[np.ndarray, " record"]:
    """Folds 1 to ``n_folds`` by iterative stratification (Sechidis et al., ECML PKDD 2011).

    The label with the fewest records left is dealt out first, each of its records to the fold that lacks most of it; of
    several such folds to the one that lacks most records, then to one chosen by the record's hash.

    Args:
        labels: whatever is to be balanced: classes, but also sex and age group.
    """
    wanted_of = _multi_hot(labels).astype(bool)
    rank = hash_fraction(ids, salt)
    fold = np.zeros(len(ids), np.int64)
    wanted = np.repeat(wanted_of.sum(axis=0)[None] / n_folds, n_folds, axis=0)  # [fold, label]
    room = np.full(n_folds, len(ids) / n_folds)
    while (fold == 0).any():
        open_rows = fold == 0
        remaining = wanted_of[open_rows].sum(axis=0)
        if remaining.any():
            label = int(np.argmin(np.where(remaining > 0, remaining, np.iinfo(np.int64).max)))
            members = np.flatnonzero(open_rows & wanted_of[:, label])
        else:
            label, members = -1, np.flatnonzero(open_rows)
        for row in members[np.argsort(rank[members], kind="stable")]:
            best = np.arange(n_folds)
            if label >= 0:
                # sums of shares of labels differ in the last bit on some machines; a tie is meant as one
                best = np.flatnonzero(wanted[:, label] > wanted[:, label].max() - 1e-6)
            best = best[room[best] > room[best].max() - 1e-6]
            chosen = best[int(rank[row] * 2**32) % len(best)]
            fold[row] = chosen + 1
            room[chosen] -= 1
            wanted[chosen, wanted_of[row]] -= 1
    return fold


def _rarest_label(targets: np.ndarray) -> np.ndarray:
    """The column of each row's rarest label, the first of equally rare ones; the number of columns for rows without."""
    frequency, none = positives(targets), np.iinfo(np.int64).max
    parts = [np.zeros(0, np.int64)]
    for part in chunks(targets):
        present = part > 0
        rarest = np.where(present, frequency, none).argmin(axis=1)
        parts.append(np.where(present.any(axis=1), rarest, targets.shape[1]))
    return np.concatenate(parts)


def _multi_hot(labels: Sequence[Sequence[str]]) -> np.ndarray:
    names = sorted({label for row in labels for label in row})
    column = {name: k for k, name in enumerate(names)}
    targets = np.zeros((len(labels), len(names) or 1), np.int64)
    for row, row_labels in enumerate(labels):
        targets[row, [column[label] for label in row_labels]] = 1
    return targets


def _rounded(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in proportion to ``weights`` that add up to ``total``, by the largest remainder."""
    if not weights.sum():
        return np.zeros(len(weights), np.int64)
    exact = weights / weights.sum() * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    short = total - int(counts.sum())
    counts[np.argsort(-(exact - counts), kind="stable")[:short]] += 1
    return counts
