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

    A wrong candidate with the same score counts half: with equal scores everywhere the rank is that of a random order.

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
    ahead = (similarity > own) @ often + 0.5 * ((similarity == own) @ often - often[text_of])
    texts = np.empty(len(records))
    texts[:] = 1 + ahead
    recordings = np.empty(len(records))
    for text in np.unique(text_of):
        hits = text_of == text
        column = similarity[:, text]
        best, wrong = column[hits].max(), column[~hits]
        recordings[hits] = 1 + (wrong > best).sum() + 0.5 * (wrong == best).sum()
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
