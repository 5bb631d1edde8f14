"""Three cohorts of CinC 2021: counts of the challenge's tables, oddities of the headers, simulated and real files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import wfdb

from bench import registry
from bench.contamination.declared import relation
from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.split import load_split
from tasks.cinc2021 import CPSCExtraLabels, GeorgiaLabels, NingboLabels
from tasks.datasets.challenge_files import write_challenge_record
from tasks.datasets.cinc2021 import CPSCExtra, Georgia
from tasks.datasets.cinc2021_codes import class_of, classes_of, codes
from tasks.datasets.ningbo import Ningbo

COHORTS = {
    "georgia": (Georgia, GeorgiaLabels),
    "cpsc-extra": (CPSCExtra, CPSCExtraLabels),
    "ningbo": (Ningbo, NingboLabels),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    base = tmp_path_factory.mktemp("cinc2021")
    for name, (dataset, _) in COHORTS.items():
        dataset.simulate(base / name, 40, 1)
    return base


def _with_codes(root, record, codes_of_record):
    signal = np.arange(12 * 20, dtype=np.int16).reshape(12, 20)
    write_challenge_record(root / record, signal, 500, 60.0, "male", codes_of_record)


@pytest.mark.parametrize(
    ("cohort", "n_codes", "n_classes"), [("georgia", 67, 50), ("cpsc-extra", 72, 33), ("ningbo", 80, 68)]
)
def test_classes_are_the_codes_with_ten_recordings_as_published(cohort, n_codes, n_classes):
    _, task = COHORTS[cohort]
    assert sum(code.counts[cohort] > 0 for code in codes().values()) == n_codes
    assert task.classes == classes_of(cohort)
    assert len(task.classes) == n_classes
    assert load_split(task.split).content.classes == list(task.classes)


def test_ningbo_codes_no_fibrillation_and_its_left_bundle_branch_blocks_are_one_class():
    counts = {code.abbreviation: code.counts["ningbo"] for code in codes().values()}
    assert (counts["AF"], counts["AFL"], counts["CLBBB"], counts["LBBB"]) == (0, 7615, 213, 35)
    assert class_of("733534002", "ningbo") == class_of("164909002", "ningbo") == "LBBB"
    assert class_of("733534002", "georgia") == "CLBBB"


@pytest.mark.parametrize("cohort", COHORTS)
def test_simulated_oddities_are_read_as_wfdb_reads_them(simulated, tmp_path, cohort):
    dataset = COHORTS[cohort][0](simulated / cohort)
    records = dataset.records()
    files = dataset.files(records)
    for file in files[:9]:
        recording = dataset.read(file)
        truth = wfdb.rdrecord(str(file.path)).p_signal.T
        np.testing.assert_allclose(
            recording.signal / recording.gain[:, None], truth, atol=1e-12 * np.nanmax(np.abs(truth))
        )
    missing = dataset.read(files[2]).signal
    assert np.isnan(missing[4, 1000:1040]).all() and np.isnan(missing).sum() == 40
    assert not dataset.read(files[3]).signal[6].any()
    assert records["codes"].map(lambda some: len(some) == len(set(some))).all()
    unknown = [5, 6, 8] if cohort != "ningbo" else [5, 6, 7]  # JS23074 is the last
    assert records["age"].iloc[unknown].isna().all()
    store = prepare(dataset, tmp_path / "store")
    assert store.manifest["n_records"] == 40
    assert not [remark for remark in store.manifest.get("remarks", ()) if "not read" in remark["words"]]


def test_the_header_s23074_over_js23074_is_record_js23074(simulated):
    dataset = Ningbo(simulated / "ningbo")
    records = dataset.records()
    assert records["path"]["JS23074"] == "g1/S23074"
    (file,) = dataset.files(records.loc[["JS23074"]])
    assert dataset.read(file).signal.shape == (12, 5000)


def test_ningbo_leaves_out_chapmans_records(simulated, tmp_path):
    root = shutil.copytree(simulated / "ningbo", tmp_path / "ningbo")
    _with_codes(root, "JS10646", ["426783006"])
    dataset = Ningbo(root)
    assert len(dataset.records()) == 40
    assert dataset.unread_files(dataset.files(dataset.records())) == []


def test_rare_codes_alone_make_a_negative_and_no_code_takes_part_in_nothing(tmp_path):
    _with_codes(tmp_path, "E00001", ["284470004", "284470004"])  # PAC, twice
    _with_codes(tmp_path, "E00002", ["27885002"])  # CHB, of which Georgia has eight
    _with_codes(tmp_path, "E00003", [])
    _with_codes(tmp_path, "E00004", ["426783006", "999999999"])
    dataset = Georgia(tmp_path)
    records = dataset.records()
    assert records["labels"].tolist() == [["PAC"], ["CHB"], [], ["NSR"]]
    assert records["statements"].iloc[3] == ["sinus rhythm"]
    examples = GeorgiaLabels().examples(records)
    assert examples.record_ids.tolist() == ["E00001", "E00002", "E00004"]
    assert examples.targets.sum(axis=1).tolist() == [1, 0, 1]
    assert [remark.records for remark in dataset.findings.remarks] == [("E00003",), ("E00004",)]


def test_malformed_codes_make_a_recording_unusable(simulated, tmp_path):
    root = shutil.copytree(simulated / "georgia", tmp_path / "georgia")
    header = root / "g1/E00003.hea"
    header.write_text(header.read_text().split("# Dx")[0].split("#Dx")[0] + "#Dx: sinus\n")
    with pytest.raises(DataError, match=r"E00003\.hea has 'sinus' in its #Dx line"):
        prepare(Georgia(root), tmp_path / "store")


@pytest.mark.parametrize("cohort", COHORTS)
def test_folds_are_ours_and_no_test_record_is_pretrained_on(simulated, cohort):
    dataset, _ = COHORTS[cohort]
    records = dataset(simulated / cohort).records()
    assert sorted(records["fold"].unique()) == list(range(1, 11))
    masks = dataset.pretraining_partition(records)
    assert (records["fold"][masks["train"]] <= 8).all() and (records["fold"][masks["validation"]] == 9).all()
    imported = records.assign(ecgbench_partition=["test"] * 10 + ["train"] * 30)
    assert not dataset.pretraining_partition(imported)["train"][:10].any()


def test_overlaps_hold_both_ways():
    for first, second in (
        ("georgia", "cinc2021"),
        ("cinc2020", "cpsc-extra"),
        ("csn", "ningbo"),
        ("ningbo", "cinc2021"),
    ):
        assert relation(first, second) is not None
    assert relation("georgia", "ningbo") is None


def test_an_empty_folder_names_the_fix(tmp_path):
    with pytest.raises(DataError, match=r"holds no header E\S+\.hea.*bench data download georgia"):
        Georgia(tmp_path).check()


def test_real_georgia_records_equal_wfdb(real_data):
    dataset = registry.load(registry.DATASETS, "georgia")(real_data / "samples/cinc2021_georgia")
    records = dataset.records()
    assert records.index.tolist() == ["E07500", "E07501", "E07502"]
    assert (records["age"].iloc[0], records["sex"].iloc[0]) == (78, "male")
    assert records["labels"].iloc[0] == ["LAE", "SB"]
    for file in dataset.files(records):
        recording = dataset.read(RecordFile(file.record_id, file.path))
        truth = wfdb.rdrecord(str(file.path))
        np.testing.assert_allclose(recording.signal / recording.gain[:, None], truth.p_signal.T, atol=1e-12)
        assert recording.fs == truth.fs == 500
