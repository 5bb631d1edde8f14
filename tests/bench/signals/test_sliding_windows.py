import json
from pathlib import Path

import numpy as np
import pytest

from bench.data.batches import BatchSource
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def ragged(tmp_path, folder_dataset):
    return prepare(folder_dataset(3, [400, 150, 700]), tmp_path / "ragged")


def view(store, **options) -> SignalView:
    return SignalView(store, InputSpec(**{"fs": 500, "seconds": 0.8} | options))


def test_windows_begin_where_the_ptbxl_benchmark_has_them(ragged):
    for samples, (starts, ends) in json.loads((GOLDEN / "helme_sliding_windows.json").read_text()).items():
        recordings = view(ragged)
        recordings._length = np.full(3, int(samples))
        windows, owner = recordings.sliding(np.array([1]), seconds=250 / 500, stride=125 / 500)
        np.testing.assert_array_equal(windows._first, starts)
        np.testing.assert_array_equal(windows._first + windows._length, ends)
        assert (owner == 0).all()


def test_windows_hold_the_recording_and_know_whose_they_are(ragged):
    windows, owner = view(ragged).sliding(np.array([2, 1, 0]), seconds=0.4, stride=0.2)
    ecg, _ = windows.batch(np.arange(len(windows)))
    assert ecg.shape[2] == 200
    assert owner.tolist() == [0] * 6 + [1] + [2] * 3
    np.testing.assert_array_equal(ecg[2], ragged.read(np.array([2]))[0, :, 200:400])
    np.testing.assert_array_equal(ecg[6, :, :150], ragged.read(np.array([1]))[0, :, :150])
    assert not ecg[6, :, 150:].any()  # shorter than a window: one, padded
    np.testing.assert_array_equal(ecg[9], ragged.read(np.array([0]))[0, :, 200:400])


def test_windows_of_part_of_a_recording_stay_inside_it(ragged):
    part = SignalView(ragged, InputSpec(fs=500, seconds=0.2), rows=np.array([2]), start=np.array([0.4]), seconds=0.6)
    windows, _ = part.sliding(np.array([0]), seconds=0.2, stride=0.2)
    np.testing.assert_array_equal(windows._first, [200, 300, 400])


def test_crops_lie_anywhere_in_training_and_first_otherwise(ragged):
    crops = view(ragged, normalise="none").random_crops(0.2)
    whole = ragged.read(np.array([2]))[0]
    first, _ = crops.batch(np.array([2]))
    np.testing.assert_array_equal(first[0], whole[:, :100])
    drawn = [crops.batch(np.array([2]), np.random.default_rng(seed))[0][0] for seed in range(20)]
    begins = {int(np.flatnonzero([(whole[:, i : i + 100] == d).all() for i in range(601)])[0]) for d in drawn}
    assert len(begins) > 10
    assert max(begins) > 400  # beyond the 0.8 s that the spec would have kept


def test_rows_keep_their_targets(ragged):
    source = BatchSource(view(ragged), targets=np.array([10, 11, 12]))
    windows, owner = source.sliding(np.array([2, 0]), 0.4, 0.2)
    (batch,) = windows.in_order(np.arange(len(owner)), 32)
    assert batch.target.tolist() == [12] * 6 + [10] * 3
