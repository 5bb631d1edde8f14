"""Retrieval between recordings and their texts: ranks, recall at k and mean reciprocal rank.

Every record of the pool is a query, and each record's text (or recording) a candidate. A candidate with the text of the query
is a hit: reports such as "sinus rhythm. normal ECG" occur a hundred times, and none of them is the right one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, Shaped

from bench.errors import DataError
from bench.scoring.bootstrap import Replicates, cluster_numbers, draws
from bench.storage.artifacts import digest

RECALL_AT = (1, 5, 10)


def ranks(
    similarity: Float[np.ndarray, "record text"], text_of: Int[np.ndarray, " record"]
) -> tuple[Float[np.ndarray, " record"], Float[np.ndarray, " record"]]:
    """The rank of the first hit of each query, from 1: of texts given a recording, and of recordings given a text.

    Equal scores count as a random order: of w wrong candidates with the score of h hits, w / (h + 1) precede the first hit.

    Args:
        similarity: of each record to each distinct text; higher is more alike.
        text_of: which of the texts each record has.

    Raises:
        DataError: a similarity is not finite.
    """
    if not np.isfinite(similarity).all():
        raise DataError("similarities of recordings and texts are not finite; expected a number for each pair.")
    records = np.arange(len(similarity))
    often = np.bincount(text_of, minlength=similarity.shape[1]).astype(float)
    own = similarity[records, text_of][:, None]
    hits = often[text_of]
    ahead = (similarity > own) @ often + ((similarity == own) @ often - hits) / (hits + 1)
    texts = np.empty(len(records))
    texts[:] = 1 + ahead
    recordings = np.empty(len(records))
    for text in np.unique(text_of):
        right = text_of == text
        column, wrong = similarity[right, text], similarity[~right, text]
        best = column.max()
        recordings[right] = 1 + (wrong > best).sum() + (wrong == best).sum() / ((column == best).sum() + 1)
    return texts, recordings


def retrieval_replicates(
    rank: Float[np.ndarray, " record"], patients: Shaped[np.ndarray, " record"], bootstrap: int = 1000, seed: int = 0
) -> Mapping[str, Replicates]:
    """Recall at 1, 5 and 10 and the mean reciprocal rank, in every draw of patients. The pool of candidates stays whole."""
    values = {f"recall@{k}": (rank <= k).astype(float) for k in RECALL_AT} | {"mrr": 1 / rank}
    clusters = cluster_numbers(patients, len(rank))
    n_clusters = int(clusters.max()) + 1
    columns = np.stack(list(values.values()))
    drawn = np.concatenate(
        [(columns @ weights / weights.sum(axis=0)).T for weights in draws(clusters, bootstrap, seed)]
    )
    origin = digest([clusters.tolist(), bootstrap, seed])
    support = np.array([n_clusters])
    return {
        name: Replicates(np.array([value.mean()]), drawn[:, [i]], support, origin, np.array([float(n_clusters)]))
        for i, (name, value) in enumerate(values.items())
    }
