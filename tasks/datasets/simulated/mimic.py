"""The simulated MIMIC-IV-ECG: the publisher's files, with machine statements that agree with the waveforms."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.signals.leads import LEADS, MIMIC_ORDER
from bench.simulate import Patient, simulate
from bench.simulate.digitise import quantise, write_wfdb16
from tasks.datasets.challenge_files import new_root
from tasks.datasets.file_constants import MIMIC_MEASUREMENTS, MIMIC_RECORD_LIST, MIMIC_REPORTS
from tasks.datasets.simulated.people import draw_person, patient_with

GAIN = 200.0

_CHUNK = 64
_INVALID = -32768

# Statement -> (share, conditions). One rhythm first, then findings, then the verdict, as the machine prints them.
_RHYTHMS: dict[str, tuple[float, tuple[str, ...]]] = {
    "Sinus rhythm": (0.50, ()),
    "Sinus bradycardia": (0.13, ("sinus_bradycardia",)),
    "Sinus tachycardia": (0.11, ("sinus_tachycardia",)),
    "Atrial fibrillation": (0.10, ("atrial_fibrillation",)),
    "Sinus rhythm with 1st degree A-V block": (0.04, ("first_degree_av_block",)),
    "Sinus arrhythmia": (0.03, ("sinus_arrhythmia",)),
    "Ventricular-paced rhythm": (0.03, ("ventricular_pacing",)),
    "Atrial flutter": (0.02, ("atrial_flutter",)),
    "Supraventricular tachycardia": (0.02, ("supraventricular_tachycardia",)),
    "Complete heart block": (0.01, ("third_degree_av_block",)),
    "Wolff-Parkinson-White syndrome": (0.01, ("preexcitation",)),
}
_FINDINGS: dict[str, tuple[float, tuple[str, ...]]] = {
    "PVC(s)": (0.06, ("ventricular_premature_beats",)),
    "PAC(s)": (0.05, ("atrial_premature_beats",)),
    "Left axis deviation": (0.06, ("left_anterior_fascicular_block",)),
    "Right bundle branch block": (0.06, ("right_bundle_branch_block",)),
    "Left bundle branch block": (0.04, ("left_bundle_branch_block",)),
    "Incomplete RBBB": (0.03, ("incomplete_right_bundle_branch_block",)),
    "IV conduction defect": (0.03, ("intraventricular_conduction_delay",)),
    "Left ventricular hypertrophy": (0.08, ("left_ventricular_hypertrophy",)),
    "Possible right ventricular hypertrophy": (0.02, ("right_ventricular_hypertrophy",)),
    "Possible left atrial abnormality": (0.03, ("left_atrial_enlargement",)),
    "Inferior infarct - age undetermined": (0.07, ("inferior_infarction",)),
    "Anteroseptal infarct - age undetermined": (0.05, ("anteroseptal_infarction",)),
    "Anterolateral infarct - age undetermined": (0.03, ("anterolateral_infarction",)),
    "Lateral ST-T changes may be due to myocardial ischemia": (0.06, ("lateral_ischaemia",)),
    "Inferior T wave changes are nonspecific": (0.05, ("nonspecific_t",)),
    "Nonspecific ST-T changes": (0.05, ("nonspecific_st_t",)),
    "ST elevation, consider early repolarization": (0.03, ("st_elevation",)),
    "Prolonged QT interval": (0.04, ("long_qt",)),
    "Low QRS voltages in limb leads": (0.04, ("low_voltage",)),
}
_WIDE = {"Ventricular-paced rhythm", "Complete heart block", "Wolff-Parkinson-White syndrome"}
_WARNING = "--- Warning: Data quality may affect interpretation ---"


def simulate_mimic(destination: Path, n_records: int = 2000, seed: int = 0) -> None:
    """Write a MIMIC-IV-ECG data root of simulated recordings. Same arguments, same bytes.

    Patients have two recordings on average. A few recordings have runs of invalid samples, as the published ones do; a
    few have so short a report that MERL's rule drops them.

    Raises:
        ConfigError: for fewer than 1 or more than 99,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 99_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 99999.")
    rng, wave_rng = np.random.default_rng([seed, 800]), np.random.default_rng([seed, 801])
    rows, patients = _draw(n_records, rng)
    native = [LEADS.index(lead) for lead in MIMIC_ORDER]
    with new_root(destination) as root:
        for first in range(0, n_records, _CHUNK):
            some = patients[first : first + _CHUNK]
            signals = quantise(simulate(some, wave_rng, fs=500, seconds=10.0), GAIN)[:, native]
            for row, signal in enumerate(signals, start=first):
                if row % 97 == 96:
                    begin = int(wave_rng.integers(0, 4900))
                    signal[int(wave_rng.integers(12)), begin : begin + 40] = _INVALID
            paths = [root / str(row["path"]) for row in rows[first : first + len(some)]]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
            write_wfdb16(paths, signals, 500, MIMIC_ORDER, GAIN)
        columns = ("subject_id", "study_id", "file_name", "ecg_time", "path")
        _write_csv(root / MIMIC_RECORD_LIST, columns, [{c: row[c] for c in columns} for row in rows])
        # The publisher's two tables are not in the same order: reports must be found by study id.
        shuffled = [rows[i] for i in rng.permutation(len(rows))]
        _write_csv(root / MIMIC_MEASUREMENTS, _MEASUREMENT_COLUMNS, [_measurements(row, rng) for row in shuffled])


_MEASUREMENT_COLUMNS = (
    "subject_id", "study_id", "cart_id", "ecg_time", *MIMIC_REPORTS, "bandwidth", "filtering", "rr_interval", "p_onset",
    "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis",
)  # fmt: skip


def _draw(n_records: int, rng: np.random.Generator) -> tuple[list[dict], list[Patient]]:
    rows: list[dict] = []
    patients: list[Patient] = []
    subjects = 10_000_000 + rng.choice(9_000_000, size=n_records, replace=False)
    studies = 40_000_000 + rng.choice(9_999_999, size=n_records, replace=False)
    subject = 0
    while len(rows) < n_records:
        statements, conditions = _statements(rng)
        person = draw_person(rng, 66.0, ill=statements[-1] != "Normal ECG")
        when = datetime.datetime(2130, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 20_000)))
        for visit in range(min(int(rng.geometric(0.5)), n_records - len(rows))):
            if visit and rng.random() < 0.4:
                statements, conditions = _statements(rng)
            when += datetime.timedelta(days=int(rng.exponential(200)), seconds=int(rng.integers(1, 80_000)))
            subject_id, study = int(subjects[subject]), int(studies[len(rows)])
            rows.append(
                {
                    "subject_id": subject_id,
                    "study_id": study,
                    "file_name": study,
                    "ecg_time": when.strftime("%Y-%m-%d %H:%M:%S"),
                    "path": f"files/p{str(subject_id)[:4]}/p{subject_id}/s{study}/{study}",
                    "statements": statements,
                }
            )
            patients.append(patient_with(person, conditions, rng, again=visit > 0))
        subject += 1
    return rows, patients


def _statements(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """What the machine prints, and the conditions behind it."""
    shares = np.array([share for share, _ in _RHYTHMS.values()])
    rhythm = list(_RHYTHMS)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    statements, conditions = [rhythm], list(_RHYTHMS[rhythm][1])
    for finding, (share, causes) in _FINDINGS.items():
        if rhythm not in _WIDE and len(statements) < 5 and rng.random() < share:
            statements.append(finding)
            conditions += causes
    if rng.random() < 0.06:
        return statements[:1], conditions[: len(_RHYTHMS[rhythm][1])]  # too short for MERL's rule, mostly
    healthy = statements == ["Sinus rhythm"]
    verdict = "Normal ECG" if healthy else "Borderline ECG" if len(statements) == 1 else "Abnormal ECG"
    if rng.random() < 0.03:
        statements.insert(0, _WARNING)
    return [*statements, verdict], conditions


def _measurements(row: dict, rng: np.random.Generator) -> dict[str, object]:
    reports = {f"report_{k}": text for k, text in enumerate(row["statements"])}
    return {
        "subject_id": row["subject_id"],
        "study_id": row["study_id"],
        "cart_id": int(6_800_000 + rng.integers(0, 99_999)),
        "ecg_time": row["ecg_time"],
        **{column: reports.get(column, "") for column in MIMIC_REPORTS},
        "bandwidth": "0.005-150 Hz",
        "filtering": "60 Hz notch Baseline filter",
        "rr_interval": int(rng.integers(500, 1200)),
        **dict(zip(_MEASUREMENT_COLUMNS[-8:], (40, 160, 180, 280, 560, 50, 30, 45), strict=True)),
    }


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
