"""MIMIC-IV-ECG's companions: labels of discharge codes, unknown outcomes and measurements, folds, simulated files."""

from __future__ import annotations

import shutil
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from bench.contamination.declared import relation
from bench.errors import ConfigError, DataError
from bench.runner.plan import RunOptions, plan
from bench.splitting.split import load_split
from bench.storage import large_array
from tasks.datasets.mimic_companions import ICD_FILE, MDS_FILE, chapters_of, icd_labels
from tasks.datasets.mimic_outcomes import MIMICOutcomes
from tasks.label_columns import multi_hot
from tasks.mds_ed_values import MDSBiometrics, MDSLaboratory, MDSVitalSigns
from tasks.mimic_icd import MIMICCodes
from tasks.mimic_outcomes import (
    MDSDeterioration,
    MDSIntensiveCare,
    MIMICAge,
    MIMICCardiac,
    MIMICChapters,
    MIMICIntervals,
    MIMICSex,
)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("mimic-outcomes") / "files"
    MIMICOutcomes.simulate(root, 120, 1)
    return root


@pytest.fixture(scope="module")
def records(simulated):
    return MIMICOutcomes(simulated).records()


def test_labels_are_codes_of_five_characters_without_x_and_their_prefixes():
    assert icd_labels(["I2510", "T7840XA", "I10"]) == ["I25", "I251", "I2510", "T78", "T784", "T7840", "I10"]
    assert icd_labels(["S72.001A", "O99X"]) == ["S72", "S720", "S7200", "O99"]
    assert chapters_of(["I10", "A41", "D49", "D50", "H60", "U07", "Z87"]) == [
        "I",
        "II",
        "III",
        "VIII",
        "IX",
        "XXII",
        "XXI",
    ]


def test_a_recording_without_a_diagnosis_is_unknown_and_takes_no_part(records):
    for task in (MIMICChapters, MIMICCardiac):
        examples = task().examples(records)
        assert examples.record_ids.tolist() == records.index[records["diagnosed"]].tolist()
    assert (~records["diagnosed"]).sum() == 40
    table = MIMICCardiac().examples(records)
    of_af = records["icd10"][table.record_ids].map(lambda some: "I48" in some).to_numpy()
    assert (table.targets[:, list(MIMICCardiac.classes).index("I48")] == of_af).all()


def test_the_codes_are_those_of_the_publication():
    codes = list(MIMICCodes.classes)
    assert [sum(len(code) == length for code in codes) for length in (3, 4, 5)] == [361, 466, 249]
    assert codes == sorted(set(codes)) and all(set(icd_labels([code])) <= set(codes) for code in codes)
    assert all(words.replace(".", "") == code for code, words in MIMICCodes.classes.items())
    assert {name: len(members) for name, members in MIMICCodes.groups.items()} == {"cardiac": 158, "non-cardiac": 918}
    assert all(("IX" in chapters_of([code])) == (code in MIMICCodes.groups["cardiac"]) for code in codes)


def test_codes_that_are_not_in_the_list_are_left_out(records):
    examples = MIMICCodes().examples(records)
    assert examples.record_ids.tolist() == records.index[records["diagnosed"]].tolist()
    codes = np.array(list(MIMICCodes.classes))
    for stated, target in zip(records["icd10"][records["diagnosed"]], examples.targets, strict=True):
        assert set(codes[target == 1]) == set(stated) & set(codes)
    assert any(set(stated) - set(codes) for stated in records["icd10"])


def test_splits_state_the_published_numbers_of_recordings():
    """Of 800,035 recordings 468,005 have a diagnosis, and the sex of 4,489 is missing."""
    stated = {name: load_split(name).content.complete for name in ("mimic-icd", "mimic-icd-cardiac", "mimic-sex")}
    assert [complete.records for complete in stated.values()] == [468_005, 468_005, 800_035 - 4_489]
    assert {complete.version for complete in stated.values()} == set(MIMICOutcomes.full_size)


def test_codes_are_not_asked_for_zero_shot():
    with pytest.raises(ConfigError, match="mimic-icd is a multilabel task without the classes in words that zeroshot"):
        plan(RunOptions(methods=["merl"], tasks=["mimic-icd"], modes=["zeroshot"]))


def test_many_codes_of_many_recordings_need_no_memory(monkeypatch):
    """The targets lie in a file, and what is in memory while they are filled does not grow with the recordings."""
    monkeypatch.setattr(large_array, "IN_MEMORY", 2**20)
    stated = [[code] for code in MIMICCodes.classes]
    peaks = []
    for n in (2_000, 20_000):
        labels = [stated[row % len(stated)] for row in range(n)]
        tracemalloc.start()
        targets = multi_hot(labels, MIMICCodes.classes)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert isinstance(targets, np.memmap) and targets.sum() == n
        assert (targets.argmax(1) == np.arange(n) % len(stated)).all()
    assert peaks[1] < 1.5 * peaks[0] < targets.nbytes / 50


def test_what_the_machine_could_not_measure_is_unknown(simulated, records):
    raw = (
        pd.read_csv(simulated / "machine_measurements.csv", dtype={"study_id": str})
        .set_index("study_id")
        .loc[records.index]
    )
    assert (records["rr"].isna() == (raw["rr_interval"] == 65535)).all()
    assert (records["p_axis"].isna() == (raw["p_axis"] == 32767)).all()
    assert (records["qt"].isna() == (raw["t_end"] == 29999)).all()
    assert (records["qtc"].isna() == (records["qt"].isna() | records["rr"].isna())).all()
    known = records["qt"].notna()
    assert (records["qt"][known] == (raw["t_end"] - raw["qrs_onset"])[known]).all()
    targets = MIMICIntervals().examples(records).targets
    assert targets.shape == (120, 7) and np.isnan(targets).any() and np.nanmax(np.abs(targets)) < 2000


def test_outcomes_are_joined_by_row_and_minus_999_is_unknown(simulated, records):
    raw = pd.read_csv(next(simulated.rglob(MDS_FILE)))
    for row in raw.iloc[::17].to_dict("records"):
        record = records.iloc[int(row["general_data"])]
        assert record["patient_id"] == str(int(row["general_subject_id"]))
        stated = row["deterioration_icu_24h"]
        assert record["icu_24h"] == stated or (stated == -999 and np.isnan(record["icu_24h"]))
    later = raw[(raw["general_strat_fold"] >= 18) & (raw["general_ecg_no_within_stay"] > 0)]
    assert (records["mds_fold"].iloc[later["general_data"]] == -1).all()
    examples = MDSDeterioration().examples(records)
    assert examples.targets.dtype == np.float32 and np.isnan(examples.targets).any()
    assert set(np.unique(examples.targets[~np.isnan(examples.targets)])) == {0, 1}
    assert MDSIntensiveCare().examples(records).targets.shape[1] == 2


def test_values_that_were_not_measured_are_unknown(simulated, records):
    """MDS-ED's own names of columns, among them one with a comma and one that is misspelt there."""
    raw = pd.read_csv(next(simulated.rglob(MDS_FILE))).set_index("general_data")
    assert {"labvalues_bilirubin,_direct_first", "labvalues_asparate_aminotransferase_(ast)_first"} <= set(raw.columns)
    for task, n in ((MDSLaboratory, 45), (MDSVitalSigns, 6), (MDSBiometrics, 3)):
        examples = task().examples(records)
        assert examples.targets.shape[1] == n and np.isnan(examples.targets).any()
    rows = raw.index.to_numpy()
    for ours, theirs in (
        ("bilirubin_direct", "labvalues_bilirubin,_direct_first"),
        ("ast", "labvalues_asparate_aminotransferase_(ast)_first"),
        ("sbp", "vitals_sbp_first"),
        ("bmi", "biometrics_bmi"),
    ):
        np.testing.assert_allclose(records[ours].iloc[rows], raw[theirs], rtol=1e-6)
    assert records["sodium"].drop(records.index[rows]).isna().all()


def test_hidden_ages_and_missing_sex_take_no_part(records):
    assert records["age"].max() < 90 and records["age"].isna().any()
    assert len(MIMICAge().examples(records)) == records["age"].notna().sum()
    assert len(MIMICSex().examples(records)) == records["sex"].ne("").sum() < 120


def test_no_patient_of_a_test_fold_is_pretrained_on(records):
    masks = MIMICOutcomes.pretraining_partition(records)
    tested = set(records["patient_id"][(records[["icd_fold", "strat_fold", "mds_fold"]] == 19).any(axis=1)])
    assert tested and not tested & set(records["patient_id"][masks["train"] | masks["validation"]])
    patient = records["patient_id"][masks["train"]].iloc[0]
    of_patient = records["patient_id"].eq(patient).to_numpy()
    first = np.flatnonzero(of_patient)[0]  # the only recording that the emergency department's fold names
    moved = records.assign(mds_fold=np.where(np.arange(len(records)) == first, 19, records["mds_fold"]))
    masks = MIMICOutcomes.pretraining_partition(moved)
    assert not (masks["train"] | masks["validation"])[of_patient].any()


def test_companions_are_read_next_to_the_folder_too_and_the_second_one_may_be_missing(simulated, records, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "mimic-iv-ecg")
    for folder in ("mimic-iv-ecg-ext-icd-labels", "multimodal-emergency-benchmark"):
        (root / folder).rename(tmp_path / folder)
    pd.testing.assert_frame_equal(MIMICOutcomes(root).records(), records)
    shutil.rmtree(tmp_path / "multimodal-emergency-benchmark")
    dataset = MIMICOutcomes(root)
    assert (dataset.records()["mds_fold"] == -1).all()
    assert any(MDS_FILE in remark.words for remark in dataset.findings.remarks)
    shutil.rmtree(tmp_path / "mimic-iv-ecg-ext-icd-labels")
    with pytest.raises(DataError, match=rf"{ICD_FILE} is missing.*PhysioNet account"):
        MIMICOutcomes(root).check()


def test_tables_that_do_not_fit_are_refused(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "mimic")
    table = next(root.rglob(MDS_FILE))
    text = table.read_text()
    table.write_text(text.replace("\n", "\n1", 1))
    with pytest.raises(DataError, match=r"line 2 has general_data 0 and general_subject_id 1\d+; expected"):
        MIMICOutcomes(root).records()
    table.write_text(text)
    labels = next(root.rglob(ICD_FILE))
    labels.write_text(labels.read_text().replace("\"['Z87891'", "\"__import__('os')['Z87891'", 1))
    with pytest.raises(DataError, match='has all_diag_all "__import__'):
        MIMICOutcomes(root).records()


def test_overlaps_hold_both_ways():
    assert relation("mimic-iv-ecg", "mimic-outcomes") is not None
    assert relation("mds-ed", "symile-mimic") is not None
