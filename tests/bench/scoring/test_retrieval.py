"""Ranks, recall and mean reciprocal rank against a direct search."""

import numpy as np
import pytest

from bench.errors import DataError
from bench.scoring.retrieval import ranks, retrieval_replicates


def by_search(similarity, text_of):
    """Candidates one by one: all records' texts given a recording, all recordings given a text."""
    n = len(text_of)
    whole = similarity[:, text_of]  # [recording, record whose text it is]
    found = []
    for matrix in (whole, whole.T):
        of_direction = []
        for query in range(n):
            hits = text_of == text_of[query]
            best = matrix[query, hits].max()
            wrong = matrix[query, ~hits]
            equal = (matrix[query, hits] == best).sum()
            of_direction.append(1 + (wrong > best).sum() + (wrong == best).sum() / (equal + 1))
        found.append(of_direction)
    return np.array(found, float)


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_those_of_a_direct_search(seed):
    rng = np.random.default_rng(seed)
    text_of = rng.integers(0, 12, 40)
    text_of = np.unique(text_of, return_inverse=True)[1]
    similarity = rng.normal(size=(40, text_of.max() + 1)).round(1)  # with ties
    np.testing.assert_allclose(np.stack(ranks(similarity, text_of)), by_search(similarity, text_of), rtol=1e-12)


def test_recall_and_reciprocal_rank():
    rank = np.array([1, 1, 2, 5, 6, 11, 1.5, 100])
    values = {name: drawn.value for name, drawn in retrieval_replicates(rank, np.arange(8), bootstrap=50).items()}
    assert values["recall@1"] == 2 / 8 and values["recall@5"] == 5 / 8 and values["recall@10"] == 6 / 8
    assert values["mrr"] == pytest.approx(np.mean(1 / rank), abs=1e-12)


def test_equal_scores_give_the_rank_of_a_random_order():
    text_of = np.arange(11)
    for direction in ranks(np.zeros((11, 11)), text_of):
        assert (direction == 6).all()


def test_equal_scores_of_repeated_texts_give_the_rank_of_a_random_order():
    text_of = np.array([0] * 9 + [1])  # the first of nine hits among ten is at 11 / 10, the only one at 11 / 2
    for direction in ranks(np.zeros((10, 2)), text_of):
        np.testing.assert_allclose(direction, [1.1] * 9 + [5.5], rtol=1e-12)


def test_intervals_are_over_patients():
    rng = np.random.default_rng(1)
    rank = rng.integers(1, 20, 60).astype(float)
    alone = retrieval_replicates(rank, np.arange(60))["mrr"].interval("logit")
    doubled = retrieval_replicates(np.repeat(rank, 4), np.repeat(np.arange(60), 4))["mrr"].interval("logit")
    assert doubled.high - doubled.low == pytest.approx(alone.high - alone.low, rel=0.02)


def test_a_similarity_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="not finite"):
        ranks(np.array([[np.nan, 1.0], [0.0, 1.0]]), np.array([0, 1]))
