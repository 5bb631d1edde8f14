"""Recordings that cannot be read, or are no ECG: stop, skip or keep."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from bench.dataset import Recording
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.signals.leads import LEADS


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
        (lambda signal: 1 / 0, "cannot be read: ZeroDivisionError: division by zero (test_bad_recordings.py, line"),
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files[::-1], "files() gave record r0002 at place 1; expected r0000, in the order of records()"),
        (lambda files: files[:2], "files() gave 2 files for 3 records; expected one for each"),
    ],
)
def test_files_in_another_order_than_the_records_are_refused(tmp_path, folder_dataset, monkeypatch, change, words):
    """Each recording would get the labels of another, without a sign of it."""
    dataset = folder_dataset(3)
    files = type(dataset).files
    monkeypatch.setattr(type(dataset), "files", lambda self, *given: change(files(self, *given)))
    with pytest.raises(DataError, match=re.escape(words)):
        prepare(dataset, tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda records: records.drop(columns="patient_id"),
            "expected a DataFrame with the index record_id and a column",
        ),
        (lambda records: records.to_dict(), "records() gave "),
        (
            lambda records: records.assign(patient_id=["p0", "p0 ", "p1"]),
            "patient_id 'p0 ' of record 'r0001' (number 2)",
        ),
        (lambda records: records.assign(patient_id=["p0", "", "p1"]), "patient_id '' of record 'r0001' (number 2)"),
        (lambda records: records.assign(patient_id=["p0", None, "p1"]), "of record 'r0001' (number 2); expected an id"),
        (lambda records: records.rename(index={"r0001": " r0001"}), "record_id ' r0001' of record"),
    ],
)
def test_records_whose_ids_or_patients_could_be_mixed_up_are_refused(
    tmp_path, folder_dataset, monkeypatch, change, words
):
    dataset = folder_dataset(3)
    records = dataset.records()
    monkeypatch.setattr(type(dataset), "records", lambda self: change(records))
    with pytest.raises(DataError, match=re.escape(words)):
        prepare(dataset, tmp_path / "store")


def test_a_signal_with_swapped_axes_is_refused(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(3)
    read = type(dataset).read

    def first_twelve_samples(file):
        recording = read(file)
        return Recording(recording.signal.T[:12], recording.fs, None)

    monkeypatch.setattr(type(dataset), "read", staticmethod(first_twelve_samples))
    with pytest.raises(DataError, match=r"12 samples per lead; expected shape \[12, time\].*must transpose it"):
        prepare(dataset, tmp_path / "store")


def test_an_index_that_cannot_be_read_or_lists_nothing_is_told(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(3)
    records = dataset.records()
    monkeypatch.setattr(type(dataset), "records", lambda self: records[:0])
    with pytest.raises(DataError, match="its index lists no recording; expected at least one. Copy the folder again"):
        prepare(dataset, tmp_path / "store")
    monkeypatch.setattr(type(dataset), "records", lambda self: b"\xff".decode("utf-8"))
    with pytest.raises(DataError, match="its records cannot be listed: UnicodeDecodeError.*Copy the folder again"):
        prepare(dataset, tmp_path / "store")


def test_an_absent_lead_that_there_is_not_is_refused(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(3)
    read = type(dataset).read
    monkeypatch.setattr(type(dataset), "read", staticmethod(lambda file: replace(read(file), absent=("V7",))))
    with pytest.raises(DataError, match="absent lead 'V7'; expected some of I, II"):
        prepare(dataset, tmp_path / "store")
