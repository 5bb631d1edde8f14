"""INCART: windows from annotated beats, patients from comments, simulated files read as wfdb reads them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import wfdb

from bench.contamination.declared import relation
from bench.errors import DataError
from bench.signals.build_store import prepare
from tasks.datasets.incart import AAMI, INCART, window_classes
from tasks.incart import INCARTRhythm


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("incart") / "files"
    INCART.simulate(root, 20, 1)
    return root


@pytest.mark.parametrize(
    ("beats", "classes"),
    [
        ("", []),
        ("NNRj", ["none"]),
        ("NANVN", ["S", "V"]),
        ("NVVN", ["V"]),
        ("NVVVN", ["V", "run"]),
        ("NFQ", ["F"]),
        ("+N", ["none"]),  # a mark of the rhythm is no beat
    ],
)
def test_the_classes_of_a_window_are_those_of_its_beats(beats, classes):
    assert window_classes([AAMI[beat] for beat in beats if beat in AAMI]) == classes


def test_windows_hold_the_annotated_beats(simulated):
    dataset = INCART(simulated)
    records = dataset.records()
    for record in ("I01", "I05", "I07"):
        marks = wfdb.rdann(str(simulated / record), "atr")
        assert len(records["windows"][record]) == 2
        for k, text in enumerate(records["windows"][record]):
            inside = (marks.sample >= k * 2570) & (marks.sample < (k + 1) * 2570)
            symbols = np.array(marks.symbol)[inside]
            assert ("V" in text.split("+")) == ("V" in symbols)
            assert ("S" in text.split("+")) == ("A" in symbols)
    examples = INCARTRhythm().examples(records)
    assert len(examples) == 40
    assert examples.start[:3].tolist() == [0, 10, 0]
    assert examples.targets.any(axis=1).all() and examples.targets[:, :3].any(axis=0).all()


def test_patients_age_and_sex_are_in_the_comments(simulated):
    records = INCART(simulated).records()
    assert records["patient_id"].tolist()[:4] == ["1", "1", "2", "2"]
    assert set(records["sex"]) == {"male", "female"} and records["age"].notna().all()
    assert records["statements"].iloc[0] == ["coronary artery disease, arterial hypertension", "pvcs"]
    assert records.groupby("patient_id")["fold"].nunique().max() == 1
    masks = INCART.pretraining_partition(records)
    assert not set(records["patient_id"][masks["train"]]) & set(records["patient_id"][records["fold"] > 8])


def test_a_header_without_age_sex_and_diagnoses_leaves_them_unknown(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "incart")
    header = root / "I02.hea"
    kept = [line for line in header.read_text().splitlines() if "<" not in line]
    header.write_text("\n".join(kept) + "\n")
    record = INCART(root).records().loc["I02"]
    assert np.isnan(record["age"]) and record["sex"] == "" and record["patient_id"] == "1"
    assert all(record["statements"])


def test_signals_are_read_as_wfdb_reads_them(simulated, tmp_path):
    dataset = INCART(simulated)
    for file in dataset.files(dataset.records())[:3]:
        recording, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
        np.testing.assert_allclose(
            recording.signal / recording.gain[:, None],
            truth.p_signal.T,
            atol=1e-12 * np.nanmax(np.abs(truth.p_signal.T)),
        )
        assert recording.fs == truth.fs == 257
    store = prepare(dataset, tmp_path / "store")
    assert (store.fs, store.uniform_length) == (257, 257 * 20)


def test_missing_annotations_are_named(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "incart")
    (root / "I03.atr").unlink()
    with pytest.raises(DataError, match=r"I03\.atr is missing"):
        prepare(INCART(root), tmp_path / "store")
    assert len(prepare(INCART(root), tmp_path / "store", on_bad_record="skip")) == 19


def test_overlaps_and_an_empty_folder(tmp_path):
    assert relation("cinc2020", "incart") is not None and relation("incartdb", "cinc2021") is not None
    with pytest.raises(DataError, match=r"holds no header I.*bench data download incart"):
        INCART(tmp_path).check()
