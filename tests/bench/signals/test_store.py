from __future__ import annotations

import builtins
import json
import re
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from bench.dataset import Recording, path_inside
from bench.errors import BenchError, DataError
from bench.signals import build_store
from bench.signals.build_store import prepare
from bench.signals.leads import LEADS
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
    with pytest.raises(BenchError, match="ended before its work was done"):
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
        with pytest.raises(DataError, match=r"No space left on device.*continues where"):
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
    names = [f"r{i}" for i in range(1280)]

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

    assert peak(1280) < peak(64) + 3e6  # 117 MB more of samples


# -- bad recordings ---------------------------------------------------------------------------------------------------


def test_a_bad_recording_stops_by_default_and_leaves_nothing(tmp_path, folder_dataset):
    dataset = folder_dataset(40)
    (dataset.root / "r0033.dat").unlink()
    with pytest.raises(DataError) as error:
        prepare(dataset, tmp_path / "store")
    for said in ("folder record r0033", "r0033.dat is missing", "--on-bad-record skip", "Copy the folder again."):
        assert said in str(error.value)
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / ".store.partial").exists()


def test_bad_recordings_are_skipped_and_listed(tmp_path, folder_dataset, write_record):
    dataset = folder_dataset(5)
    (dataset.root / "r0000.dat").write_bytes(b"short")
    write_record(dataset.root, "r0003", np.zeros((400, 11), np.int16), leads=LEADS[:11])
    write_record(dataset.root, "r0004", np.full((400, 12), 5, np.int16))
    store = prepare(dataset, tmp_path / "store", on_bad_record="skip")
    assert list(store.records.index) == ["r0001", "r0002"]
    skipped = {entry["record_id"]: entry["reason"] for entry in store.manifest["skipped"]}
    assert store.manifest["n_skipped"] == 3
    assert "truncated" in skipped["r0000"]
    assert "V6 missing" in skipped["r0003"]
    assert "no lead holds a signal" in skipped["r0004"]


def test_invalid_and_flat_recordings_are_kept_and_listed(tmp_path, folder_dataset, write_record, samples):
    dataset = folder_dataset(4)
    values = samples()
    values[100:120, 3] = -32768
    write_record(dataset.root, "r0000", values)
    values = samples()
    values[:, 5] = 9
    write_record(dataset.root, "r0001", values)
    write_record(dataset.root, "r0002", np.zeros((400, 12), np.int16))
    store = prepare(dataset, tmp_path / "store", on_bad_record="keep")
    found = {name: store.manifest[name] for name in ("nan", "flat", "dead", "n_nan", "n_flat", "n_dead", "n_skipped")}
    assert found == {
        "nan": ["r0000"], "flat": ["r0001", "r0002"], "dead": ["r0002"],
        "n_nan": 1, "n_flat": 2, "n_dead": 1, "n_skipped": 0,
    }  # fmt: skip
    assert np.isfinite(store.read(np.arange(4))).all()


def test_nothing_usable_is_an_error(tmp_path, folder_dataset):
    dataset = folder_dataset(2)
    for path in dataset.root.glob("*.dat"):
        path.unlink()
    with pytest.raises(DataError, match="not one of 2 recordings could be used"):
        prepare(dataset, tmp_path / "store", on_bad_record="skip")
    assert not (tmp_path / "store").exists()


def test_one_header_decides_neither_the_rate_of_a_store_nor_its_own(tmp_path, folder_dataset, write_record, samples):
    dataset = folder_dataset(3)
    write_record(dataset.root, "r0000", samples(), fs="250")
    with pytest.raises(DataError, match=r"r0000: the sampling rate is 250 Hz; the dataset is published at 500 Hz"):
        prepare(dataset, tmp_path / "store")
    store = prepare(dataset, tmp_path / "store", on_bad_record="skip")
    assert (store.fs, store.manifest["n_skipped"], len(store)) == (500, 1, 2)


def test_rates_that_the_dataset_declares_are_resampled_to_its_first(
    tmp_path, folder_dataset, write_record, monkeypatch
):
    dataset = folder_dataset(3)
    write_record(dataset.root, "r0000", fs="1000")
    monkeypatch.setattr(type(dataset), "rates", (500, 1000))
    store = prepare(dataset, tmp_path / "store")
    assert store.fs == 500
    np.testing.assert_array_equal(store.lengths, [200, 400, 400])


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ("1/mV", "gain of lead I is 1 units per mV; expected 10 to"),
        ("1000/V", "gain of lead I is 1 units per mV"),
        ("1e-300/mV", "gain of lead I is 1e-300/mV"),
        ("1e39/mV", "gain of lead I is 1e39/mV"),
        ("1000(2000000000)/mV", "the signal reaches 2e+06 mV; expected at most 200 mV"),
        ("1e7/mV", "median deflection is 2.*e-05 mV; expected 0.0005 to 10 mV"),
        ("10/mV", "median deflection is 2.* mV; expected 0.0005 to 10 mV"),
    ],
)
def test_a_scale_that_no_recorder_has_is_refused(tmp_path, folder_dataset, write_record, gain, said):
    dataset = folder_dataset(3)
    write_record(dataset.root, "r0001", gain=gain)
    with pytest.raises(DataError, match=f"folder record r0001: .*{re.escape(said) if 'median' not in said else said}"):
        prepare(dataset, tmp_path / "store")
    store = prepare(dataset, tmp_path / "store", on_bad_record="skip")
    (listed,) = store.manifest["skipped"]
    assert listed["record_id"] == "r0001"


def physical(change):
    """A reader of millivolts, of which ``change`` alters the second recording."""

    def read(file):
        signal = np.random.default_rng(0).normal(0, 0.2, (12, 400))
        if file.record_id == "r0001":
            signal = change(signal)
        return Recording(signal, 500)

    return staticmethod(read)


def infinite(signal):
    signal[3, 7] = np.inf
    return signal


def one_sample_flipped(signal):
    signal[3, 7] = 1e300
    return signal


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (infinite, "lead aVR holds infinite samples"),
        (one_sample_flipped, "the signal reaches 1e+300 mV"),
        (lambda signal: signal * 1000, "the signal reaches"),
        (lambda signal: signal / 1000, "median deflection"),
        (lambda signal: signal.astype(complex), "type complex128"),
        (lambda signal: signal[:, :0], "expected numbers of shape [12, time]"),
        (lambda signal: 1 / 0, "cannot be read: ZeroDivisionError: division by zero (test_store.py, line"),
        (lambda signal: sys.exit(0), "cannot be read: SystemExit: 0"),
    ],
)
def test_a_recording_that_cannot_be_is_its_own_failure(tmp_path, folder_dataset, monkeypatch, change, said):
    dataset = folder_dataset(3)
    monkeypatch.setattr(type(dataset), "read", physical(change))
    with pytest.raises(DataError, match=rf"folder record r0001: {re.escape(str(dataset.root))}.*{re.escape(said)}"):
        prepare(dataset, tmp_path / "store")
    store = prepare(dataset, tmp_path / "store", on_bad_record="skip")
    assert (len(store), store.manifest["n_skipped"]) == (2, 1)
    assert said in store.manifest["skipped"][0]["reason"]


def test_a_quiet_recording_of_few_steps_is_kept(tmp_path, folder_dataset, write_record, samples):
    """Steps of 5 microvolts, most samples equal: as from a recorder whose electrodes are off."""
    dataset = folder_dataset(2)
    quiet = np.zeros((400, 12), np.int16)
    quiet[::7, 4] = 1
    write_record(dataset.root, "r0001", quiet, gain="200/mV")
    assert len(prepare(dataset, tmp_path / "store")) == 2


def test_a_bug_that_fails_every_recording_stops_with_the_first_reasons(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(100)
    read = []

    def broken(file):
        read.append(file)
        raise KeyError("no such column")

    monkeypatch.setattr(type(dataset), "read", staticmethod(broken))
    with pytest.raises(DataError, match="the first 64 recordings all failed: .*r0000.*KeyError.*r0002"):
        prepare(dataset, tmp_path / "store", on_bad_record="skip")
    assert len(read) == 64
    assert not (tmp_path / ".store.partial").exists()


def test_what_can_be_read_is_kept_on_request_and_listed(tmp_path, folder_dataset, write_record, samples):
    dataset = folder_dataset(4)
    write_record(dataset.root, "r0001", np.zeros((400, 12), np.int16))
    write_record(dataset.root, "r0002", gain="10/mV")
    for damaged, said in (("r0001", "no lead holds a signal that varies"), ("r0002", "median deflection")):
        with pytest.raises(DataError, match=f"folder record {damaged}: .*{said}.*--on-bad-record keep"):
            prepare(dataset, tmp_path / "store")
        (dataset.root / f"{damaged}.hea").rename(dataset.root / f"{damaged}.away")
    for damaged in ("r0001", "r0002"):
        (dataset.root / f"{damaged}.away").rename(dataset.root / f"{damaged}.hea")
    store = prepare(dataset, tmp_path / "store", on_bad_record="keep")
    assert (len(store), store.manifest["n_doubtful"], store.manifest["dead"]) == (4, 2, ["r0001"])
    assert [one["record_id"] for one in store.manifest["doubtful"]] == ["r0001", "r0002"]
    write_record(dataset.root, "r0003", samples(), fs="250")
    with pytest.raises(DataError, match="r0003: the sampling rate"):
        prepare(dataset, tmp_path / "other", on_bad_record="keep")


def test_files_that_no_record_reads_are_counted_and_named(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(3)
    assert "remarks" not in prepare(dataset, tmp_path / "whole").manifest
    records = dataset.records()
    monkeypatch.setattr(type(dataset), "records", lambda self: records)
    (dataset.root / "r0002.hea").rename(dataset.root / "s0002.hea")
    store = prepare(dataset, tmp_path / "store", on_bad_record="skip")
    (remark,) = store.manifest["remarks"]
    assert "1 signal file in" in remark["words"]
    assert remark["records"] == ["s0002.hea"]  # r0002.dat is that of a record, which lacks its header


def test_a_store_made_under_other_bounds_is_made_again(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(2)
    store = prepare(dataset, tmp_path / "store")
    monkeypatch.setattr(type(dataset), "largest_mv", 100.0)
    assert not store.matches(dataset)
    again = prepare(dataset, tmp_path / "store")
    assert again.matches(dataset)
    assert again.digest == store.digest


def test_duplicated_ids_are_refused(tmp_path, folder_dataset, monkeypatch):
    import pandas as pd

    dataset = folder_dataset(2)
    records = dataset.records()
    monkeypatch.setattr(type(dataset), "records", lambda self: pd.concat([records, records]))
    with pytest.raises(DataError, match="r0000 is listed twice"):
        prepare(dataset, tmp_path / "store")


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
