"""MIMIC-IV-ECG: reports by study id, leads by name, MERL's cleaning and partition, damaged files."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from bench.errors import ConfigError, DataError
from bench.signals.build_store import prepare
from bench.signals.leads import LEADS, MIMIC_ORDER
from tasks.datasets.mimic_iv_ecg import MIMICIVECG
from tasks.datasets.mimic_reports import merl_report, merl_words, sentences
from tasks.datasets.simulated.mimic import simulate_mimic

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("mimic") / "files"
    simulate_mimic(root, 200, seed=1)
    return root


@pytest.fixture
def damaged(simulated, tmp_path):
    return shutil.copytree(simulated, tmp_path / "mimic")


def _edit(path, change):
    path.write_text(change(path.read_text()))


def test_simulation_is_deterministic(tmp_path):
    digests = []
    for name in ("a", "b"):
        simulate_mimic(tmp_path / name, 8, seed=5)
        paths = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        digests.append(hashlib.sha256(b"".join(p.read_bytes() for p in paths)).hexdigest())
    assert digests[0] == digests[1]


def test_reports_are_found_by_study_id(simulated):
    records = MIMICIVECG(simulated).records()
    with open(simulated / "machine_measurements.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["study_id"] for row in rows] != records.index.tolist()
    for row in rows:
        fields = [row[f"report_{k}"] for k in range(18) if row[f"report_{k}"]]
        assert list(records.loc[row["study_id"], "statements"]) == fields
        assert records.loc[row["study_id"], "patient_id"] == row["subject_id"]


def test_leads_come_in_order_by_their_names(simulated, tmp_path):
    dataset = MIMICIVECG(simulated)
    dataset.check()
    store = prepare(dataset, tmp_path / "store")
    truth = wfdb.rdrecord(str(simulated / store.records["path"].iloc[0]))
    assert tuple(truth.sig_name) == MIMIC_ORDER
    found = store.read(np.array([0]))[0]
    for k, lead in enumerate(LEADS):
        np.testing.assert_allclose(
            found[k], truth.p_signal[:, MIMIC_ORDER.index(lead)], atol=1e-6 * np.abs(truth.p_signal).max()
        )
    # aVL and aVF are what Goldberger's relations say, to the two roundings to 1/200 mV
    assert np.abs(found[4] - (found[0] - found[2]) / 2).max() < 0.011
    assert store.manifest["n_nan"] == 2  # the runs of invalid samples in every 97th recording


@pytest.mark.parametrize("case", json.loads((GOLDEN / "merl_reports.json").read_text()))
def test_cleaning_is_merls(case):
    assert merl_report(case["fields"]) == case["text"]
    assert merl_words(case["fields"]) == case["n_words"]
    assert (merl_words(case["fields"]) >= 4) == case["kept"]


def test_statements_are_cleaned_one_by_one():
    said = ["--- Warning: Data quality ---", "*** ABNORMAL EKG ***", "Left axis", "left axis.", "ST-T changes"]
    found = sentences(said)
    assert found == "warning: data quality. abnormal ecg. left axis. st-t changes."
    assert sentences(["=====", ""]) == ""


def test_texts_and_merls_rule(simulated):
    records = MIMICIVECG(simulated).records()
    texts = MIMICIVECG.text(records, "cleaned")
    assert 0.85 < records["merl_kept"].mean() < 1
    for text, kept in zip(texts, records["merl_kept"], strict=True):
        assert kept == (len(text.split()) >= 4)
    with pytest.raises(ConfigError, match="cleaned, statements"):
        MIMICIVECG.text(records, "report")


def test_partition_keeps_patients_whole_and_merls_does_not_ask(tmp_path):
    simulate_mimic(tmp_path / "many", 700, seed=2)
    records = MIMICIVECG(tmp_path / "many").records()
    masks = MIMICIVECG.pretraining_partition(records)
    sides = [set(records["patient_id"][mask]) for mask in masks.values()]
    assert sides[0].isdisjoint(sides[1])
    assert sides[1]
    assert not (masks["train"] | masks["validation"])[~records["merl_kept"]].any()
    merl = MIMICIVECG.pretraining_partition(records, rule="merl")
    assert merl["validation"].sum() == int(np.ceil(0.02 * records["merl_kept"].sum()))
    assert (merl["train"] ^ merl["validation"]).sum() == records["merl_kept"].sum()
    with pytest.raises(ConfigError, match="patient or merl"):
        MIMICIVECG.pretraining_partition(records, rule="record")


# --- damage ---------------------------------------------------------------------------------------------------------


def test_missing_files_name_the_cure(damaged):
    shutil.rmtree(damaged / "files")
    with pytest.raises(DataError, match=r"no folder files/.*bench data download"):
        MIMICIVECG(damaged).check()
    (damaged / "machine_measurements.csv").unlink()
    with pytest.raises(DataError, match=r"machine_measurements.csv is missing.*bench data download"):
        MIMICIVECG(damaged).check()


def _twice(text):
    return text + text.splitlines()[1] + "\n"


def _with_study(text, study):
    lines = text.splitlines()
    fields = lines[1].split(",")
    fields[1] = study
    return "\n".join([lines[0], ",".join(fields), *lines[2:]]) + "\n"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("record_list.csv", _twice, "is in more than one row"),
        ("machine_measurements.csv", _twice, "is in more than one row"),
        ("record_list.csv", lambda text: _with_study(text, "s4"), "line 2 has study_id 's4'; expected a number"),
        ("record_list.csv", lambda text: _with_study(text, ""), "line 2 has study_id ''"),
        ("record_list.csv", lambda text: text.replace("path", "where", 1), "column path is missing"),
        ("machine_measurements.csv", lambda text: text.replace("report_17", "r17", 1), "column report_17 is missing"),
        ("record_list.csv", lambda text: text.splitlines()[0] + "\n", "has no rows"),
        ("record_list.csv", lambda text: "", "cannot be read as CSV"),
    ],
)
def test_tables_that_cannot_be(damaged, file, change, message):
    _edit(damaged / file, change)
    with pytest.raises(DataError, match=message):
        MIMICIVECG(damaged).records()


def test_text_that_is_not_utf8(damaged):
    path = damaged / "machine_measurements.csv"
    path.write_bytes(path.read_bytes().replace(b"Sinus", b"S\xffnus", 1))
    with pytest.raises(DataError, match="not UTF-8"):
        MIMICIVECG(damaged).records()


@pytest.mark.parametrize("escape", ["../../etc/passwd", "/etc/passwd", "files/../../secret", ""])
def test_paths_that_leave_the_root_are_refused(damaged, escape):
    _edit(damaged / "record_list.csv", lambda text: text.replace(text.splitlines()[1].split(",")[-1], escape, 1))
    dataset = MIMICIVECG(damaged)
    with pytest.raises(DataError, match="expected a path below"):
        dataset.files(dataset.records())


def test_times_that_are_none_and_rows_without_a_counterpart_are_counted_and_named(damaged):
    dataset = MIMICIVECG(damaged)
    dataset.records()
    assert dataset.findings.remarks == []
    with open(damaged / "record_list.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    late, early = rows[3]["study_id"], rows[4]["study_id"]
    _edit(
        damaged / "record_list.csv",
        lambda t: t.replace(rows[3]["ecg_time"], "later").replace(rows[4]["ecg_time"], "", 1),
    )
    lost = []

    def exchange(text):
        lines = text.splitlines()
        lost.append(lines[-1].split(",")[1])
        return "\n".join([*lines[:-1], _with_study("\n".join([lines[0], lines[-1]]), "1").splitlines()[1]]) + "\n"

    _edit(damaged / "machine_measurements.csv", exchange)
    records = dataset.records()
    assert records.loc[[late, early], "ecg_time"].tolist() == ["", ""]
    assert [(one.words, list(one.records)) for one in dataset.findings.remarks] == [
        ("2 rows of record_list.csv have an invalid ecg_time", [late, early]),
        ("1 recordings have no row in machine_measurements.csv, and so no statements", lost),
        ("1 rows of machine_measurements.csv have no recording in record_list.csv", []),
    ]


def test_a_record_without_measurements_has_no_text_and_is_not_kept(damaged):
    _edit(damaged / "machine_measurements.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n")
    records = MIMICIVECG(damaged).records()
    silent = records[records["statements"].map(len) == 0]
    assert len(silent) == 1
    assert not silent["merl_kept"].any()
    assert MIMICIVECG.text(silent, "cleaned") == [""]
