"""Published code's own metrics against numbers that this code produced (tests/golden)."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DataError
from bench.scoring import classification, released

GOLDEN = Path(__file__).parents[2] / "golden"


def closed_form(name, n):
    """The golden inputs' recipe: splitmix64 of crc32(name) * 2^32 + index, as a number in [-1, 1)."""
    with np.errstate(over="ignore"):
        x = np.uint64(zlib.crc32(name.encode()) << 32) + np.arange(n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return 2.0 * ((x >> np.uint64(11)).astype(float) * 2.0**-53) - 1.0


def test_merl_zero_shot_gives_the_released_numbers():
    golden = json.loads((GOLDEN / "merl_zero_shot_metrics.json").read_text())
    targets = (closed_form("metric_gt", 800).reshape(200, 4) > 0.4).astype(int)
    embedding = (closed_form("metric_pred", 800).reshape(200, 4) + 0.8 * targets).astype(np.float32).round(2)
    scores = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    result = released.merl_zero_shot(targets, scores)
    for ours, theirs in (("f1", "f1"), ("accuracy", "acc"), ("auroc", "auc")):
        np.testing.assert_allclose(100 * result[ours], golden[f"{theirs}s"], rtol=0, atol=1e-10)
        assert 100 * result[ours].mean() == pytest.approx(golden[theirs], abs=1e-10)


@pytest.mark.parametrize("rule", ["youden", "gbeta"])
def test_macro_auroc_is_that_of_the_ptbxl_benchmark(rule):
    golden = np.load(GOLDEN / "helme_challenge_metrics.npz")
    macro = classification.macro(classification.auroc(golden["y_true"], golden["score"]))
    assert macro == pytest.approx(float(golden[f"{rule}_macro_auc"]), abs=1e-14)


def test_windows_are_aggregated_by_record():
    scores = np.array([[0.1, 0.9], [0.5, 0.3], [0.2, 0.2]])
    record = np.array([0, 0, 1])
    np.testing.assert_array_equal(released.aggregate_windows(scores, record), [[0.5, 0.9], [0.2, 0.2]])
    np.testing.assert_allclose(released.aggregate_windows(scores, record, "mean"), [[0.3, 0.6], [0.2, 0.2]])
    with pytest.raises(DataError, match="record 1 has no window"):
        released.aggregate_windows(scores, np.array([0, 0, 2]))
