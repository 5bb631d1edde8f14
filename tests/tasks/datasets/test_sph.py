"""SPH: every published count on the real metadata, the authors' split, ECGBench's folds, simulated HDF5 files."""

from __future__ import annotations

import gzip
import re
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.split import load_split
from tasks.datasets.folds import ecgbench_digest, ecgbench_folds
from tasks.datasets.sph import SPH
from tasks.sph import COMMON, RARE, SPHAllStatements, SPHFolds, SPHStatements

PUBLISHED = """1 13905(11295/2610) 22 2711(2161/550) 147 2218(1736/482) 145 1829(1435/394) 23 1553(1254/299)
105 1259(1012/247) 60 1067(795/272) 146 1063(832/231) 21 725(570/155) 106 710(515/195) 50 675(502/173) 30 539(423/116)
125 322(252/70) 82 238(195/43) 142 209(158/51) 120 161(127/34) 101 154(123/31) 121 138(107/31) 161 120(95/25) 51 99(62/37)
165 91(61/30) 153 88(63/25) 104 84(66/18) 36 64(51/13) 160 52(35/17) 86 47(39/8) 85 35(14/21) 155 32(27/5) 108 27(20/7)
148 24(18/6) 88 22(14/8) 37 20(14/6) 140 19(15/4) 54 13(12/1) 80 11(10/1)"""
"""Code all(train/test of the authors' split), from facts/datasets.md."""

MODIFIERS = {"362": 1024, "308": 424, "310": 402, "332": 243, "346": 210, "367": 176, "341": 101, "342": 38, "363": 37}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("sph") / "files"
    SPH.simulate(root, 60, 1)
    return root


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """The records of the real metadata.csv; code.csv is not among the samples."""
    root = tmp_path_factory.mktemp("real")
    with gzip.open(real_data / "samples/sph/metadata.csv.gz") as file:
        (root / "metadata.csv").write_bytes(file.read())
    (root / "code.csv").write_text("Category,Code,Description\nNormal,1,Normal ECG\nModifier,362,Depression\n")
    dataset = SPH(root)
    return dataset, dataset.records()


def test_the_real_metadata_give_every_published_count(real):
    dataset, records = real
    assert dataset.version() == "1"
    assert (len(records), records["patient_id"].nunique()) == (25_770, 24_666)
    assert Counter(records["patient_id"].value_counts()) == {1: 23_600, 2: 1_033, 3: 29, 4: 3, 5: 1}
    assert records["sex"].value_counts().to_dict() == {"male": 14_265, "female": 11_505}
    assert (records["age"].min(), records["age"].max()) == (18, 95)
    assert (records["date"].min(), records["date"].max()) == ("2019-08-01", "2020-08-31")
    lengths = records["n_samples"]
    assert (lengths.min(), lengths.max(), lengths.nunique(), (lengths == 5000).sum()) == (5_000, 28_000, 39, 18_842)
    assert records.loc[["A02322", "A05000"], "aha_code"].tolist() == ["1;1", "1;1"]
    assert records.loc["A02322", "codes"] == ["1"]
    modifiers = Counter(code for text in records["aha_code"] for code in re.findall(r"\+(\d+)", text))
    assert {code: modifiers[code] for code in MODIFIERS} == MODIFIERS
    test = (records["partition"] == "test").to_numpy()
    sides = [Counter(code for some in records["codes"][side] for code in some) for side in (~test, test)]
    for code, total, train, tested in re.findall(r"(\d+) (\d+)\((\d+)/(\d+)\)", PUBLISHED):
        assert (code, sides[0][code], sides[1][code]) == (code, int(train), int(tested))
        assert sides[0][code] + sides[1][code] == int(total)
    assert {code: sides[0][code] + sides[1][code] for code in RARE} == dict(
        zip(RARE, (9, 9, 7, 6, 6, 4, 3, 3, 3), strict=True)
    )
    assert all(sides[side][code] for side in (0, 1) for code in COMMON | RARE)


def test_the_authors_test_part_has_every_patient_with_several_recordings(real):
    _, records = real
    test = records[records["partition"] == "test"]
    assert (len(test), test["patient_id"].nunique()) == (5_154, 4_050)
    several = records["patient_id"].duplicated(keep=False)
    assert (records["partition"][several] == "test").all()


def test_the_folds_of_ecgbench_have_the_published_digest(real):
    _, records = real
    assert (
        ecgbench_digest(records["fold"].to_dict()) == "1cc525cc68095613efdc14d2320c38386d925ccc79bd29985c7b606226c22189"
    )


@pytest.mark.parametrize("task", [SPHStatements, SPHAllStatements, SPHFolds])
def test_splits_hold_the_real_recordings(real, task):
    _, records = real
    report = load_split(task.split).verify(task().examples(records), complete=True)
    assert report.differences == []


def test_folds_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.choice(list("abcd"), 400, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    patients = rng.integers(0, 250, 400).astype(str).tolist()
    folds = ecgbench_folds(labels, patients)
    cuts = StratifiedGroupKFold(10, shuffle=True, random_state=42).split(np.zeros(400), labels, patients)
    for number, (_, rows) in enumerate(cuts, start=1):
        assert np.flatnonzero(folds == number).tolist() == rows.tolist()


def test_simulated_records_are_read_as_h5py_reads_them(simulated, tmp_path):
    dataset = SPH(simulated)
    records = dataset.records()
    for file in dataset.files(records)[:8]:
        recording = dataset.read(file)
        with h5py.File(file.path) as content:
            np.testing.assert_array_equal(recording.signal, content["ecg"][()].astype(np.float32))
        assert (recording.fs, recording.gain) == (500, None)
    store = prepare(dataset, tmp_path / "store")
    assert store.manifest["n_records"] == 60
    assert store.lengths.max() == 28_000
    peak = store.read(np.array([4]), length=5000)[0]
    assert peak.max() == pytest.approx(40.0, abs=0.01)  # kept, though it is no ECG


def test_statements_have_their_modifiers_and_count_once(simulated):
    records = SPH(simulated).records()
    assert (records["aha_code"].iloc[1], records["codes"].iloc[1]) == ("1;1", ["1"])
    assert records["statements"].iloc[1] == ["Normal ECG"]
    modified = records[records["aha_code"].str.fullmatch(r"145\+362")]
    if len(modified):
        assert modified["statements"].iloc[0] == ["ST deviation (Depression)"]
    assert not records["statements"].map(lambda some: any("code " in words for words in some)).any()
    assert records["patient_id"].value_counts().max() >= 3


def test_no_patient_of_a_test_part_is_pretrained_on(simulated):
    records = SPH(simulated).records()
    masks = SPH.pretraining_partition(records)
    tested = set(records["patient_id"][(records["partition"] == "test") | (records["fold"] == 10)])
    assert not tested & set(records["patient_id"][masks["train"]])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"A00003\.h5 is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:900]), r"A00003\.h5 is not readable as HDF5"),
        (
            lambda path: path.write_bytes(path.with_stem("A00004").read_bytes()),
            r"ecg of float16 \[12, 6000\]; metadata",
        ),
    ],
)
def test_a_damaged_record_is_named_with_the_fix(simulated, tmp_path, damage, message):
    root = shutil.copytree(simulated, tmp_path / "sph")
    damage(root / "records/A00003.h5")
    with pytest.raises(DataError, match=message):
        prepare(SPH(root), tmp_path / "store")
    assert len(prepare(SPH(root), tmp_path / "store", on_bad_record="skip")) == 59


def test_a_malformed_code_and_a_stray_file_are_named(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "sph")
    shutil.copy(root / "records/A00001.h5", root / "records/B00001.h5")
    table = root / "metadata.csv"
    table.write_text(re.sub("^A00002,1;1", "A00002,1:1", table.read_text(), flags=re.M))
    dataset = SPH(root)
    files = dataset.files(dataset.records())
    assert "A00002 has the AHA_Code '1:1'" in dataset.findings.unusable["A00002"]
    assert dataset.unread_files(files) == [root / "records/B00001.h5"]
    assert files[0] == RecordFile("A00001", root / "records/A00001.h5", {"n_samples": 5000})
