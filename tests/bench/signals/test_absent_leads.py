"""Leads that were not recorded, signals in another unit than mV, and rows of large files."""

import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest
import wfdb

from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import ConfigError, DataError
from bench.signals.array_rows import hdf5_rows, npy_rows, row_of
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.signals.store import SignalStore
from bench.signals.wfdb_files import read_recording
from bench.signals.windows import SignalView, normalise

NINE = ("V2", "V4", "V6")
LACKS = [lead in NINE for lead in LEADS]


def recording(record):
    rng = np.random.default_rng(int(record[1:]))
    signal = rng.normal(size=(12, 500)) * np.arange(1, 13)[:, None]
    signal[1] = 0 if record == "r3" else signal[1]  # flat, and recorded
    return signal


class Nine(Dataset):
    """Four recordings, of which the odd ones lack three leads."""

    name = "nine"
    title = url = "nine"
    rates = (100,)

    def check(self):
        pass

    def version(self):
        return "1"

    def records(self):
        return pd.DataFrame({"patient_id": list("abcd")}, index=pd.Index(["r0", "r1", "r2", "r3"], name="record_id"))

    def files(self, records, rate=None):
        return [RecordFile(record, self.root / record) for record in records.index]

    @staticmethod
    def read(file):
        signal, absent = recording(file.record_id), NINE if file.record_id in ("r1", "r3") else ()
        signal[[LEADS.index(lead) for lead in absent]] = np.nan
        return Recording(signal, 100.0, absent=absent)


@pytest.fixture
def nine(tmp_path):
    (tmp_path / "files").mkdir()
    return prepare(Nine(tmp_path / "files"), tmp_path / "store")


def test_an_absent_lead_is_kept_apart_from_a_flat_one(nine):
    assert np.array_equal(nine.absent, [[False] * 12, LACKS, [False] * 12, LACKS])
    assert (nine.manifest["absent"], nine.manifest["flat"], nine.manifest["nan"]) == (["r1", "r3"], ["r3"], [])
    read = nine.read(np.arange(4))
    assert (read[nine.absent] == 0).all() and np.isfinite(read).all()
    np.testing.assert_allclose(read[1][~nine.absent[1]], recording("r1")[~nine.absent[1]], atol=2e-3)
    assert SignalStore.open(nine.path).altered() == []


@pytest.mark.parametrize("scaling", ["none", "minmax", "zscore", "zscore-lead"])
@pytest.mark.parametrize("compiled", [True, False])
def test_absent_leads_are_marked_and_take_no_part_in_scaling(nine, scaling, compiled):
    view = SignalView(nine, InputSpec(fs=100, seconds=5, normalise=scaling), LEADS[:9])
    view._compiles = compiled
    ecg, leads = view.batch(np.array([1, 0]))
    present = np.array([not lacks and k < 9 for k, lacks in enumerate(LACKS)])
    assert np.array_equal(leads, [present, np.arange(12) < 9])
    assert (ecg[0][~present] == 0).all()
    alone = normalise(nine.read(np.array([1]))[:, present], scaling)[0]
    np.testing.assert_allclose(ecg[0][present], alone, atol=1e-5)


def test_median_beats_and_steps_across_leads_are_of_the_leads_there_are(nine, tmp_path):
    spec = InputSpec(fs=50, seconds=5, filters=("zscore-groups",))
    view = SignalView(nine, spec, cache=tmp_path / "cache")
    ecg, leads = view.batch(np.array([1]))
    assert np.array_equal(leads[0], ~nine.absent[1])
    assert ecg[0][6:][~nine.absent[1][6:]].std() == pytest.approx(1, rel=1e-3)


def test_a_recording_without_any_of_the_leads_asked_for_is_refused(nine):
    with pytest.raises(DataError, match=r"2 recordings have none of the leads V2, V4 \(the first is row 1"):
        SignalView(nine, InputSpec(fs=100, seconds=5), ("V2", "V4"))


def test_signals_in_another_unit_are_refused_where_millivolts_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(Nine, "unit", "z-score")
    (tmp_path / "files").mkdir()
    store = prepare(Nine(tmp_path / "files"), tmp_path / "store")
    assert store.unit == "z-score"
    with pytest.raises(ConfigError, match="recordings of nine are in z-score, and this method reads millivolts"):
        SignalView(store, InputSpec(fs=100, seconds=5))
    assert len(SignalView(store, InputSpec(fs=100, seconds=5, normalise="zscore-lead"))) == 4


def test_rows_are_read_without_the_rest_of_the_file(tmp_path):
    big = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.float32, (2000, 2500, 12))  # 240 MB, of holes
    big[1234] = 7
    with h5py.File(tmp_path / "big.hdf5", "w") as file:
        file.create_dataset("tracings", (2000, 2500, 12), np.float32)[1234] = 7
    tracemalloc.start()
    for rows in (npy_rows(tmp_path / "big.npy"), hdf5_rows(tmp_path / "big.hdf5", "tracings")):
        assert (row_of(rows, tmp_path, 1234, (2500, 12)) == 7).all()
        with pytest.raises(DataError, match=r"shape \[2000, 2500, 12\]; expected row 2000 of shape \[2500, 12\]"):
            row_of(rows, tmp_path, 2000, (2500, 12))
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


def test_files_that_hold_no_such_rows_are_named(tmp_path):
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (tmp_path / "cut.hdf5").write_bytes(b"\x89HDF")
    with pytest.raises(DataError, match=r"cut.npy is no readable .npy file .* Fetch it again"):
        npy_rows(tmp_path / "cut.npy", "Fetch it again.")
    with pytest.raises(DataError, match=r"cut.hdf5 is no readable HDF5 file .* Fetch it again"):
        hdf5_rows(tmp_path / "cut.hdf5", "tracings", "Fetch it again.")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["ecg"] = np.zeros(3)
    with pytest.raises(DataError, match="holds ecg; expected the data set tracings"):
        hdf5_rows(tmp_path / "other.hdf5", "tracings")


def test_a_wfdb_record_of_nine_leads_is_read_where_the_dataset_has_such(tmp_path, write_record):
    names = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V3", "V5")
    path = write_record(tmp_path, "nine", leads=names)
    read = read_recording(path, may_lack=NINE)
    whole = wfdb.rdrecord(str(path)).p_signal.T
    assert read.absent == NINE
    rows = [LEADS.index(lead) for lead in LEADS if lead not in NINE]
    np.testing.assert_allclose(read.signal[rows] / read.gain[rows, None], whole)
    with pytest.raises(DataError, match="lead V2, V4, V6 missing"):
        read_recording(path)
    with pytest.raises(DataError, match="lead V6 missing"):
        read_recording(path, may_lack=("V2", "V4"))
