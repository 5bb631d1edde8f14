"""The simulated CPSC2018, in either of its two layouts: recordings of 6 to 60 s whose waveforms carry their labels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from bench.simulate.digitise import quantise
from tasks.datasets.challenge_files import new_root, write_challenge_record
from tasks.datasets.file_constants import CPSC2018_FS, CPSC2018_NUMBERS, CPSC2018_SNOMED
from tasks.datasets.simulated.people import SimulatedPerson, draw_person, patient_with

# Share of recordings with each label (6,877 public ones, from MERL's released label files); 7 % have a second label.
_SHARES = {
    "CRBBB": 1857, "AFIB": 1221, "NORM": 918, "STD": 869, "1AVB": 722, "VPC": 700, "PAC": 616, "CLBBB": 236, "STE": 220,
}  # fmt: skip
_SECOND = {"AFIB": ("CRBBB", "STD", "VPC"), "CRBBB": ("PAC", "VPC", "1AVB"), "1AVB": ("STD", "CLBBB")}

_CONDITIONS = {
    "NORM": (),
    "AFIB": ("atrial_fibrillation",),
    "1AVB": ("first_degree_av_block",),
    "CLBBB": ("left_bundle_branch_block",),
    "CRBBB": ("right_bundle_branch_block",),
    "PAC": ("atrial_premature_beats",),
    "VPC": ("ventricular_premature_beats",),
    "STD": ("nonspecific_ischaemia", "st_depression"),
    "STE": ("st_elevation",),
}

# Seconds -> share. The real ones run from 6 to 144 s, two thirds of them below 15 s.
_SECONDS = {6: 0.02, 8: 0.05, 10: 0.35, 12: 0.16, 15: 0.16, 20: 0.12, 30: 0.10, 60: 0.04}


def simulate_cpsc2018(
    destination: Path, n_records: int = 1000, seed: int = 0, layout: Literal["native", "cinc2020"] = "cinc2020"
) -> None:
    """Write a CPSC2018 data root of simulated recordings. Same arguments, same bytes.

    Args:
        layout: ``cinc2020`` (WFDB) or ``native`` (TrainingSet1-3 of MATLAB structures, REFERENCE.csv), four times as
            large.

    Raises:
        ConfigError: for fewer than 1 or more than 9,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 9_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 9999.")
    people_rng, wave_rng = np.random.default_rng([seed, 2018]), np.random.default_rng([seed, 2019])
    labels = [_labels(people_rng) for _ in range(n_records)]
    people = [draw_person(people_rng, 60.0, ill=record_labels != ["NORM"]) for record_labels in labels]
    patients = [
        patient_with(person, [c for label in record_labels for c in _CONDITIONS[label]], people_rng)
        for person, record_labels in zip(people, labels, strict=True)
    ]
    lengths = people_rng.choice(list(_SECONDS), size=n_records, p=list(_SECONDS.values()))
    with new_root(destination) as root:
        for seconds in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == seconds).tolist()
            for first in range(0, len(rows), 32):
                some = rows[first : first + 32]
                signals = quantise(
                    simulate([patients[i] for i in some], wave_rng, fs=CPSC2018_FS, seconds=float(seconds))
                )
                for row, signal in zip(some, signals, strict=True):
                    name = f"A{row + 1:04d}"
                    if layout == "cinc2020":
                        codes = [
                            code for label in labels[row] for code, known in CPSC2018_SNOMED.items() if known == label
                        ]
                        person = people[row]
                        write_challenge_record(root / name, signal, CPSC2018_FS, person.age, person.sex, codes)
                    else:
                        folder = root / f"TrainingSet{row * 3 // n_records + 1}"
                        folder.mkdir(exist_ok=True)
                        _write_structure(folder / f"{name}.mat", signal / 1000.0, people[row])
        if layout == "native":
            _write_reference(root / "REFERENCE.csv", labels)


def _labels(rng: np.random.Generator) -> list[str]:
    shares = np.array(list(_SHARES.values()), float)
    first = list(_SHARES)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    labels = [first]
    if first in _SECOND and rng.random() < 0.13:
        labels.append(_SECOND[first][int(rng.integers(len(_SECOND[first])))])
    return labels


def _write_structure(path: Path, signal: np.ndarray, person: SimulatedPerson) -> None:
    import scipy.io

    content = io.BytesIO()
    structure = {"sex": person.sex.capitalize(), "age": np.array([[person.age]]), "data": signal}
    scipy.io.savemat(content, {"ECG": structure})
    data = bytearray(content.getvalue())
    # The first 116 bytes are a comment with the time of writing, which would make every copy another file.
    data[:116] = b"MATLAB 5.0 MAT-file, simulated CPSC2018".ljust(116)
    path.write_bytes(bytes(data))


def _write_reference(path: Path, labels: list[list[str]]) -> None:
    number = {label: n for n, label in CPSC2018_NUMBERS.items()}
    lines = ["Recording,First_label,Second_label,Third_label"]
    for row, record_labels in enumerate(labels, start=1):
        numbers = [str(number[label]) for label in record_labels]
        lines.append(f"A{row:04d},{','.join(numbers + [''] * (3 - len(numbers)))}")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
