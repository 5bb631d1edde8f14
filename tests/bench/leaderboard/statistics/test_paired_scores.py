"""Replicates of a stored result's metrics: of all classes, and of one."""

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import DataError
from bench.leaderboard.statistics.column_tests import _delong
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.scoring.classification import auroc
from bench.scoring.score import score

CLASSES = ["NORM", "MI", "STTC"]


@pytest.fixture
def one_of_several(make_result):
    """Scores of a multiclass task, whose targets are class numbers."""
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=60)
    scores = np.exp(np.eye(3)[targets] + rng.normal(size=(60, 3)))
    scores /= scores.sum(axis=1, keepdims=True)
    ids = np.arange(60).astype(str)
    scored = score("multiclass", targets, scores, CLASSES, ids).to_dict()
    result = replace(make_result("merl", task="ptbxl-single"), score=scored)
    return PairedScores(result, ids, ids, targets, scores, (targets, scores))


def test_a_class_of_several_has_its_own_auroc(one_of_several):
    drawn = one_of_several.replicates("auroc", "STTC")
    own = auroc((one_of_several.targets == 2)[:, None], one_of_several.scores[:, 2:])[0]
    assert drawn.value == pytest.approx(own)
    tested = _delong([one_of_several, one_of_several], 2)
    assert tested.differences == [[0.0, 0.0, None]] and tested.p == [1.0]


@pytest.mark.parametrize("name", CLASSES)
def test_the_accuracy_over_all_classes_is_not_taken_for_that_of_one(one_of_several, name):
    with pytest.raises(DataError, match="accuracy of one class are not tested"):
        one_of_several.replicates("accuracy", name)
