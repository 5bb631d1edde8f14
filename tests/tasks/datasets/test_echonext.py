"""EchoNext: rows counted within a part, labels that were not measured, millivolts where the scaling is the published one."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.errors import ConfigError, DataError
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView
from bench.splitting.split import load_split
from tasks.datasets.echonext import SOURCES, EchoNext
from tasks.datasets.echonext_scaling import COUNT_MV, HIGHEST, LOWEST, MEAN, SD, on_grid
from tasks.datasets.folds import ecgbench_digest
from tasks.echonext import EchoNextFindings

RANGES = """-4.485 8.683 -6.706 9.327 -10.715 7.855 -8.608 4.387 -5.764 9.847 -9.588 9.323 -9.661 5.919 -9.859 5.654
-9.758 6.453 -8.309 8.945 -6.564 9.902 -5.495 9.992"""
"""Of z in each lead, from facts/datasets.md."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echonext") / "files"
    EchoNext.simulate(folder, 60, 1)
    return folder


@pytest.fixture(scope="module")
def table(root):
    return pd.read_csv(root / "echonext_metadata_100k.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def store(root, tmp_path_factory):
    return prepare(EchoNext(root), tmp_path_factory.mktemp("store") / "store")


def test_the_cuts_and_constants_give_the_published_ranges():
    low_high = np.array(RANGES.split(), float).reshape(12, 2)
    np.testing.assert_allclose((LOWEST - MEAN) / SD, low_high[:, 0], atol=6e-4)
    np.testing.assert_allclose((HIGHEST - MEAN) / SD, low_high[:, 1], atol=6e-4)
    np.testing.assert_allclose(MEAN[3], -(MEAN[0] + MEAN[1]) / 2, atol=0.05)


def test_the_table_is_mixed_and_rows_count_within_a_part(root, table, store):
    assert table["split"].nunique() == 4 and not table["split"].is_monotonic_increasing
    records = store.records
    for part in ("train", "val", "test"):
        listed = table[table["split"] == part]["ecg_key"].tolist()
        mine = records[records["split"] == part]
        assert mine.index.tolist() == listed and mine["row"].tolist() == list(range(len(listed)))
    row = int(np.flatnonzero((records["split"] == "test").to_numpy())[2])
    z = np.load(root / "EchoNext_test_waveforms.npy", mmap_mode="r")[2, 0]
    expected = ((z * SD + MEAN) * COUNT_MV).T
    np.testing.assert_allclose(store.read(np.array([row]))[0], expected, atol=1e-4)
    assert (store.fs, store.unit) == (250, "mV")


def test_limb_leads_agree_with_each_other_in_millivolts(store):
    signal = store.read(np.arange(20))
    first, second, augmented = signal[:, 0], signal[:, 1], signal[:, 5]
    uncut = np.abs(augmented - (second - first / 2)) < COUNT_MV
    assert uncut.mean() > 0.98


def test_earlier_recordings_of_tested_patients_are_left_out(table, store):
    earlier = set(table[table["split"] == "no_split"]["ecg_key"])
    assert len(earlier) == 12 and not earlier & set(store.records.index)
    tested = table[table["split"].isin(["val", "test"])]["patient_key"]
    assert set(table[table["split"] == "no_split"]["patient_key"]) <= set(tested)
    assert any("12 recordings of no_split are left out" in remark["words"] for remark in store.manifest["remarks"])


def test_what_was_not_measured_is_unknown_and_presumed_none_is_not(table, store):
    table = table.set_index("ecg_key").loc[store.records.index]
    for flag, sources in SOURCES.items():
        unmeasured = np.any([table[s] == "" for s in sources], axis=0) if sources else np.zeros(len(table), bool)
        assert (table.loc[unmeasured, f"{flag}_flag"] == "0").all()  # as the publisher writes it
        assert np.array_equal(store.records[flag].isna().to_numpy(), unmeasured)
        known = table[f"{flag}_flag"][~unmeasured].astype(float)
        assert (store.records[flag][~unmeasured] == known).all()
    assert store.records["tr_max_gte_32"].isna().mean() > 0.3
    presumed = (table["aortic_stenosis_value"] == "presumed none").to_numpy()
    assert presumed.any() and (store.records["aortic_stenosis_moderate_or_greater"][presumed] == 0).all()


def test_the_task_masks_them(store):
    examples = EchoNextFindings().examples(store.records)
    assert len(examples) == len(store.records) and np.isnan(examples.targets).any(axis=0).sum() == 5
    split = load_split("echonext")
    facts = split.facts(examples, split.partition(examples).train)
    assert facts.known["tr_max_gte_32"] < facts.known["shd_moderate_or_greater"] == facts.records == 42


def test_other_constants_are_recognised_and_z_scores_kept(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "files")
    train = np.load(copy / "EchoNext_train_waveforms.npy", mmap_mode="r+")
    assert on_grid(train[:, 0]) and on_grid(train[:, 0].astype(np.float32))
    train *= 0.9
    train.flush()
    assert not on_grid(train[:, 0])
    store = prepare(EchoNext(copy), tmp_path / "store")
    assert store.unit == "z-score"
    row = int(np.flatnonzero((store.records["split"] == "train").to_numpy())[0])
    np.testing.assert_allclose(store.read(np.array([row]))[0], train[0, 0].T, atol=1e-3)
    assert any("stay z-scores" in remark["words"] for remark in store.manifest["remarks"])
    with pytest.raises(ConfigError, match="recordings of echonext are in z-score"):
        SignalView(store, InputSpec(fs=250))


def test_files_that_do_not_fit_are_named(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "files")
    path = copy / "echonext_metadata_100k.csv"
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[:-3]) + "\n")
    dataset = EchoNext(copy)
    with pytest.raises(DataError, match=r"waveforms.npy has \d+ rows and echonext_metadata_100k.csv \d+ of split"):
        dataset.files(dataset.records())
    path.write_text(text.replace(",train", ",training", 1))
    with pytest.raises(DataError, match=r"has the split 'training'; expected train, val, test or no_split"):
        dataset.records()
    (copy / "EchoNext_val_waveforms.npy").unlink()
    with pytest.raises(DataError, match=r"EchoNext_val_waveforms.npy is missing. Sign the data use agreement"):
        dataset.check()


def test_it_is_restricted_and_its_split_is_held_to_published_numbers(store):
    dataset = registry.load(registry.DATASETS, "echonext")
    assert dataset.access == "credentialed" and dataset.publication is None
    complete = load_split("echonext").content.complete
    assert sum(part.records for part in complete.partitions.values()) == complete.records == 82_543
    assert ecgbench_digest({"b2": 1, "b10": 3}) == hashlib.sha256(b"b10,3\nb2,1").hexdigest()
