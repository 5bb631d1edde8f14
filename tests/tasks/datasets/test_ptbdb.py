"""PTBDB: comments of the headers, patients, 15 signals in two files, simulated and real."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import wfdb

from bench.contamination.declared import relation
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.signals.leads import LEADS
from tasks.datasets.ptbdb import ADMISSION, PTBDB
from tasks.ptbdb import DIAGNOSES, PTBDBDiagnosis, PTBDBInfarction


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("ptbdb") / "files"
    PTBDB.simulate(root, 24, 1)
    return root


def test_headers_give_diagnosis_patient_and_what_is_not_known(simulated):
    records = PTBDB(simulated).records()
    first = records.iloc[0]
    assert (first["patient_id"], records.index[0], first["path"]) == ("patient001", "s0001lre", "patient001/s0001lre")
    assert records["patient_id"].nunique() < len(records)
    assert records["age"].isna().sum() == 2 and (records["sex"] == "").sum() == 1
    infarction = records[records["admission"] == "Myocardial infarction"].iloc[0]
    assert infarction["diagnosis"] == ["MI"]
    assert infarction["catheterization_dates"] == ["16-Oct-90", "17-Oct-90"]
    assert infarction["statements"][:2] == ["myocardial infarction", "inferior"]
    assert not records["admission"].str.contains("n/a").any()
    assert set(DIAGNOSES) <= set(ADMISSION.values())


def test_the_twelve_leads_are_read_as_wfdb_reads_them(simulated, tmp_path):
    dataset = PTBDB(simulated)
    for file in dataset.files(dataset.records())[:4]:
        recording, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
        assert (recording.signal.shape[0], truth.n_sig, recording.fs) == (12, 15, 1000)
        np.testing.assert_allclose(recording.signal, truth.p_signal[:, :12].T, atol=1e-12)
    store = prepare(dataset, tmp_path / "store")
    assert (len(store), store.fs, store.lengths.max()) == (24, 1000, 12_000)
    assert not [remark for remark in store.manifest.get("remarks", ()) if "not read" in remark["words"]]


def test_patients_are_in_one_fold_and_those_tested_are_not_pretrained_on(simulated):
    records = PTBDB(simulated).records()
    assert records.groupby("patient_id")["fold"].nunique().max() == 1
    masks = PTBDB.pretraining_partition(records)
    assert (records["fold"][masks["train"]] <= 6).all() and records["fold"][masks["validation"]].isin((7, 8)).all()
    assert not set(records["patient_id"][masks["train"]]) & set(records["patient_id"][records["fold"] > 8])


@pytest.mark.parametrize("task", [PTBDBInfarction, PTBDBDiagnosis])
def test_a_task_has_the_recordings_with_its_reasons_for_admission(simulated, task):
    records = PTBDB(simulated).records()
    examples = task().examples(records)
    expected = [record for record, classes in records["diagnosis"].items() if set(classes) & set(task.classes)]
    assert examples.record_ids.tolist() == expected
    assert records["diagnosis"][expected[0]] == [list(task.classes)[examples.targets[0]]]


def test_a_header_cut_short_is_named(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "ptbdb")
    header = next(root.rglob("s0003*.hea"))
    header.write_bytes(header.read_bytes()[:60])
    with pytest.raises(DataError, match=rf"{header.name}: the first line states 15 leads"):
        prepare(PTBDB(root), tmp_path / "store")


def test_overlaps_and_an_empty_folder(tmp_path):
    assert relation("cinc2021", "ptbdb") is not None and relation("ptbdb", "cinc2020") is not None
    with pytest.raises(DataError, match=r"holds no header s.*bench data download ptbdb"):
        PTBDB(tmp_path).check()


def test_the_real_recording_is_read_as_wfdb_reads_it(real_data):
    dataset = PTBDB(real_data / "samples/ptbdb")
    records = dataset.records()
    record = records.loc["s0010_re"]
    assert (record["patient_id"], record["age"], record["sex"]) == ("patient001", 81, "female")
    assert (record["diagnosis"], record["additional"]) == (["MI"], "Diabetes mellitus")
    assert record["infarction_date"] == "29-Sep-90"
    (file,) = dataset.files(records)
    recording, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
    assert recording.signal.shape == (12, 38_400)
    assert [name.lower() for name in LEADS] == truth.sig_name[:12]
    np.testing.assert_allclose(recording.signal, truth.p_signal[:, :12].T, atol=1e-12)
    assert recording.fs == truth.fs == 1000
    assert dataset.unread_files([file]) == []
