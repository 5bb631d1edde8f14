"""ZZU pECG: quoted tables, findings with modifiers and in words, nine leads, a gain per lead; simulated files."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import wfdb

from bench.errors import DataError
from bench.signals.build_store import prepare
from tasks.datasets.zzu_pecg import ZZUPECG
from tasks.zzu_pecg import ZZUDiseases, ZZUFindings, ZZUFindingsOfTwelveLeads


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("zzu") / "files"
    ZZUPECG.simulate(root, 40, 1)
    return root


def _with_rows(simulated, tmp_path, *rows):
    """A table of a few rows: Filename, Age, Lead, AHA_code, ICD-10 code."""
    root = tmp_path / "zzu"
    shutil.copytree(simulated, root)
    heading = (root / "AttributesDictionary.csv").read_text().splitlines()[0]
    lines = [
        f"{name},E01,{name[:6]},{age},'Female',2019-05-01,5000,{lead},\"'{codes}'\",\"''\",\"'{icd}'\",'','',''"
        for name, age, lead, codes, icd in rows
    ]
    (root / "AttributesDictionary.csv").write_text("\n".join([heading, *lines]) + "\n")
    return ZZUPECG(root)


def test_findings_count_with_modifiers_and_in_words(simulated, tmp_path):
    dataset = _with_rows(
        simulated,
        tmp_path,
        ("P00001_E01", "572d", 12, "L145+Modifier362;Left ventricular  high voltage", "(FO) Q21.1"),
        ("P00002_E01", "1d", 12, "L145;L145+Modifier363;Suggests208", "I40.9;M30.3"),
        ("P00003_E01", "", 12, "A1", "J18.9"),
        ("P00004_E01", "1d", 12, "A1", "Q24.8"),
        ("P00005_E01", "1d", 12, "A1", "Q21.9;I37.0"),
        ("P00006_E01", "1d", 12, "A1", "Q21.1"),
    )
    records = dataset.records()
    assert records["codes"].tolist()[:3] == [["L145", "left ventricular high voltage"], ["L145", "Suggests208"], ["A1"]]
    assert records["entries"].iloc[0] == ["L145+Modifier362", "Left ventricular  high voltage"]
    # as DiseaseCode.csv groups them, letter by letter: not every congenital malformation is a studied disease
    assert records["diseases"].tolist() == [["CHD"], ["MYO", "KD"], [], ["CM"], ["CHD"], []]
    assert records["age_days"].tolist()[:2] == [572, 1] and np.isnan(records["age"].iloc[2])
    assert records["age"].iloc[0] == pytest.approx(572 / 365)
    assert set(records["sex"]) == {"female"}
    findings = ZZUFindings().examples(records)
    assert findings.targets.sum(axis=1).tolist() == [2, 1, 1, 1, 1, 1]
    diseases = ZZUDiseases().examples(records)
    assert diseases.targets.tolist()[:3] == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_nine_leads_are_read_by_name_and_reported_with_their_share_of_disease(simulated, tmp_path):
    dataset = ZZUPECG(simulated)
    records = dataset.records()
    nine = records.index[records["n_leads"] == 9].tolist()
    (file, *_) = dataset.files(records.loc[nine])
    recording, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
    assert recording.absent == ("V2", "V4", "V6")
    assert truth.sig_name[7] == "V3"
    np.testing.assert_allclose(recording.signal[8] / recording.gain[8], truth.p_signal[:, 7], atol=1e-9)
    store = prepare(dataset, tmp_path / "store")
    assert len(store) == 40
    remark = next(r for r in store.manifest["remarks"] if "nine leads" in r["words"])
    assert re.search(
        r"4 recordings have nine.* [\d.]+% of them have a studied disease, of the others [\d.]+%", remark["words"]
    )
    assert remark["records"] == nine
    assert len(ZZUFindings().examples(records)) == 40
    assert not set(ZZUFindingsOfTwelveLeads().examples(records).record_ids) & set(nine)


def test_gains_and_baselines_of_each_lead_are_read_as_wfdb_reads_them(simulated):
    dataset = ZZUPECG(simulated)
    for file in dataset.files(dataset.records())[:3]:
        recording, truth = dataset.read(file), wfdb.rdrecord(str(file.path))
        np.testing.assert_allclose(
            recording.signal / recording.gain[:, None],
            truth.p_signal.T,
            atol=1e-12 * np.nanmax(np.abs(truth.p_signal.T)),
        )
        assert len(set(recording.gain)) == 12


def test_children_are_in_one_fold(simulated):
    records = ZZUPECG(simulated).records()
    assert records["patient_id"].duplicated().any()
    assert records.groupby("patient_id")["fold"].nunique().max() == 1
    masks = ZZUPECG.pretraining_partition(records)
    assert not (records["fold"][masks["train"] | masks["validation"]] == 10).any()


def test_a_missing_record_and_a_stray_one_are_named(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "zzu")
    gone = root / "Child_ecg/P00/P00003/P00003_E01"
    for suffix in (".hea", ".dat"):
        gone.with_suffix(suffix).rename(gone.with_name(f"P99999_E01{suffix}"))
    dataset = ZZUPECG(root)
    with pytest.raises(DataError, match=r"P00003_E01\.hea is missing"):
        prepare(dataset, tmp_path / "store")
    unread = dataset.unread_files(dataset.files(dataset.records()))
    assert [path.name for path in unread] == ["P99999_E01.dat", "P99999_E01.hea"]


def test_an_empty_folder_names_the_fix(tmp_path):
    with pytest.raises(DataError, match=r"AttributesDictionary\.csv is missing\. Get .*bench data download zzu-pecg"):
        ZZUPECG(tmp_path).check()
