"""Few-shot draws."""

import numpy as np
import pytest

from bench.splitting.shots import shot_subsets

RNG = np.random.default_rng(0)
SEVERAL = (RNG.random((400, 4)) < [0.5, 0.3, 0.1, 0.02]).astype(np.float32)
ONE = RNG.integers(0, 5, 400)
ROWS = np.arange(50, 400)


@pytest.mark.parametrize("targets", [SEVERAL, ONE], ids=["several labels", "one class"])
def test_each_class_has_so_many_positives_and_negatives_or_all_there_are(targets):
    subsets = shot_subsets(ROWS, (1, 2, 4, 8, 16), 3, targets)
    columns = targets if targets.ndim == 2 else (targets[:, None] == np.arange(5)).astype(float)
    for shots, rows in subsets.items():
        assert len(np.unique(rows)) == len(rows)
        assert set(rows) <= set(ROWS)
        for side in (0, 1):
            available = (columns[ROWS] == side).sum(axis=0)
            assert ((columns[rows] == side).sum(axis=0) >= np.minimum(shots, available)).all()
    assert len(subsets[1]) <= 2 * columns.shape[1]
    sizes = [set(rows) for rows in subsets.values()]
    assert all(small < large for small, large in zip(sizes, sizes[1:], strict=False))


def test_classes_of_one_label_have_exactly_so_many():
    rows = shot_subsets(ROWS, (7,), 0, ONE)[7]
    assert np.bincount(ONE[rows]).tolist() == [7] * 5


def test_the_draw_follows_the_seed_and_nothing_else():
    first, again, other = (shot_subsets(ROWS, (4,), seed, SEVERAL)[4] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(first, shot_subsets(ROWS, (1, 4, 64), 1, SEVERAL)[4])


def test_unknown_labels_count_for_neither_side():
    targets = np.full((40, 1), np.nan, np.float32)
    targets[:3, 0], targets[3:6, 0] = 1, 0
    assert shot_subsets(np.arange(40), (2, 8), 0, targets)[8].tolist() == [0, 1, 2, 3, 4, 5]
