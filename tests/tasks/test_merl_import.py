"""MERL's released lists: verified, their defects reported, imported."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from bench.splitting.label_fractions import labelled_subset
from bench.splitting.released_partitions import with_imported
from bench.splitting.split import split_of
from tasks.cpsc2018 import CPSC2018Labels
from tasks.csn import CSNLabels, CSNReleasedLabels
from tasks.datasets.cpsc2018 import CLASSES as CPSC_CLASSES
from tasks.merl_import import import_merl

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "merl_subsets.json").read_text())


@pytest.fixture(scope="module")
def imported(real_data, tmp_path_factory):
    """(report, folder) of the released files."""
    folder = tmp_path_factory.mktemp("imported")
    return import_merl(real_data / "merl-splits", folder), folder


def _released(real_data, stem, id_column, pattern):
    parts = [pd.read_csv(real_data / f"merl-splits/{stem}_{p}.csv", dtype=str) for p in ("train", "val", "test")]
    table = pd.concat(parts)
    table.index = pd.Index(table[id_column].str.extract(pattern, expand=False), name="record_id")
    return table.sort_index()


def test_all_six_sets_agree_with_our_numbers(imported):
    report, _ = imported
    assert report.agrees
    assert [(one.split, tuple(one.counts.values())) for one in report.sets] == [
        ("ptbxl-super", (17084, 2146, 2158)),
        ("ptbxl-sub", (17084, 2146, 2158)),
        ("ptbxl-form", (7197, 901, 880)),
        ("ptbxl-rhythm", (16832, 2100, 2098)),
        ("cpsc2018-merl", (4950, 551, 1376)),
        ("csn-merl-substring", (16546, 1860, 4620)),
        ("csn-merl", (16546, 1860, 4620)),
    ]


def test_the_two_defects_are_told_in_words(imported):
    report, _ = imported
    permuted = [text for text in report.defects if "not in the order" in text]
    assert [text.split(":")[0] for text in permuted] == ["ptbxl_sub_class_val.csv", "ptbxl_sub_class_test.csv"]
    assert "positions 10, 11, 12 hold ISC, AVB, RAO/RAE, where the training file has AVB, RAO/RAE, ISC" in permuted[0]
    (corrupted,) = [text for text in report.defects if "false positives" in text]
    for count in ("ST 6,338 instead of 5,154", "VB 916 instead of 3", "AF 4,753 instead of 3,340", "7 of 38"):
        assert count in corrupted
    assert len(report.lines()) == 7 + 3 + 2


def test_imported_cpsc2018_reproduces_partition_and_published_subsets(imported, real_data):
    table = _released(real_data, "icbeb/icbeb", "filename", r"(A\d{4})")
    labels = [[label for label in CPSC_CLASSES if row[label] == "1"] for row in table.to_dict("records")]
    records = pd.DataFrame({"labels": labels, "patient_id": table.index, "ecg_id": table["ecg_id"]}, index=table.index)
    records = with_imported(records, imported[1], "cpsc2018")
    examples = CPSC2018Labels().examples(records)
    split = split_of(CPSC2018Labels, examples)
    split.verify(examples, complete=True).raise_if_wrong()
    part = split.partition(examples)
    for percent in (1, 10):
        rows = labelled_subset(part.train, percent / 100, 0, examples.targets, "merl")
        ids = records["ecg_id"].loc[examples.record_ids[rows]].tolist()
        golden = GOLDEN[f"icbeb_{percent}"]
        assert (len(ids), ids[:5]) == (golden["n"], golden["first5"])
        assert hashlib.sha256("\n".join(ids).encode()).hexdigest() == golden["sha256_of_newline_joined"]


@pytest.mark.parametrize("task", [CSNLabels, CSNReleasedLabels])
def test_imported_csn_verifies_and_reproduces_published_subsets(imported, real_data, task):
    table = _released(real_data, "chapman/chapman", "ecg_path", r"(JS\d{5})")
    records = pd.DataFrame({"patient_id": table.index, "path": table["ecg_path"]}, index=table.index)
    examples = task().examples(with_imported(records, imported[1], "csn"))
    split = split_of(task, examples)
    assert split.name == task.released_split
    split.verify(examples, complete=True).raise_if_wrong()
    rows = labelled_subset(split.partition(examples).train, 0.01, 0, examples.targets, "merl")
    paths = records["path"].loc[examples.record_ids[rows]].tolist()
    assert hashlib.sha256("\n".join(paths).encode()).hexdigest() == GOLDEN["chapman_1"]["sha256_of_newline_joined"]


@pytest.fixture
def without_ptbxl(monkeypatch):
    """The four large sets are not read again; the tests above hold them to their numbers."""
    monkeypatch.setattr("tasks.merl_import._PTBXL", [])


def _copied(real_data, tmp_path):
    return Path(shutil.copytree(real_data / "merl-splits", tmp_path / "merl", copy_function=shutil.copyfile))


def test_a_changed_label_is_noticed_and_that_set_is_not_imported(real_data, tmp_path, without_ptbxl):
    folder = _copied(real_data, tmp_path)
    (folder / "icbeb").chmod(0o755)
    path = folder / "icbeb" / "icbeb_test.csv"
    table = pd.read_csv(path)
    row = int(np.flatnonzero(table["STD"] == 0)[0])
    table.loc[row, "STD"] = 1
    table.to_csv(path, index=False)
    report = import_merl(folder, tmp_path / "imported")
    assert not report.agrees
    (changed,) = [one for one in report.sets if one.differences]
    assert changed.split == "cpsc2018-merl"
    assert "test: 163 positives of STD, expected 162" in changed.differences
    assert [path.name for path in report.written] == ["csn.csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("AFIB", "AF", 1), "column AFIB is missing"),
        (lambda text: text.replace("A6729", "../A6729", 1), r"line 2 has filename '\.\./A6729', which names no record"),
        (lambda text: text + text.splitlines()[1] + "\n", "A6729 stands twice"),
        (lambda text: text[:-2] + "2\n", "has STD '2'; expected 0 or 1"),
    ],
)
def test_files_that_cannot_be(real_data, tmp_path, without_ptbxl, change, message):
    folder = _copied(real_data, tmp_path)
    (folder / "icbeb").chmod(0o755)
    path = folder / "icbeb" / "icbeb_test.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message):
        import_merl(folder)


def test_a_folder_without_the_files(tmp_path):
    with pytest.raises(DataError, match=r"no file ptbxl_super_class_train\.csv.*finetune/data_split"):
        import_merl(tmp_path)
