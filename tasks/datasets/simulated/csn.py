"""The simulated CSN: WFDB records with SNOMED CT codes in the publisher's folders, waveforms that carry the codes.

``condition_names.csv`` next to this file restates the publisher's table of acronyms, names and codes (CC BY 4.0).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from bench.simulate.digitise import quantise
from tasks.datasets.challenge_files import new_root, write_challenge_record
from tasks.datasets.file_constants import CSN_CONDITIONS
from tasks.datasets.simulated.people import draw_person, patient_with

_CHUNK = 64

# Rhythm -> (share, what it does to the patient). Shares after MERL's released labels, rare ones raised to 0.6 %.
_RHYTHMS: dict[str, tuple[float, tuple[str, ...]]] = {
    "SR": (0.30, ()),
    "SB": (0.22, ("sinus_bradycardia",)),
    "ST": (0.14, ("sinus_tachycardia",)),
    "AF": (0.10, ("atrial_flutter",)),
    "SA": (0.08, ("sinus_arrhythmia",)),
    "AFIB": (0.07, ("atrial_fibrillation",)),
    "SVT": (0.03, ("supraventricular_tachycardia",)),
    "AT": (0.02, ("supraventricular_arrhythmia", "sinus_tachycardia")),
    "2AVB": (0.008, ("second_degree_av_block",)),
    "2AVB1": (0.008, ("second_degree_av_block",)),
    "VEB": (0.008, ("third_degree_av_block", "ventricular_premature_beats")),
    "JEB": (0.008, ("sinus_bradycardia", "atrial_premature_beats")),
    "VB": (0.008, ("ventricular_premature_beats", "bigeminy")),
}

# Further finding -> (share, what it does).
_FINDINGS: dict[str, tuple[float, tuple[str, ...]]] = {
    "TWC": (0.16, ("nonspecific_t",)),
    "TWO": (0.05, ("t_inversion",)),
    "ALS": (0.04, ("left_anterior_fascicular_block",)),
    "STTC": (0.04, ("nonspecific_st_t",)),
    "LVQRSAL": (0.03, ("low_voltage",)),
    "1AVB": (0.03, ("first_degree_av_block",)),
    "APB": (0.03, ("atrial_premature_beats",)),
    "AQW": (0.03, ("q_waves",)),
    "RBBB": (0.03, ("right_bundle_branch_block",)),
    "ARS": (0.025, ("left_posterior_fascicular_block",)),
    "STDD": (0.02, ("st_depression",)),
    "STE": (0.02, ("st_elevation",)),
    "IDC": (0.02, ("intraventricular_conduction_delay",)),
    "ERV": (0.012, ("st_elevation",)),
    "VPB": (0.012, ("ventricular_premature_beats",)),
    "LBBB": (0.012, ("left_bundle_branch_block",)),
    "QTIE": (0.01, ("long_qt",)),
    "AVB": (0.01, ("prolonged_pr",)),
    "STTU": (0.01, ("low_potassium",)),
    "CCR": (0.01, ("left_ventricular_voltage",)),
    "LVH": (0.01, ("left_ventricular_hypertrophy",)),
    "PWC": (0.008, ("right_atrial_enlargement",)),
    "CR": (0.008, ("right_ventricular_hypertrophy",)),
    "UW": (0.008, ("low_potassium",)),
    "MI": (0.01, ("anteroseptal_infarction",)),
    "WPW": (0.008, ("preexcitation",)),
    "RVH": (0.008, ("right_ventricular_hypertrophy",)),
    "PRIE": (0.008, ("prolonged_pr",)),
}

_NOT_IN_TABLE = "55930002"  # "ST changes": one of the codes for which the publisher's table has no name
_NEEDS_OWN_BEATS = {"AF", "AFIB", "SVT", "AT", "VEB", "2AVB", "2AVB1", "VB"}
_CONFLICTS = {"1AVB", "AVB", "PRIE", "WPW", "APB", "VPB"}  # findings of AV conduction or of a regular rhythm


def simulate_csn(destination: Path, n_records: int = 2000, seed: int = 0) -> None:
    """Write a CSN data root of simulated recordings. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 99,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 99_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 99999.")
    table = resources.files("tasks.datasets").joinpath("condition_names.csv").read_text(encoding="utf-8")
    code = {}
    for line in table.splitlines()[1:]:
        acronym, _, number = line.split(",")
        code[acronym] = number
    people_rng, wave_rng = np.random.default_rng([seed, 45152]), np.random.default_rng([seed, 45153])
    acronyms = [_draw(people_rng) for _ in range(n_records)]
    people = [
        draw_person(people_rng, 62.0, ill=record_acronyms not in (["SR"], ["SB"])) for record_acronyms in acronyms
    ]
    unnamed = people_rng.random(n_records) < 0.12
    patients = []
    for person, record_acronyms in zip(people, acronyms, strict=True):
        conditions = [c for a in record_acronyms for c in (_RHYTHMS[a] if a in _RHYTHMS else _FINDINGS[a])[1]]
        patients.append(patient_with(person, dict.fromkeys(conditions), people_rng))
    with new_root(destination) as root:
        (root / CSN_CONDITIONS).write_text("\ufeff" + table, encoding="utf-8", newline="")
        for first in range(0, n_records, _CHUNK):
            signals = quantise(simulate(patients[first : first + _CHUNK], wave_rng, fs=500, seconds=10.0))
            for row, signal in enumerate(signals, start=first):
                # the publisher's hundreds and, below them, folders of about a hundred records
                folder = root / "WFDBRecords" / f"{row // 1000 + 1:02d}" / f"{row // 100 + 10:03d}"
                folder.mkdir(parents=True, exist_ok=True)
                codes = [*(code[a] for a in acronyms[row]), *([_NOT_IN_TABLE] if unnamed[row] else [])]
                person = people[row]
                write_challenge_record(folder / f"JS{row + 1:05d}", signal, 500, person.age, person.sex, codes)


def _draw(rng: np.random.Generator) -> list[str]:
    """One rhythm and, for two recordings in five, up to three findings that go with it."""
    shares = np.array([share for share, _ in _RHYTHMS.values()])
    rhythm = list(_RHYTHMS)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    drawn = [rhythm]
    for finding, (share, _) in _FINDINGS.items():
        fits = not (rhythm in _NEEDS_OWN_BEATS and finding in _CONFLICTS)
        if rng.random() < share and fits and len(drawn) < 4:
            drawn.append(finding)
    return drawn
