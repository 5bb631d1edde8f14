"""Simulated cohorts of CinC 2021: folders g1, g2, ... of headers as the challenge and as the wfdb package write them.

Among the first recordings are the oddities of the real ones: a code written twice, rare codes alone, an age that is NaN,
-1 or 300, a run of missing samples, a lead of zeros, a lead at the rail, and Ningbo's header S23074 over JS23074.mat.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from bench.simulate.digitise import quantise
from tasks.datasets.challenge_files import SLIPPED, new_root, write_challenge_record
from tasks.datasets.cinc2021_codes import Code, codes
from tasks.datasets.simulated.people import draw_person, patient_with

FS = 500
_CHUNK = 32
_FIRST = {"georgia": ("E", 5, 1), "cpsc-extra": ("Q", 4, 1), "ningbo": ("JS", 5, 10647)}
"""Cohort -> letters of the names, number of digits, first number."""
_SECONDS = {"georgia": (10.0, 10.0, 10.0, 8.0, 5.0), "cpsc-extra": (10.0, 8.0, 10.0, 12.0), "ningbo": (10.0,)}
_RHYTHMS = {
    *("NSR", "SB", "STach", "SA", "AF", "AFL", "AFAFL", "SVT", "ATach", "CHB", "JTach"),
    *("AVJR", "VTach", "VF", "PR", "VPP", "AP", "ARH", "Brady"),
}
_CONDITIONS = {
    "SB": ("sinus_bradycardia",),
    "Brady": ("sinus_bradycardia",),
    "STach": ("sinus_tachycardia",),
    "SA": ("sinus_arrhythmia",),
    "AF": ("atrial_fibrillation",),
    "AFL": ("atrial_flutter",),
    "AFAFL": ("atrial_flutter",),
    "SVT": ("supraventricular_tachycardia",),
    "ATach": ("supraventricular_arrhythmia", "sinus_tachycardia"),
    "JTach": ("supraventricular_tachycardia",),
    "PR": ("ventricular_pacing",),
    "VPP": ("ventricular_pacing",),
    "CHB": ("third_degree_av_block",),
    "IIAVB": ("second_degree_av_block",),
    "IAVB": ("first_degree_av_block",),
    "LPR": ("prolonged_pr",),
    "AVB": ("prolonged_pr",),
    "LBBB": ("left_bundle_branch_block",),
    "CLBBB": ("left_bundle_branch_block",),
    "RBBB": ("right_bundle_branch_block",),
    "CRBBB": ("right_bundle_branch_block",),
    "IRBBB": ("incomplete_right_bundle_branch_block",),
    "ILBBB": ("incomplete_left_bundle_branch_block",),
    "BBB": ("left_bundle_branch_block",),
    "NSIVCB": ("intraventricular_conduction_delay",),
    "LAnFB": ("left_anterior_fascicular_block",),
    "LAD": ("left_anterior_fascicular_block",),
    "LPFB": ("left_posterior_fascicular_block",),
    "RAD": ("left_posterior_fascicular_block",),
    "PAC": ("atrial_premature_beats",),
    "SVPB": ("atrial_premature_beats",),
    "PVC": ("ventricular_premature_beats",),
    "VPB": ("ventricular_premature_beats",),
    "VEB": ("ventricular_premature_beats",),
    "LVH": ("left_ventricular_hypertrophy",),
    "LVHV": ("left_ventricular_voltage",),
    "RVH": ("right_ventricular_hypertrophy",),
    "LAE": ("left_atrial_enlargement",),
    "LAH": ("left_atrial_enlargement",),
    "RAH": ("right_atrial_enlargement",),
    "LQRSV": ("low_voltage",),
    "LQT": ("long_qt",),
    "QAb": ("q_waves",),
    "TAb": ("nonspecific_t",),
    "TInv": ("t_inversion",),
    "NSSTTA": ("nonspecific_st_t",),
    "STC": ("nonspecific_st_t",),
    "STIAb": ("nonspecific_st_t",),
    "STD": ("st_depression",),
    "STE": ("st_elevation",),
    "ERe": ("st_elevation",),
    "LIs": ("lateral_ischaemia",),
    "IIs": ("inferior_ischaemia",),
    "AnMIs": ("anterior_ischaemia",),
    "MIs": ("nonspecific_ischaemia",),
    "CMI": ("nonspecific_ischaemia",),
    "MI": ("inferior_infarction",),
    "OldMI": ("inferior_infarction",),
    "AnMI": ("anterior_infarction",),
    "WPW": ("preexcitation",),
}


def simulate_cohort(destination: Path, cohort: str, n_records: int = 1000, seed: int = 0) -> None:
    """Write the folder of one cohort: ``georgia``, ``cpsc-extra`` or ``ningbo``. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 9,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 9_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 9999.")
    letters, digits, first_number = _FIRST[cohort]
    names = [f"{letters}{number:0{digits}d}" for number in range(first_number, first_number + n_records)]
    people_rng, wave_rng = np.random.default_rng([seed, first_number]), np.random.default_rng([seed, first_number + 1])
    drawn = [_draw(people_rng, cohort) for _ in names]
    people = [draw_person(people_rng, 62.0, ill=True) for _ in names]
    patients = []
    for person, record_codes in zip(people, drawn, strict=True):
        conditions = [c for code in record_codes for c in _CONDITIONS.get(code.abbreviation, ())]
        patients.append(patient_with(person, dict.fromkeys(conditions), people_rng))
    lengths = np.array([_SECONDS[cohort][row % len(_SECONDS[cohort])] for row in range(n_records)])
    with new_root(destination) as root:
        for seconds in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == seconds).tolist()
            for first in range(0, len(rows), _CHUNK):
                some = rows[first : first + _CHUNK]
                signals = quantise(simulate([patients[row] for row in some], wave_rng, fs=FS, seconds=seconds))
                for row, signal in zip(some, signals, strict=True):
                    folder = root / f"g{row // 100 + 1}"
                    folder.mkdir(exist_ok=True)
                    written = [code.code for code in drawn[row]]
                    if row == 1:
                        written = written[:1] * 2 + written[1:]
                    person = people[row]
                    write_challenge_record(
                        folder / names[row], _damaged(signal, row), FS, person.age, person.sex, written
                    )
                    _respell(folder / f"{names[row]}.hea", row)
        if cohort == "ningbo" and n_records > 7:
            _slip(root / "g1", names[7])


def _draw(rng: np.random.Generator, cohort: str) -> list[Code]:
    """A rhythm, if the cohort codes one, and up to three findings; each by its share of the cohort's recordings."""
    known = [code for code in codes().values() if code.counts[cohort]]
    rhythms = [code for code in known if code.abbreviation in _RHYTHMS]
    findings = [code for code in known if code.abbreviation not in _RHYTHMS]
    shares = np.array([max(code.counts[cohort], 5) for code in rhythms], float)
    drawn = [rhythms[int(rng.choice(len(rhythms), p=shares / shares.sum()))]] if rng.random() < 0.7 else []
    shares = np.array([max(code.counts[cohort], 5) for code in findings], float)
    more = rng.choice(
        len(findings), size=int(rng.integers(0 if drawn else 1, 3)), replace=False, p=shares / shares.sum()
    )
    return drawn + [findings[k] for k in more]


def _damaged(signal: np.ndarray, row: int) -> np.ndarray:
    """int16 [lead, time] with the oddity of one of the first rows."""
    signal = signal.copy()
    if row == 2:
        signal[4, 1000:1040] = -32768  # missing, by WFDB's convention
    if row == 3:
        signal[6] = 0
    if row == 4:
        signal[11, 500:520] = 32767
    return signal


def _respell(header: Path, row: int) -> None:
    """As the wfdb package writes headers, in every third; ages as some cohorts write unknown ones."""
    text = header.read_text(encoding="ascii")
    age = {5: "NaN", 6: "-1", 8: "300"}.get(row)
    if age is not None:
        text = "\n".join(f"#Age: {age}" if line.startswith("#Age") else line for line in text.split("\n"))
    if row % 3 == 0:
        text = text.replace(" 16+24 1000/mV ", " 16x1+24 1000.0(0)/mV ").replace("\n#", "\n# ")
    else:
        text = text.replace("/mV", "/mv") if row % 3 == 1 else text
    header.write_text(text, encoding="ascii")


def _slip(folder: Path, name: str) -> None:
    """Rename a record to JS23074, whose header the challenge calls S23074."""
    (folder / f"{name}.mat").rename(folder / f"J{SLIPPED}.mat")
    text = (folder / f"{name}.hea").read_text(encoding="ascii").replace(name, SLIPPED)
    (folder / f"{SLIPPED}.hea").write_text(text.replace(f"{SLIPPED}.mat", f"J{SLIPPED}.mat"), encoding="ascii")
    (folder / f"{name}.hea").unlink()
