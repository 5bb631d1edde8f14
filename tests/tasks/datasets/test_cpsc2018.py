"""CPSC2018's two layouts, simulated and real, whole and damaged."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.io
import wfdb

from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.split import load_split
from tasks.cpsc2018 import ICBEB, CPSC2018FirstSeconds, CPSC2018Labels, CPSC2018Single
from tasks.datasets.cpsc2018 import CLASSES, CPSC2018, read_structure
from tasks.datasets.simulated.cpsc2018 import simulate_cpsc2018


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    root = tmp_path_factory.mktemp("cpsc") / "native"
    simulate_cpsc2018(root, 24, seed=3, layout="native")
    return root


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    root = tmp_path_factory.mktemp("cpsc") / "cinc2020"
    simulate_cpsc2018(root, 120, seed=3)
    return root


@pytest.fixture
def damaged(native, tmp_path):
    return shutil.copytree(native, tmp_path / "root")


def _digest(root):
    check = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        check.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return check.hexdigest()


@pytest.mark.parametrize("layout", ["native", "cinc2020"])
def test_simulation_is_deterministic(tmp_path, layout):
    for name in ("a", "b"):
        simulate_cpsc2018(tmp_path / name, 6, seed=1, layout=layout)
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b")


def test_both_layouts_say_the_same(tmp_path):
    for layout in ("native", "cinc2020"):
        simulate_cpsc2018(tmp_path / layout, 12, seed=2, layout=layout)
    first, second = (CPSC2018(tmp_path / layout) for layout in ("native", "cinc2020"))
    for dataset in (first, second):
        dataset.check()
    a, b = first.records(), second.records()
    columns = ["labels", "age", "sex", "seconds", "partition", "fold"]
    pd.testing.assert_frame_equal(a[columns], b[columns])
    for one, other in zip(first.files(a), second.files(b), strict=True):
        in_mv, units = first.read(one), second.read(other)
        np.testing.assert_allclose(in_mv.signal, units.signal / units.gain[:, None], atol=1e-9)


def test_ragged_lengths_are_kept_whole(challenge, tmp_path):
    dataset = CPSC2018(challenge)
    records = dataset.records()
    store = prepare(dataset, tmp_path / "store")
    assert store.fs == 500
    assert store.uniform_length is None
    np.testing.assert_array_equal(store.lengths, np.rint(records["seconds"] * 500).astype(int))
    row = int(store.lengths.argmax())
    truth = wfdb.rdrecord(str(challenge / records["path"].iloc[row])).p_signal.T
    np.testing.assert_allclose(store.read(np.array([row]))[0], truth, atol=1e-6)


@pytest.mark.parametrize("task", [CPSC2018Labels, CPSC2018Single, ICBEB])
def test_tasks_split_the_simulated_recordings(challenge, task):
    records = CPSC2018(challenge).records()
    examples = task().examples(records)
    split = load_split(task.split)
    assert split.content.classes == list(task.classes)
    parts = split.partition(examples)
    assert sum(len(rows) for _, rows in parts.items()) == len(examples)
    if task is CPSC2018Single:
        assert (records.loc[examples.record_ids, "labels"].map(len) == 1).all()
        first = examples.record_ids[0]
        assert list(CLASSES)[examples.targets[0]] == records.loc[first, "labels"][0]


def test_nothing_that_any_partition_tests_on_is_pretrained_on(challenge):
    records = CPSC2018(challenge).records()
    imported = records.assign(merl_partition=["test", "validation", *["train"] * (len(records) - 2)])
    masks = CPSC2018.pretraining_partition(imported)
    tested = (records["partition"] == "test") | (records["fold"] == 10) | (imported["merl_partition"] == "test")
    assert not masks["train"][tested].any()
    assert not masks["validation"][tested].any()
    assert not (masks["train"] & masks["validation"]).any()
    assert masks["train"].sum() > len(records) / 3


def test_text_is_the_labels_in_words(challenge):
    records = CPSC2018(challenge).records()
    row = records["labels"].map(list).tolist().index(["NORM"])
    assert CPSC2018.text(records, "statements")[row] == "normal ECG."


def test_released_folds_are_read_where_the_script_left_them(damaged):
    ids = CPSC2018(damaged).records().index
    lines = [f"{k},{one},{k % 10 + 1}" for k, one in enumerate(ids)]
    (damaged / "icbeb_database.csv").write_text("ecg_id,filename,strat_fold\n" + "\n".join(lines))
    records = CPSC2018(damaged).records()
    assert records["released_fold"].tolist() == [k % 10 + 1 for k in range(len(ids))]
    assert CPSC2018(damaged).index_files()[-1].name == "icbeb_database.csv"


def test_numbers_beyond_the_published_sizes_are_told(challenge):
    assert CPSC2018(challenge).version() == "2018 (120 records of it)"


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_folder_without_either_layout(tmp_path):
    with pytest.raises(DataError, match=r"neither WFDB headers .* nor REFERENCE.csv.*icbeb.org"):
        CPSC2018(tmp_path).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("First_label", "Label"), "column First_label is missing"),
        (lambda text: text.replace("A0001,", "A0001,7", 1), r"line 2 \(A0001\) has the label '7\d'"),
        (lambda text: text + "A0001,9,9,9\n", "an earlier row"),
    ],
)
def test_a_reference_that_cannot_be(damaged, change, message):
    path = damaged / "REFERENCE.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message):
        CPSC2018(damaged).records()


def test_a_reference_that_is_not_utf8(damaged):
    (damaged / "REFERENCE.csv").write_bytes(b"Recording,First_label,Second_label,Third_label\nA0001,\xff,,\n")
    with pytest.raises(DataError, match="not UTF-8"):
        CPSC2018(damaged).records()


def _structure(path, **fields):
    scipy.io.savemat(path, {"ECG": {"sex": "Male", "age": [[50]], "data": np.zeros((12, 600)), **fields}})


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "cannot be read as a MATLAB file"),
        (lambda path: path.write_bytes(b"not a MATLAB file"), "cannot be read as a MATLAB file"),
        (lambda path: path.write_bytes(b""), "cannot be read as a MATLAB file"),
        (lambda path: scipy.io.savemat(path, {"val": np.zeros((12, 600))}), "expected a structure ECG"),
        (lambda path: _structure(path, data=np.zeros((11, 600))), r"shape \(11, 600\).*expected 12 leads"),
        (lambda path: _structure(path, data=np.zeros((12, 0))), r"shape \(12, 0\)"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_structure_that_cannot_be_read(damaged, write, message):
    path = next(damaged.rglob("A0001.mat"))
    write(path)
    with pytest.raises(DataError, match=message):
        read_structure(path)


def test_a_damaged_recording_can_be_skipped(damaged, tmp_path):
    path = next(damaged.rglob("A0001.mat"))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"record A0001.*MATLAB"):
        prepare(CPSC2018(damaged), tmp_path / "store")
    store = prepare(CPSC2018(damaged), tmp_path / "store", on_bad_record="skip")
    assert "A0001" not in store.records.index
    assert len(store) == 23


def test_one_recording_in_two_places(damaged):
    path = next(damaged.rglob("A0001.mat"))
    shutil.copy(path, damaged / "A0001.mat")
    with pytest.raises(DataError, match="A0001 is in two places"):
        CPSC2018(damaged).records()


def test_a_code_that_is_none_of_the_nine(challenge, tmp_path):
    root = shutil.copytree(challenge, tmp_path / "root")
    header = root / "A0001.hea"
    header.write_text(header.read_text().split("#Dx")[0] + "#Dx: 10370003\n")
    with pytest.raises(DataError, match=r"A0001\.hea has the code '10370003'.*nine classes"):
        prepare(CPSC2018(root), tmp_path / "store")
    store = prepare(CPSC2018(root), tmp_path / "store", on_bad_record="skip")
    assert [one["record_id"] for one in store.manifest["skipped"]] == ["A0001"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "has no #Dx line"),
        ("#Dx:\n", "has an empty #Dx line"),
        ("#Dx:  , \n", "has an empty #Dx line"),
        ("#Dx: 426783006;164889003\n", "has '426783006;164889003' in its #Dx line"),
        ("#Dx: atrial fibrillation\n", "has 'atrial fibrillation' in its #Dx line"),
        ("#Dx: 426783006.0\n", "has '426783006.0' in its #Dx line"),
        ("#Dx: 426783006\n#Dx: 164889003\n", "has 2 #Dx lines that differ"),
    ],
)
def test_a_recording_without_usable_codes_is_named_and_can_be_left_out(challenge, tmp_path, lines, words):
    root = shutil.copytree(challenge, tmp_path / "root")
    header = root / "A0001.hea"
    header.write_text(header.read_text().split("#Dx")[0] + lines)
    with pytest.raises(DataError) as error:
        prepare(CPSC2018(root), tmp_path / "store")
    assert f"A0001.hea {words}" in str(error.value)
    (skipped,) = prepare(CPSC2018(root), tmp_path / "store", on_bad_record="skip").manifest["skipped"]
    assert words in skipped["reason"]


def test_recordings_without_labels_and_labels_without_a_recording_are_named(damaged, tmp_path):
    path = damaged / "REFERENCE.csv"
    lines = [line for line in path.read_text().splitlines() if "A0002" not in line]
    path.write_text("\n".join([*lines, "A0999,1,,", "A0998,2,,"]))
    with pytest.raises(DataError, match=r"record A0002: .*A0002\.mat has no row in REFERENCE\.csv"):
        prepare(CPSC2018(damaged), tmp_path / "store")
    store = prepare(CPSC2018(damaged), tmp_path / "store", on_bad_record="skip")
    assert "A0002" not in store.records.index
    (remark,) = store.manifest["remarks"]
    assert remark["words"] == f"2 rows of REFERENCE.csv have no recording in {damaged}"
    assert remark["records"] == ["A0998", "A0999"]


# --- the real samples -----------------------------------------------------------------------------------------------


def _merl_labels(real_data):
    parts = [pd.read_csv(real_data / f"merl-splits/icbeb/icbeb_{p}.csv") for p in ("train", "val", "test")]
    return pd.concat(parts).set_index("filename")


def test_real_wfdb_equals_wfdb_and_the_released_labels(real_data):
    dataset = CPSC2018(real_data / "cpsc2018" / "cinc2020")
    dataset.check()
    records, released = dataset.records(), _merl_labels(real_data)
    for file in dataset.files(records):
        found = dataset.read(file)
        truth = wfdb.rdrecord(str(file.path))
        np.testing.assert_allclose(found.signal / found.gain[:, None], truth.p_signal.T, atol=1e-12)
        assert found.fs == truth.fs
        row, mine = released.loc[file.record_id], records.loc[file.record_id]
        assert [label for label in CLASSES if row[label]] == sorted(mine["labels"], key=list(CLASSES).index)
        assert (row["age"], row["sex"]) == (mine["age"], int(mine["sex"] == "male"))


def test_real_structures_equal_scipy_and_the_released_labels(real_data, tmp_path):
    released = _merl_labels(real_data)
    numbers = {"NORM": 1, "AFIB": 2, "1AVB": 3, "CLBBB": 4, "CRBBB": 5, "PAC": 6, "VPC": 7, "STD": 8, "STE": 9}
    lines = ["Recording,First_label,Second_label,Third_label"]
    for path in sorted((real_data / "cpsc2018" / "native").glob("*.mat")):
        (tmp_path / path.name).symlink_to(path)
        labels = [str(numbers[label]) for label in CLASSES if released.loc[path.stem, label]]
        lines.append(",".join([path.stem, *labels, *[""] * (3 - len(labels))]))
    (tmp_path / "REFERENCE.csv").write_text("\n".join(lines))
    dataset = CPSC2018(tmp_path)
    dataset.check()
    records = dataset.records()
    assert len(records) == 10
    for file in dataset.files(records):
        one = scipy.io.loadmat(f"{file.path}.mat")["ECG"][0, 0]
        np.testing.assert_array_equal(dataset.read(file).signal, one["data"])
        assert records.loc[file.record_id, "age"] == one["age"].item() == released.loc[file.record_id, "age"]
        assert records.loc[file.record_id, "sex"].capitalize() == one["sex"].item()
    store = prepare(dataset, tmp_path / "store")
    row = records.index.get_loc("A1988")
    truth = scipy.io.loadmat(tmp_path / "A1988.mat")["ECG"][0, 0]["data"]
    assert np.abs(store.read(np.array([row]))[0] - truth).max() < 1e-4  # mV, of a recording that peaks at 5 mV


def test_the_first_five_seconds_are_a_task_of_their_own():
    records = pd.DataFrame({"labels": [["AFIB"], []], "patient_id": ["1", "2"]}, index=pd.Index(["A1", "A2"]))
    examples = CPSC2018FirstSeconds().examples(records)
    assert examples.seconds == 5.0
    assert examples.start.tolist() == [0.0]
