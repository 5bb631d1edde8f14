"""CSN and its Chapman part: labels, the two damaged headers, simulated and real files."""

from __future__ import annotations

import hashlib
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import wfdb

from bench.contamination.declared import relation
from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.split import load_split
from tasks.chapman import ChapmanLabels, ChapmanRhythm
from tasks.csn import CSNLabels, CSNReleasedLabels
from tasks.datasets.challenge_files import write_challenge_record
from tasks.datasets.chapman import RHYTHMS, Chapman
from tasks.datasets.cinc2021_codes import classes_of, codes
from tasks.datasets.csn import CLASSES, CSN
from tasks.datasets.file_constants import CSN_CONDITIONS
from tasks.datasets.simulated.csn import simulate_csn


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("csn") / "files"
    simulate_csn(root, 400, seed=1)
    return root


@pytest.fixture
def small(simulated, tmp_path):
    """A copy of the first hundred recordings, to be damaged."""
    root = tmp_path / "csn"
    shutil.copytree(simulated / "WFDBRecords/01/010", root / "WFDBRecords/01/010")
    shutil.copy(simulated / CSN_CONDITIONS, root)
    return root


def _with_codes(root, record, codes):
    signal = np.arange(12 * 20, dtype=np.int16).reshape(12, 20)
    write_challenge_record(root / record, signal, 500, 60.0, "male", codes)


def test_simulation_is_deterministic_and_in_the_publishers_folders(tmp_path):
    digests = []
    for name in ("a", "b"):
        simulate_csn(tmp_path / name, 8, seed=5)
        paths = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        digests.append(hashlib.sha256(b"".join(p.read_bytes() for p in paths)).hexdigest())
        assert (tmp_path / name / "WFDBRecords/01/010/JS00001.hea").is_file()
    assert digests[0] == digests[1]


def test_prepared_signals_equal_wfdb(simulated, tmp_path):
    dataset = CSN(simulated)
    dataset.check()
    store = prepare(dataset, tmp_path / "store")
    assert (len(store), store.fs, store.uniform_length) == (400, 500, 5000)
    for row in (0, 137, 399):
        truth = wfdb.rdrecord(str(simulated / store.records["path"].iloc[row])).p_signal.T
        np.testing.assert_allclose(store.read(np.array([row]))[0], truth, atol=1e-6)


def test_labels_are_whole_acronyms_and_the_released_ones_parts_of_them(tmp_path, simulated):
    shutil.copy(simulated / CSN_CONDITIONS, tmp_path)
    codes = {"AFIB": "164889003", "STDD": "429622005", "1AVB": "270492004", "SB": "426177001", "IDC": "698252002"}
    for number, acronyms in enumerate((["AFIB"], ["STDD", "1AVB"], ["SB"], ["SB", "IDC"]), start=1):
        _with_codes(tmp_path, f"JS0000{number}", [codes[a] for a in acronyms])
    _with_codes(tmp_path, "JS00005", ["164889003", "55930002"])  # the table has no name for the second
    _with_codes(tmp_path, "JS00006", [])
    records = CSN(tmp_path).records()
    assert [set(x) for x in records["labels"]] == [{"AFIB"}, {"STDD", "1AVB"}, set(), set(), {"AFIB"}, set()]
    assert set(records["labels_merl"].iloc[0]) == {"AFIB", "AF"}
    assert set(records["labels_merl"].iloc[1]) == {"STDD", "ST", "1AVB", "AVB", "VB"}
    assert records["kept"].tolist() == [True, True, False, True, False, False]
    assert records["statements"].iloc[3] == ["sinus bradycardia", "interior differences conduction"]
    assert CSN.text(records, "statements")[0] == "atrial fibrillation."
    assert (records.loc[~records["kept"], "partition"] == "").all()
    examples = CSNLabels().examples(records)
    assert examples.record_ids.tolist() == ["JS00001", "JS00002", "JS00004"]
    assert examples.targets.sum(axis=1).tolist() == [1, 2, 0]
    assert CSNReleasedLabels().examples(records).targets.sum(axis=1).tolist() == [2, 5, 0]


def test_imported_lists_decide_which_recordings_take_part(simulated):
    records = CSN(simulated).records()
    imported = records.assign(merl_partition=["train"] * 20 + [""] * 380, merl_acronyms=["SB,AFIB"] * 20 + [""] * 380)
    for task, labels in ((CSNLabels, ["AFIB"]), (CSNReleasedLabels, ["AF", "AFIB"])):
        examples = task().examples(imported)
        assert examples.record_ids.tolist() == records.index[:20].tolist()
        expected = [int(label in labels) for label in CLASSES]
        assert (examples.targets == expected).all()


@pytest.mark.parametrize("task", [CSNLabels, CSNReleasedLabels])
def test_tasks_split_the_simulated_recordings(simulated, task):
    records = CSN(simulated).records()
    examples = task().examples(records)
    split = load_split(task.split)
    assert split.content.classes == list(CLASSES) == list(task.classes)
    parts = dict(split.partition(examples).items())
    assert sum(map(len, parts.values())) == len(examples) == records["kept"].sum()
    assert len(parts["test"]) == pytest.approx(0.2 * len(examples), abs=1)
    masks = CSN.pretraining_partition(records)
    assert not records["partition"][masks["train"]].isin(["validation", "test"]).any()
    assert masks["train"][records["partition"] == ""].all()


def test_flat_folders_are_read_too(small, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in [*(small / "WFDBRecords/01/010").iterdir(), small / CSN_CONDITIONS]:
        shutil.copy(path, flat)
    nested = CSN(small).records().drop(columns="path")
    pd.testing.assert_frame_equal(CSN(flat).records().drop(columns="path"), nested)


@pytest.mark.parametrize("heading", ["Acronym Name,Full Name,Snomed_CT", "\ufeffAcronymName,FullName,Snomed_CT"])
def test_the_publishers_heading_and_that_of_copies_are_read(small, heading):
    path = small / CSN_CONDITIONS
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert first == "\ufeffAcronym Name,Full Name,Snomed_CT"  # as PhysioNet's, says facts/datasets.md
    before = CSN(small).records()
    path.write_text(f"{heading}\n{rest}", encoding="utf-8")
    pd.testing.assert_frame_equal(CSN(small).records(), before)


@pytest.mark.parametrize("signals", ["JS23074.mat", "S23074.mat"])
@pytest.mark.parametrize("named", ["JS23074.mat", "S23074.mat"])
def test_the_name_that_one_record_has_in_cinc_2021_is_read(small, signals, named):
    folder = small / "WFDBRecords/01/010"
    whole = CSN.read(RecordFile("JS00007", folder / "JS00007"))
    text = (folder / "JS00007.hea").read_text().replace("JS00007.mat", named)
    (folder / "S23074.hea").write_text(text.replace("JS00007", "S23074"))
    (folder / "JS00007.mat").rename(folder / signals)
    (folder / "JS00007.hea").unlink()
    dataset = CSN(small)
    records = dataset.records()
    assert len(records) == 100
    (file,) = dataset.files(records.loc[["JS23074"]])
    if named == signals or named == "S23074.mat":
        np.testing.assert_array_equal(dataset.read(file).signal, whole.signal)
    else:
        with pytest.raises(DataError, match=r"JS23074\.mat is missing"):
            dataset.read(file)


def test_recordings_without_usable_codes_are_counted_and_named(small, tmp_path):
    for record, lines in {"JS00003": "", "JS00004": "#Dx:  \n", "JS00005": "#Dx: 426783006;1\n"}.items():
        header = small / f"WFDBRecords/01/010/{record}.hea"
        header.write_text(header.read_text().split("#Dx")[0] + lines)
    with pytest.raises(DataError, match=r"JS00005\.hea has '426783006;1' in its #Dx line"):
        prepare(CSN(small), tmp_path / "store")
    store = prepare(CSN(small), tmp_path / "store", on_bad_record="skip")
    assert [one["record_id"] for one in store.manifest["skipped"]] == ["JS00005"]
    (remark,) = store.manifest["remarks"]
    assert remark["words"].startswith("2 recordings without a code")
    assert remark["records"] == ["JS00003", "JS00004"]
    assert not store.records.loc[["JS00003", "JS00004"], "kept"].any()


def test_both_names_of_that_record_are_refused(small):
    folder = small / "WFDBRecords/01/010"
    for name in ("S23074", "JS23074"):
        shutil.copy(folder / "JS00007.hea", folder / f"{name}.hea")
    with pytest.raises(DataError, match=r"JS23074 is there twice"):
        CSN(small).records()


def test_a_header_whose_first_lines_ran_together_is_mended(small):
    """As published for JS01052 and JS23074: the end of the first line and the start of the second are gone."""
    header = small / "WFDBRecords/01/010/JS00007.hea"
    dataset = CSN(small)
    before = dataset.records()
    file = dataset.files(before.loc[["JS00007"]])[0]
    whole = dataset.read(file)
    text = header.read_text()
    slipped = text.replace("JS00007 12 500 5000\nJS00007.mat 16+24 1000/mV", "JS00007 12 500 500000/mV", 1)
    assert slipped != text
    header.write_text(slipped)
    mended = dataset.read(file)
    np.testing.assert_array_equal(mended.signal, whole.signal)
    np.testing.assert_array_equal(mended.gain, whole.gain)
    assert dataset.records()["labels"].equals(before["labels"])


def test_chapman_is_the_first_part_with_csns_partition(small):
    folder = small / "WFDBRecords/01/010"
    for number in range(1, 11):
        old, new = f"JS{number:05d}", f"JS{10640 + number:05d}"
        for suffix in (".hea", ".mat"):
            path = folder / (old + suffix)
            data = path.read_bytes().replace(old.encode(), new.encode()) if suffix == ".hea" else path.read_bytes()
            (folder / (new + suffix)).write_bytes(data)
            path.unlink()
    whole, part = CSN(small).records(), Chapman(small).records()
    assert len(whole) == 100
    assert part.index.max() == "JS10646"
    assert len(part) == 96
    assert part["partition"].equals(whole["partition"].loc[part.index])
    assert Chapman(small).version() == "1.0.0 (96 records of it)"


def test_the_copy_on_figshare_overlaps_with_both():
    for name in ("csn", "chapman"):
        assert relation("chapman-figshare", name) is not None and relation(name, "chapman-figshare") is not None


def test_chapmans_diagnoses_and_rhythms_are_those_of_its_codes(small):
    assert ChapmanLabels.classes == classes_of("chapman")
    assert len(ChapmanLabels.classes) == 36
    counts = {code.abbreviation: code.counts["chapman"] for code in codes().values()}
    assert sum(counts[name] for name in RHYTHMS) == 10_247  # every recording has one of the ten
    assert list(ChapmanRhythm.classes) == [name for name in RHYTHMS if counts[name] >= 10]
    header = small / "WFDBRecords/01/010/JS00001.hea"
    text = re.sub("#Dx: .*", "#Dx: 233896004,164934002,164934002,123456789", header.read_text())
    header.write_text(text)
    records = Chapman(small).records()
    first = records.loc["JS00001"]
    assert (first["diagnoses"], first["rhythms"]) == (["AVNRT", "TAb"], ["AVNRT"])
    examples = ChapmanRhythm().examples(records)
    assert list(ChapmanRhythm.classes)[examples.targets[0]] == "AVNRT"
    tested = records.index[records["fold"] == 10]
    assert not set(tested) & set(records.index[Chapman.pretraining_partition(records)["train"]])


# --- damage ---------------------------------------------------------------------------------------------------------


def test_missing_files_name_the_cure(tmp_path):
    with pytest.raises(DataError, match=r"ConditionNames_SNOMED-CT.csv is missing.*bench data download csn"):
        CSN(tmp_path).check()
    (tmp_path / CSN_CONDITIONS).write_text("AcronymName,FullName,Snomed_CT\nSR,Sinus Rhythm,426783006\n")
    with pytest.raises(DataError, match="holds no header"):
        CSN(tmp_path).check()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Acronym,FullName,Snomed_CT\nSR,Sinus Rhythm,426783006\n", "column Acronym Name is missing"),
        (b"AcronymName,FullName,Snomed_CT\nSR,Sinus Rhythm,none\n", "line 2 has the acronym 'SR' and the code 'none'"),
        (b"AcronymName,FullName,Snomed_CT\nSR,Sinus \xff,426783006\n", "not UTF-8"),
        (b"", "cannot be read as CSV"),
    ],
)
def test_a_table_of_conditions_that_cannot_be(small, content, message):
    (small / CSN_CONDITIONS).write_bytes(content)
    with pytest.raises(DataError, match=message):
        CSN(small).records()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "JS00003.mat").unlink(), r"JS00003\.mat is missing"),
        (lambda folder: (folder / "JS00003.mat").write_bytes(b"\0" * 99), r"JS00003\.mat is truncated: 99 bytes"),
        (lambda folder: (folder / "JS00003.hea").write_bytes(b"\xff\xfe"), "JS00003.hea"),
        (
            lambda folder: (folder / "JS00003.hea").write_text(
                (folder / "JS00003.hea").read_text().replace(" V6\n", " V5\n")
            ),
            "lead V5 is named twice",
        ),
        (
            lambda folder: (folder / "JS00003.hea").write_text(
                (folder / "JS00003.hea").read_text().replace("1000/mV", "0/mV", 1)
            ),
            "gain of lead I is 0/mV",
        ),
    ],
)
def test_damaged_recordings_stop_or_are_skipped(small, tmp_path, damage, message):
    damage(small / "WFDBRecords/01/010")
    with pytest.raises(DataError, match=message):
        prepare(CSN(small), tmp_path / "store")
    store = prepare(CSN(small), tmp_path / "store", on_bad_record="skip")
    assert len(store) == 99
    assert "JS00003" not in store.records.index


# --- the real samples -----------------------------------------------------------------------------------------------


def test_real_samples_equal_wfdb(real_data):
    dataset = CSN(real_data / "csn")
    dataset.check()
    records = dataset.records()
    assert len(records) == 40
    for file in dataset.files(records):
        found, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
        np.testing.assert_allclose(found.signal / found.gain[:, None], truth.p_signal.T, atol=1e-12)
        assert found.fs == truth.fs == 500


def test_real_samples_have_merls_labels_and_its_choice(real_data):
    parts = [pd.read_csv(real_data / f"merl-splits/chapman/chapman_{p}.csv") for p in ("train", "val", "test")]
    released = pd.concat(parts)
    released.index = released["ecg_path"].str.extract(r"(JS\d+)\.mat", expand=False)
    records = CSN(real_data / "csn").records()
    assert records.index[records["kept"]].tolist() == records.index[records.index.isin(released.index)].tolist()
    differing = []
    for record in records.index[records["kept"]]:
        row = released.loc[record]
        if records.loc[record, "acronyms"] == row["diagnose"].split(","):
            assert records.loc[record, "labels_merl"] == [label for label in CLASSES if row[label]]
        else:
            differing.append(record)
    assert differing == ["JS00005"]  # this sample is CinC 2021's copy, which has a code more
