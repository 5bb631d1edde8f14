from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from bench.dataset import path_inside
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.signals.store import DamagedStore, SignalStore
from bench.signals.store_writer import quantise
from bench.storage.artifacts import seal


def test_a_store_holds_the_publisher_s_integers(tmp_path, folder_dataset, samples):
    store = prepare(folder_dataset(20), tmp_path / "store")
    assert (len(store), store.fs, store.uniform_length) == (20, 500, 400)
    for row in (0, 7, 19):
        np.testing.assert_array_equal(store.read(np.array([row]))[0], samples(seed=row).T.astype(np.float32) / 1000)
    assert np.load(tmp_path / "store" / "signals.npy", mmap_mode="r").shape == (20, 12, 400)


def test_metadata_and_ids(tmp_path, folder_dataset):
    store = prepare(folder_dataset(3), tmp_path / "store")
    assert list(store.records.index) == ["r0000", "r0001", "r0002"]
    assert list(store.records["labels"].iloc[0]) == ["MI", "CD"]
    np.testing.assert_array_equal(store.rows(["r0002", "r0000"]), [2, 0])
    with pytest.raises(DataError, match="nobody"):
        store.rows(["r0001", "nobody"])


def test_windows_and_what_lies_beyond_the_end(tmp_path, folder_dataset):
    store = prepare(folder_dataset(4), tmp_path / "store")
    whole = store.read(np.arange(4))
    np.testing.assert_array_equal(store.read(np.array([2, 1]), 100, 50), whole[[2, 1], :, 100:150])
    each = store.read(np.array([0, 3]), np.array([10, 380]), 40)
    np.testing.assert_array_equal(each[0], whole[0, :, 10:50])
    np.testing.assert_array_equal(each[1, :, :20], whole[3, :, 380:])
    assert (each[1, :, 20:] == 0).all()
    assert (store.read(np.array([1]), 390, 20)[0, :, 10:] == 0).all()


def test_lengths_that_differ_are_kept_whole(tmp_path, folder_dataset, samples):
    times = [400, 250, 900]
    store = prepare(folder_dataset(3, times), tmp_path / "store")
    assert store.uniform_length is None
    np.testing.assert_array_equal(store.lengths, times)
    for row, time in enumerate(times):
        found = store.read(np.array([row]))[0]
        np.testing.assert_array_equal(found, samples(seed=row, time=time).T.astype(np.float32) / 1000)
    padded = store.read(np.array([1, 2]))
    assert padded.shape == (2, 12, 900)
    assert (padded[0, :, 250:] == 0).all()


def test_manifest_and_digest_follow_the_content(tmp_path, folder_dataset, write_record, samples):
    dataset = folder_dataset(5)
    first = prepare(dataset, tmp_path / "first")
    again = prepare(dataset, tmp_path / "again")
    assert first.digest == again.digest
    assert {"dataset": "folder", "version": "1", "n_records": 5, "n_nan": 0}.items() <= first.manifest.items()
    values = samples(seed=0)
    values[5, 5] += 1
    write_record(dataset.root, "r0000", values)
    changed = prepare(dataset, tmp_path / "changed")
    assert changed.signals_digest != first.signals_digest


def test_a_store_is_prepared_again_only_when_its_index_files_change(tmp_path, folder_dataset):
    dataset = folder_dataset(3)
    (dataset.root / "index.csv").write_text("one")
    prepare(dataset, tmp_path / "store")
    reads = type(dataset).reads
    store = prepare(dataset, tmp_path / "store")
    assert type(dataset).reads == reads
    assert store.matches(dataset)
    (dataset.root / "index.csv").write_text("two")
    assert not store.matches(dataset)
    assert prepare(dataset, tmp_path / "store").matches(dataset)
    assert not list(tmp_path.glob(".store.[pr]*"))


def test_another_rate_is_resampled(tmp_path, folder_dataset):
    dataset = folder_dataset(2)
    store = prepare(dataset, tmp_path / "slow", rate=250)
    assert (store.fs, store.uniform_length) == (250, 200)
    fast = prepare(dataset, tmp_path / "fast")
    inner = slice(20, -20)
    np.testing.assert_allclose(
        store.read(np.arange(2))[..., inner], fast.read(np.arange(2))[..., ::2][..., inner], atol=0.02
    )


@pytest.mark.parametrize("damage", ["absent", "manifest", "schema", "signals"])
def test_a_damaged_store_is_told(tmp_path, folder_dataset, damage):
    path = tmp_path / "store"
    if damage != "absent":
        prepare(folder_dataset(2), path)
    if damage == "manifest":
        (path / "manifest.json").write_text("{")
    if damage == "schema":
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps(manifest | {"schema": 0}))
        seal(path, "store", {}, ["manifest.json"])
    if damage == "signals":
        content = (path / "signals.npy").read_bytes()
        (path / "signals.npy").write_bytes(content[:-100])
    with pytest.raises(DataError, match=str(path)):
        SignalStore.open(path)


def absent(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("harm", [absent, empty, cut, flipped])
@pytest.mark.parametrize("name", ["manifest.json", "gains.npy", "digests.npy", "records.parquet", "artifact.json"])
def test_a_store_that_cannot_be_opened_is_prepared_again(tmp_path, folder_dataset, harm, name):
    dataset, path = folder_dataset(2), tmp_path / "store"
    whole = prepare(dataset, path)
    harm(path / name)
    with pytest.raises(DamagedStore, match=str(path)):
        SignalStore.open(path)
    again = prepare(dataset, path)
    assert again.digest == whole.digest
    np.testing.assert_array_equal(again.read(np.arange(2)), whole.read(np.arange(2)))


@pytest.mark.parametrize("harm", [absent, empty, cut])
def test_a_store_without_its_samples_is_prepared_again(tmp_path, folder_dataset, harm):
    dataset, path = folder_dataset(2), tmp_path / "store"
    whole = prepare(dataset, path)
    before = whole.read(np.arange(2))
    harm(path / "signals.npy")
    again = prepare(dataset, path)
    np.testing.assert_array_equal(again.read(np.arange(2)), before)


@pytest.mark.parametrize("times", [[400, 400, 400], [400, 250, 900]])
def test_an_altered_recording_is_never_read(tmp_path, folder_dataset, times):
    dataset, path = folder_dataset(3, times), tmp_path / "store"
    whole = prepare(dataset, path).read(np.arange(3))
    flipped(path / "signals.npy")
    store = SignalStore.open(path)
    wrong = [i for i in range(3) if str(store.records.index[i]) in store.altered()]
    assert len(wrong) == 1
    others = np.setdiff1d(np.arange(3), wrong)
    np.testing.assert_array_equal(store.read(others, 0, 250), whole[others, :, :250])
    with pytest.raises(DamagedStore, match=f"{path}.*{store.records.index[wrong[0]]}.*it is made again"):
        store.read(np.array(wrong))
    with pytest.raises(DamagedStore, match="was altered since"):  # remembered in the store
        SignalStore.open(path)
    np.testing.assert_array_equal(prepare(dataset, path).read(np.arange(3)), whole)


@pytest.mark.parametrize("name", ["journal.jsonl", "index.bin"])
def test_a_damaged_journal_is_not_continued(tmp_path, folder_dataset, monkeypatch, name):
    dataset, path = folder_dataset(40), tmp_path / "store"
    whole = prepare(dataset, tmp_path / "whole")

    def stop(done, total):
        if done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, path, progress=stop)
    flipped(path.with_name(".store.partial") / name)
    heard = []
    monkeypatch.setattr("bench.signals.store_writer.say", heard.append)
    assert prepare(dataset, path).digest == whole.digest
    (line,) = heard
    assert "is damaged" in line


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_quantised_floats_lose_less_than_a_microvolt():
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 1, (12, 500)) * np.logspace(-3, 1, 12)[:, None]
    signal[4] = 0
    values, gain = quantise(signal, None)
    assert np.abs(values / gain[:, None] - signal).max(axis=1).max() < 1e-3
    assert (np.abs(values / gain[:, None] - signal).max(axis=1) <= np.abs(signal).max(axis=1) / 30_000).all()


def test_integers_too_large_for_the_store_are_scaled():
    signal = np.arange(12 * 100).reshape(12, 100) * 100
    values, gain = quantise(signal, np.full(12, 10_000.0))
    assert values.dtype == np.int16
    np.testing.assert_allclose(values / gain[:, None], signal / 10_000, atol=12 / 60_000)


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/x", "a/../../x", "..\\x", "C:/x", "", None, 3.0, "a\0b"])
def test_file_names_that_leave_the_root_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"index\.csv row 3 names the file"):
        path_inside(tmp_path, name, "index.csv row 3")


def test_file_names_below_the_root_are_taken(tmp_path):
    assert path_inside(tmp_path, "records500/00000/00001_hr", "x") == tmp_path / "records500" / "00000" / "00001_hr"


def test_a_reading_process_imports_neither_torch_nor_pandas():
    modules = "bench.signals.build_store, bench.processes.parent_watch, tasks.datasets.ptbxl, sys"
    heavy = "sorted({'torch', 'pandas', 'scipy.signal', 'numba'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", f"import {modules}; print({heavy})"], capture_output=True, text=True)
    assert (said.stdout, said.returncode) == ("[]\n", 0)
