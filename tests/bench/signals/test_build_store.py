"""Preparing a store: workers, interruption, full disks, two processes at once."""

from __future__ import annotations

import builtins
import threading
import tracemalloc

import numpy as np
import pytest

from bench.dataset import Recording
from bench.errors import BenchError, DataError
from bench.signals import build_store
from bench.signals.build_store import prepare


@pytest.fixture
def eager(monkeypatch):
    """Processes are started for any amount of reading."""
    monkeypatch.setattr(build_store, "WORTH_SECONDS", 1e-9)


def test_no_process_is_started_for_what_is_read_sooner_without(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(100)
    monkeypatch.setattr("joblib.externals.loky.get_reusable_executor", None)  # would fail if it were asked for
    prepare(dataset, tmp_path / "quick", workers=64)
    monkeypatch.setattr(build_store, "WORTH_SECONDS", 1e-9)
    with pytest.raises(TypeError, match="not callable"):
        prepare(dataset, tmp_path / "slow", workers=2)


def test_two_workers_make_the_same_store(tmp_path, eager):
    from tasks.datasets.ptbxl import PTBXL
    from tasks.datasets.simulated.ptbxl import simulate_ptbxl

    simulate_ptbxl(tmp_path / "source", n_records=50, seed=3, fs_high=False)
    dataset = PTBXL(tmp_path / "source")
    one = prepare(dataset, tmp_path / "one")
    two = prepare(dataset, tmp_path / "two", workers=2)
    assert one.digest == two.digest


def test_a_reading_process_that_dies_is_told_and_the_rest_is_continued(tmp_path, folder_dataset, monkeypatch, eager):
    dataset = folder_dataset(64)
    read = dataset.read

    def die(file):
        import os

        if file.record_id == "r0063":
            os._exit(1)
        return read(file)

    monkeypatch.setattr(type(dataset), "read", staticmethod(die))
    with pytest.raises(BenchError, match="ended before its work was finished"):
        prepare(dataset, tmp_path / "store", workers=2)
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(type(dataset), "read", staticmethod(read))
    assert len(prepare(dataset, tmp_path / "store")) == 64


def test_an_interrupted_prepare_is_invisible_and_continues_where_it_was(tmp_path, folder_dataset):
    dataset = folder_dataset(64)
    whole = prepare(dataset, tmp_path / "whole")
    type(dataset).reads = 0

    def interrupt(done: int, total: int) -> None:
        if done >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, tmp_path / "store", progress=interrupt)
    assert not (tmp_path / "store").exists()
    # what a killed writer leaves behind: samples without a journal line, and a line cut short
    partial = tmp_path / ".store.partial"
    with open(partial / "signals.npy", "ab") as file:
        file.write(b"torn")
    with open(partial / "journal.jsonl", "a") as file:
        file.write('{"done": 48, "rec')
    before = type(dataset).reads
    message = []
    store = prepare(dataset, tmp_path / "store", progress=lambda done, total: message.append((done, total)))
    assert message[0] == (32, 64)
    assert type(dataset).reads - before == 32
    assert store.digest == whole.digest
    np.testing.assert_array_equal(store.read(np.arange(64)), whole.read(np.arange(64)))
    assert sorted(p.name for p in store.path.iterdir()) == sorted(p.name for p in whole.path.iterdir())


@pytest.mark.parametrize("change", ["rate", "policy", "files"])
def test_an_interrupted_prepare_of_something_else_is_not_continued(tmp_path, folder_dataset, write_record, change):
    dataset = folder_dataset(40)

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, tmp_path / "store", progress=interrupt)
    if change == "files":
        write_record(dataset.root, "a-new-first-one")
    options = {"rate": {"rate": 250}, "policy": {"on_bad_record": "skip"}, "files": {}}[change]
    message = []
    prepare(dataset, tmp_path / "store", progress=lambda done, total: message.append(done), **options)
    assert message[0] == 0


def test_a_full_disk_is_told_and_what_was_written_is_continued(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(40)
    whole = prepare(dataset, tmp_path / "whole")
    opened = []

    def full(path, mode="r", *args, **kwargs):
        if "signals.npy" in str(path) and mode == "ab":
            opened.append(path)
            if len(opened) == 2:
                raise OSError(28, "No space left on device")
        return real_open(path, mode, *args, **kwargs)

    real_open = builtins.open
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", full)
        with pytest.raises(DataError, match=r"No space left on device.*continues from there"):
            prepare(dataset, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    message = []
    store = prepare(dataset, tmp_path / "store", progress=lambda done, total: message.append(done))
    assert message[0] == 16
    assert store.digest == whole.digest


def test_a_place_that_cannot_be_written_is_told(tmp_path, folder_dataset):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        prepare(folder_dataset(1), tmp_path / "file" / "store")


def test_a_store_does_not_replace_the_files_it_is_made_from(tmp_path, folder_dataset):
    dataset = folder_dataset(1)
    for place in (dataset.root, tmp_path):
        with pytest.raises(DataError, match="expected another folder for its store"):
            prepare(dataset, place)
    assert (dataset.root / "r0000.dat").is_file()


def test_two_preparing_at_once_take_turns(tmp_path, folder_dataset):
    dataset = folder_dataset(40)
    stores = []
    threads = [threading.Thread(target=lambda: stores.append(prepare(dataset, tmp_path / "store"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 2
    assert stores[0].digest == stores[1].digest
    assert type(dataset).reads == 40


def test_memory_does_not_grow_with_the_number_of_recordings(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(1)
    one = dataset.read(dataset.files(dataset.records())[0])
    long = Recording(np.tile(one.signal, (1, 10)), one.fs, one.gain)  # 96 kB each
    names = [f"r{i}" for i in range(448)]

    def peak(n: int) -> int:
        import pandas as pd

        records = pd.DataFrame({"patient_id": names[:n]}, index=pd.Index(names[:n], name="record_id"))
        monkeypatch.setattr(type(dataset), "records", lambda self: records)
        monkeypatch.setattr(type(dataset), "read", staticmethod(lambda file: long))
        tracemalloc.start()
        prepare(dataset, tmp_path / f"store{n}")
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(448) < peak(64) + 3e6  # 37 MB more of samples
