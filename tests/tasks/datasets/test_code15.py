"""CODE-15 %, CODE-test and SaMi-Trop: padding, orders of leads and labels, unknown normality, real tables and tracings."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from sklearn.metrics import f1_score

from bench import registry
from bench.contamination.declared import relation
from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.signals.leads import LEADS
from bench.splitting.split import load_split
from bench.splitting.verify import check_split
from tasks.code15 import CODE15Age, CODE15Findings, CODE15Normal, CODE15Survival, CODETestFindings, SaMiTropSurvival
from tasks.datasets.code15 import CODE15
from tasks.datasets.code15_with_test import CODE15WithTest
from tasks.datasets.code_test import TEST_ORDER, CODETest
from tasks.datasets.folds import balanced_folds, linked_patients
from tasks.datasets.sami_trop import SaMiTrop
from tasks.datasets.telehealth import FINDINGS

HEADINGS = {
    CODE15: "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file",
    SaMiTrop: "exam_id,age,is_male,normal_ecg,death,timey,nn_predicted_age",
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    base = tmp_path_factory.mktemp("telehealth")
    CODE15WithTest.simulate(base / "code15", 75, 1)
    SaMiTrop.simulate(base / "sami-trop", 40, 1)
    return base


@pytest.fixture(scope="module")
def code15(simulated):
    dataset = CODE15(simulated / "code15")
    return dataset, dataset.records()


@pytest.fixture
def copied(simulated, tmp_path):
    return shutil.copytree(simulated / "code15", tmp_path / "code15")


@pytest.mark.parametrize("dataset", HEADINGS)
def test_simulated_tables_have_the_publishers_headings(simulated, dataset):
    assert (simulated / dataset.name / "exams.csv").read_text().splitlines()[0] == HEADINGS[dataset]


def test_exams_are_found_by_number_and_the_row_of_zeros_is_none(simulated, code15):
    dataset, records = code15
    files = dataset.files(records)
    with h5py.File(simulated / "code15" / "exams_part0.hdf5") as part:
        ids, rows = part["exam_id"][:], part["tracings"]
        assert ids[-1] == 0 and not rows[-1].any() and "0" not in records.index
        assert [int(f.record_id) for f in files] == ids[[f.facts["row"] for f in files]].tolist()
        assert [f.facts["row"] for f in files] != sorted(f.facts["row"] for f in files)
        file = files[7]
        row = rows[file.facts["row"]]
    recording = CODE15.read(file)
    real = row[(row != 0).any(axis=1)]
    assert recording.fs == 400 and recording.signal.dtype == np.float32
    np.testing.assert_array_equal(recording.signal, real.T)


def test_padding_is_cut_at_both_ends_and_nowhere_else(tmp_path):
    rows = np.zeros((2, 4096, 12))
    rows[0, 1264:2832, 3] = 1
    rows[0, 1300:1400] = 0  # a pause within the recording
    with h5py.File(tmp_path / "exams.hdf5", "w") as file:
        file["tracings"] = rows
    assert SaMiTrop.read(RecordFile("1", tmp_path / "exams.hdf5", {"row": 0})).signal.shape == (12, 1568)
    assert not SaMiTrop.read(RecordFile("2", tmp_path / "exams.hdf5", {"row": 1})).signal.any()


def test_neither_normal_nor_a_finding_is_unknown(code15):
    _, records = code15
    flags = records[list(FINDINGS)].any(axis=1)
    assert records["normal"].isna().sum() > 0 and (records.loc[flags, "normal"] == 0).all()
    normal = CODE15Normal().examples(records)
    assert len(normal) == records["normal"].notna().sum() < len(records)
    assert normal.targets.dtype == np.uint8
    assert len(CODE15Findings().examples(records)) == len(records)  # a flag of 0 says that it was not found
    assert len(CODE15Age().examples(records)) == len(records)


def test_who_was_not_followed_is_in_no_survival_task(simulated, code15):
    _, records = code15
    exams = pd.read_csv(simulated / "code15" / "exams.csv", index_col="exam_id")
    followed = exams.index[exams["death"].notna()].astype(str)
    examples = CODE15Survival().examples(records)
    assert set(examples.record_ids) == set(followed) and np.isfinite(examples.targets).all()
    assert set(examples.targets[:, 1]) == {0.0, 1.0}


def test_patients_are_in_one_fold(code15):
    _, records = code15
    assert records["patient_id"].nunique() < len(records)
    assert (records.groupby("patient_id")["fold"].nunique() == 1).all()
    split = load_split("code15")
    assert check_split("code15", split, CODE15Findings().examples(records), "simulated").verdict == "simulated"


def test_patients_who_share_a_copy_of_a_recording_are_in_one_fold(code15, monkeypatch):
    dataset, records = code15
    signals = {file.record_id: CODE15.read(file).signal.tobytes() for file in dataset.files(records)}
    copies = pd.Series(signals)[lambda some: some.duplicated(keep=False)].index
    assert len(copies) == 2 and records.loc[copies, "patient_id"].nunique() == 2
    assert records.loc[copies, "fold"].nunique() == 1
    folds = []
    for salt in "abcdefgh":  # by chance they would be in one fold once in ten times
        monkeypatch.setattr(
            "tasks.datasets.code15.balanced_folds", lambda r, some, _, salt=salt: balanced_folds(r, some, salt)
        )
        folds.append(dataset.records().loc[copies, "fold"].nunique())
    assert folds == [1] * 8


def test_patients_are_linked_through_others():
    assert linked_patients(["c", "b", "b", "a", "d"], ["1", "1", "2", "2", ""]) == ["a", "a", "a", "a", "d"]
    assert linked_patients(["x", "y"], ["", ""]) == ["x", "y"]


def test_parts_that_are_not_there_leave_their_exams_out(copied):
    lines = (copied / "exams.csv").read_text().splitlines()
    (copied / "exams.csv").write_text(
        "\n".join([*lines[:-4], *(x.replace("part0", "part9") for x in lines[-4:])]) + "\n"
    )
    dataset = CODE15(copied)
    assert len(dataset.records()) == 56
    assert dataset.findings.remarks[0].words.endswith("left out: exams_part9.hdf5")
    assert dataset.version() == "1.0.0 (56 records of it)"


def test_a_part_that_no_exam_is_in_is_named(copied):
    shutil.copy(copied / "exams_part0.hdf5", copied / "exams_part7.hdf5")
    dataset = CODE15(copied)
    assert (copied / "code-test").is_dir()
    unread = dataset.unread_files(dataset.files(dataset.records()))
    assert [path.name for path in unread] == ["exams_part7.hdf5"]


def test_wrong_values_are_named(copied):
    path = copied / "exams.csv"
    text = path.read_text()
    line = text.splitlines()[1]
    path.write_text(text.replace(line, line.replace("exams_part0", "../exams_part0"), 1))
    with pytest.raises(DataError, match=r"trace_file names the file '\.\./exams_part0.hdf5'"):
        CODE15(copied).files(CODE15(copied).records())
    path.write_text(text.replace(line, "999999" + line[line.index(",") :], 1))
    with pytest.raises(DataError, match="has no exam 999999"):
        CODE15(copied).files(CODE15(copied).records())
    path.write_text(text.replace("True", "yes", 1))
    with pytest.raises(DataError, match=r"line \d+, \w+ is 'yes'; expected True or False"):
        CODE15(copied).records()
    exams = pd.read_csv(path, dtype=str, keep_default_na=False)
    exams.loc[exams["death"] != "", "death"] = "dead"  # may not read as someone who was not followed
    exams.replace("yes", "True").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"line \d+, death is 'dead'; expected True or False"):
        CODE15(copied).records()


def test_leads_and_labels_of_code_test_are_taken_by_name(simulated):
    dataset = CODETest(simulated / "code15" / "code-test")
    records = dataset.records()
    assert (records.iloc[:6][list(FINDINGS)].to_numpy() == 1).diagonal().all()  # written with AF before ST
    file = dataset.files(records)[2]
    with h5py.File(file.path) as content:
        row = content["tracings"][2]
    signal = CODETest.read(file).signal
    real = row[(row != 0).any(axis=1)].T
    for place, lead in enumerate(TEST_ORDER):
        np.testing.assert_array_equal(signal[LEADS.index(lead)], real[place])
    assert TEST_ORDER[3:6] == ("aVL", "aVF", "aVR")
    limb = dict(zip(LEADS, signal, strict=True))
    assert np.abs(limb["I"] + limb["aVF"] - limb["aVF"] - (limb["aVL"] - limb["aVR"]) / 1.5).mean() < 0.05
    assert not CODETest.pretraining_partition(records)["train"].any()


def test_tables_of_other_lengths_are_refused(simulated, tmp_path):
    root = shutil.copytree(simulated / "code15" / "code-test", tmp_path / "code-test")
    gold = root / "data" / "annotations" / "gold_standard.csv"
    gold.write_text("\n".join(gold.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match=r"attributes.csv has 15 rows, gold_standard.csv 14 and ecg_tracings.hdf5 15"):
        CODETest(root).records()


def test_code_test_is_tested_on_and_code15_trained_on(simulated, tmp_path):
    dataset = CODE15WithTest(simulated / "code15")
    store = prepare(dataset, tmp_path / "store")
    records = store.records
    examples = CODETestFindings().examples(records)
    partition = load_split("code-test").partition(examples)
    assert {record[:4] for record in examples.record_ids[partition.test]} == {"test"}
    assert len(partition.test) == 15 and len(partition.train) + len(partition.validation) == 60
    alone = CODETest(simulated / "code15" / "code-test")
    first = CODETest.read(alone.files(alone.records())[0]).signal
    row = store.rows(["test000"])
    np.testing.assert_allclose(store.read(row, length=first.shape[1])[0], first, atol=2e-4 * np.abs(first).max())
    assert not CODE15WithTest.pretraining_partition(records)["train"][partition.test].any()
    assert set(store.lengths.tolist()) == {2934, 4096}
    assert all(relation("code15-with-test", other) for other in ("code15", "code-test"))


def test_sami_trop_is_joined_by_row(simulated):
    dataset = SaMiTrop(simulated / "sami-trop")
    records = dataset.records()
    file = dataset.files(records)[0]
    assert SaMiTrop.read(file).signal.shape == (12, 1568)
    examples = SaMiTropSurvival().examples(records)
    assert len(examples) == len(records) and 0 < examples.targets[:, 1].sum() < len(records)


def test_splits_state_the_published_numbers_of_exams():
    """Of 345,779 exams 134,657 are called normal, 37,775 have a finding, and of 173,347 neither is known."""
    complete = {
        name: load_split(name).content.complete.records
        for name in ("code15", "code15-normal", "code-test", "sami-trop")
    }
    assert complete == {
        "code15": 134_657 + 37_775 + 173_347,
        "code15-normal": 134_657 + 37_775,
        "code-test": 345_779 + 827,
        "sami-trop": 1_631,
    }


@pytest.mark.parametrize("name", ["code15", "code-test", "code15-with-test", "sami-trop"])
def test_each_is_cited_and_licensed(name):
    dataset = registry.load(registry.DATASETS, name)
    assert dataset.license == "CC BY 4.0" and "doi = " in dataset.citation and "zenodo.org/records/" in dataset.fetch


def test_the_real_gold_standard_gives_the_published_counts_and_f1(real_data):
    folder = real_data / "samples/code_test/annotations"
    tables = {path.stem: pd.read_csv(path)[list(FINDINGS)] for path in folder.glob("*.csv")}
    gold = tables["gold_standard"]
    assert gold.sum().to_dict() == {"1dAVb": 28, "RBBB": 34, "LBBB": 30, "SB": 16, "ST": 37, "AF": 13}
    assert gold.sum().to_dict() == load_split("code-test").content.complete.partitions["test"].classes
    ids = [f"test{row:03d}" for row in range(len(gold))]
    records = gold.set_axis(pd.Index(ids, name="record_id"), axis=0).assign(patient_id=ids, role="test")
    examples, split = CODETestFindings().examples(records), load_split("code-test")
    assert split.digest(examples, np.arange(827)) == split.content.complete.partitions["test"].digest
    assert (len(gold), gold.any(axis=1).sum(), (gold.sum(axis=1) > 1).sum()) == (827, 146, 12)
    order = ["1dAVb", "RBBB", "LBBB", "SB", "AF", "ST"]
    f1 = {who: [round(f1_score(gold[name], tables[who][name]), 3) for name in order] for who in tables}
    assert f1["dnn"] == [0.897, 0.944, 1.0, 0.882, 0.870, 0.960]
    assert f1["cardiology_residents"] == [0.776, 0.917, 0.947, 0.882, 0.769, 0.882]


def test_real_exams_are_read_as_they_were_published(real_data, tmp_path):
    """Two real tracings, put back into rows of a part with their padding, and ten real rows of exams.csv."""
    samples = real_data / "samples/code15"
    shutil.copy(samples / "exams_10_rows.csv", tmp_path / "exams.csv")
    table = pd.read_csv(tmp_path / "exams.csv", dtype=str)
    tracings = {exam: scipy.io.loadmat(samples / f"{exam}.mat")["feats"] for exam in ("358121", "270272")}
    for part in table["trace_file"].unique():
        ids = table.loc[table["trace_file"] == part, "exam_id"].tolist()
        rows = np.zeros((len(ids) + 1, 4096, 12), np.float32)
        for row, exam in enumerate(ids):
            real = tracings.get(exam, np.ones((12, 10), np.float32))
            first = (4096 - real.shape[1]) // 2
            rows[row, first : first + real.shape[1]] = real.T
        with h5py.File(tmp_path / part, "w") as file:
            file["exam_id"], file["tracings"] = [*map(int, ids), 0], rows
    dataset = CODE15(tmp_path)
    records = dataset.records()
    assert len(records) == 10
    files = {file.record_id: file for file in dataset.files(records)}
    assert [CODE15.read(files[exam]).signal.shape[1] for exam in tracings] == [2934, 4096]
    for exam, real in tracings.items():
        np.testing.assert_array_equal(CODE15.read(files[exam]).signal, real)
    assert records.loc["358121", ["RBBB", "event", "sex"]].tolist() == [1, 0.0, "male"]
    assert records.loc["358121", "years"] == pytest.approx(3.846572)
    assert np.isnan(records.loc["438277", "years"])
