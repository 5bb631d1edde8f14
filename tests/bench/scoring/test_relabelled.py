"""The same predictions on other labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.errors import DataError
from bench.scoring.relabelled import relabelled


def planted(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy labels, clean labels, and scores that follow the clean ones."""
    rng = np.random.default_rng(seed)
    clean = (rng.random((n, 2)) < 0.3).astype(float)
    noisy = np.where(rng.random((n, 2)) < 0.1, 1 - clean, clean)
    return noisy, clean, rng.normal(size=(n, 2)) + 2 * clean


def test_clean_labels_explain_the_planted_part_of_the_error():
    noisy, clean, scores = planted(0)
    found = relabelled("multilabel", noisy, clean, [scores, scores], ["a", "b"], np.arange(600), "macro_auroc", 200)
    assert found.before == pytest.approx(np.mean([roc_auc_score(noisy[:, c], scores[:, c]) for c in range(2)]))
    assert found.after == pytest.approx(np.mean([roc_auc_score(clean[:, c], scores[:, c]) for c in range(2)]))
    assert found.changed == int((noisy != clean).sum()) and found.records == 600
    assert 0 < found.difference_interval.low < found.difference < found.difference_interval.high
    assert 0.3 < found.of_error < 1


def test_the_interval_holds_the_true_difference():
    """The truth: 20,000 records. 40 small draws, of which a 95 % interval may miss seven (one in 10,000 misses more)."""
    noisy, clean, scores = planted(99, 20_000)
    truth = (
        np.mean([roc_auc_score(y[:, c], scores[:, c]) * s for y, s in ((clean, 1), (noisy, -1)) for c in range(2)]) * 2
    )
    missed = 0
    for seed in range(40):
        noisy, clean, scores = planted(seed, 300)
        low, high = relabelled(
            "multilabel", noisy, clean, [scores], ["a", "b"], np.arange(300), "macro_auroc", 100
        ).difference_interval
        missed += not low <= truth <= high
    assert missed <= 7


def test_a_relabelled_class_of_one_patient_has_no_interval():
    targets, scores = np.zeros((40, 2)), np.random.default_rng(0).normal(size=(40, 2))
    targets[::2, 0] = targets[0, 1] = 1
    others = targets.copy()
    others[5, 1] = np.nan
    score = ("multilabel", targets, others, [scores], ["a", "rare"], np.arange(40), "macro_auroc", 20)
    assert np.isnan(relabelled(*score).difference_interval.low)
    targets[:20, 1] = others[:20, 1] = 1
    others[35, 1] = np.nan
    assert relabelled(*score).difference_interval.low <= relabelled(*score).difference


def test_unknown_labels_are_counted_and_other_kinds_refused():
    noisy, clean, scores = planted(0)
    clean[:100] = np.nan
    found = relabelled("multilabel", noisy, clean, [scores], ["a", "b"], np.arange(600), "macro_auroc", 20)
    assert (found.records, found.unknown) == (500, 200)
    with pytest.raises(DataError, match="labels of survival tasks cannot be compared"):
        relabelled("survival", noisy, clean, [scores[:, 0]], ["event"], np.arange(600), "c_index", 20)
