"""The simulated CODE-15 %, CODE-test and SaMi-Trop: HDF5 rows padded with zeros, tables in the publisher's spelling.

Among them are the oddities of the real ones: exams in another order than in their part, a last row of zeros with the
number 0, recordings of 2,934 and of 4,096 samples, one tracing under two patients, an empty follow-up, exams that are
neither normal nor have a finding, other orders of leads and labels in CODE-test, and float64 in SaMi-Trop.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from bench.simulate.heart import Patient
from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.people import SimulatedPerson, draw_person, patient_with

FS, SAMPLES, SHORT = 400, 4096, 2934
PER_PART = 400
HEADINGS = "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file"
COPIED = (5, 12)
"""Two exams of different patients with one tracing."""
TEST_LEADS = (0, 1, 2, 4, 5, 3, 6, 7, 8, 9, 10, 11)
"""I II III aVL aVF aVR V1-V6, as places in the standard order."""
FINDINGS = {
    "1dAVb": (0.05, "first_degree_av_block"),
    "RBBB": (0.07, "right_bundle_branch_block"),
    "LBBB": (0.05, "left_bundle_branch_block"),
    "SB": (0.05, "sinus_bradycardia"),
    "ST": (0.06, "sinus_tachycardia"),
    "AF": (0.06, "atrial_fibrillation"),
}
"""Column -> (share, about three times the published one; what it does to the patient)."""


def _checked(n_records: int, most: int) -> None:
    if not 1 <= n_records <= most:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to {most}.")


def _draw_findings(rng: np.random.Generator) -> list[str]:
    drawn = [name for name, (share, _) in FINDINGS.items() if rng.random() < share]
    rhythms = [name for name in drawn if name in ("SB", "ST", "AF")][1:]  # one rhythm at a time; fibrillation has no PR
    return [name for name in drawn if name not in rhythms and not (name == "1dAVb" and "AF" in drawn)]


def _exam(rng: np.random.Generator, person: SimulatedPerson, findings: list[str], again: bool = False) -> Patient:
    return patient_with(person, [FINDINGS[name][1] for name in findings], rng, again)


def _tracings(patients: list[Patient], lengths: list[int], rng: np.random.Generator) -> np.ndarray:
    """float32 [record, 4096, 12] in mV, each recording in the middle between zeros."""
    signals = simulate(patients, rng, fs=FS, seconds=SAMPLES / FS)[:, :, :SAMPLES]
    rows = np.zeros((len(patients), SAMPLES, 12), np.float32)
    for row, (signal, length) in enumerate(zip(signals, lengths, strict=True)):
        first = (SAMPLES - length) // 2
        rows[row, first : first + length] = signal[:, :length].T
        rows[row, [first, first + length - 1], 0] += np.float32(0.001)  # no real sample at an end is zero in all leads
    return rows


def _write(path: Path, rows: np.ndarray, **columns: np.ndarray) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in {**columns, "tracings": rows}.items():
            file.create_dataset(name, data=values, track_times=False)


def simulate_code15(destination: Path, n_records: int = 1000, seed: int = 0) -> None:
    """Write a CODE-15 % data root of simulated recordings. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 99,999 records. DataError: the destination cannot be written.
    """
    _checked(n_records, 99_999)
    rng, wave_rng = np.random.default_rng([seed, 4916206]), np.random.default_rng([seed, 4916207])
    owners = [row - 1 if row % 7 == 3 else row for row in range(n_records)]
    people: dict[int, SimulatedPerson] = {}
    drawn: list[list[str]] = []
    for row in range(n_records):
        drawn.append(_draw_findings(rng))
        people.setdefault(owners[row], draw_person(rng, 58.0, ill=bool(drawn[-1])))
    numbers = rng.permutation(np.arange(1000, 1000 + 3 * n_records, 3)).tolist()
    lines, parts = [], [list(range(first, min(first + PER_PART, n_records))) for first in range(0, n_records, PER_PART)]
    with new_root(destination) as root:
        for part, members in enumerate(parts):
            patients = [_exam(rng, people[owners[row]], drawn[row], owners[row] != row) for row in members]
            lengths = [SHORT if row % 5 < 3 else SAMPLES for row in members]
            rows = np.concatenate([_tracings(patients, lengths, wave_rng), np.zeros((1, SAMPLES, 12), np.float32)])
            if set(COPIED) <= set(members):
                rows[COPIED[1]] = rows[COPIED[0]]
            exam_ids = np.array([*(numbers[row] for row in members), 0], np.int64)
            _write(root / f"exams_part{part}.hdf5", rows, exam_id=exam_ids)
            for row in members:
                lines.append(_line(rng, numbers[row], people[owners[row]], owners[row], drawn[row], row, part))
        order = rng.permutation(n_records)
        (root / "exams.csv").write_text("\n".join([HEADINGS, *(lines[row] for row in order)]) + "\n", encoding="ascii")


def _line(
    rng: np.random.Generator, exam: int, person: SimulatedPerson, owner: int, findings: list[str], row: int, part: int
) -> str:
    followed = row % 3 != 0  # a third has no follow-up
    predicted = 61.25 if row in COPIED else person.age + 3 * rng.standard_normal()
    died = rng.random() < (0.3 if findings else 0.1)
    years = float(rng.uniform(0.05, 7.0))
    values = [
        exam, int(person.age), not person.female, f"{predicted:.6f}",
        *(name in findings for name in FINDINGS), 500_000 + owner, died if followed else "",
        f"{years:.6f}" if followed else "", not findings and row % 2 == 0, f"exams_part{part}.hdf5",
    ]  # fmt: skip
    return ",".join(map(str, values))


def simulate_code_test(destination: Path, n_records: int = 827, seed: int = 0) -> None:
    """Write a CODE-test data root of simulated recordings, in the folder ``data`` of the archive.

    Raises:
        ConfigError: for fewer than 1 or more than 999 records. DataError: the destination cannot be written.
    """
    _checked(n_records, 999)
    rng, wave_rng = np.random.default_rng([seed, 3765780]), np.random.default_rng([seed, 3765781])
    drawn = [[list(FINDINGS)[row]] if row < 6 else _draw_findings(rng) for row in range(n_records)]
    people = [draw_person(rng, 55.0, ill=bool(findings)) for findings in drawn]
    patients = [_exam(rng, person, findings) for person, findings in zip(people, drawn, strict=True)]
    with new_root(destination) as root:
        annotations = root / "data" / "annotations"
        annotations.mkdir(parents=True)
        rows = _tracings(patients, [SHORT if row % 3 else SAMPLES for row in range(n_records)], wave_rng)
        _write(root / "data" / "ecg_tracings.hdf5", rows[:, :, list(TEST_LEADS)])
        names = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")
        table = [",".join(str(int(name in findings)) for name in names) for findings in drawn]
        (annotations / "gold_standard.csv").write_text("\n".join([",".join(names), *table]) + "\n", encoding="ascii")
        ages = [f"{person.age:.0f},{'F' if person.female else 'M'}" for person in people]
        (root / "data" / "attributes.csv").write_text("\n".join(["age,sex", *ages]) + "\n", encoding="ascii")


def simulate_sami_trop(destination: Path, n_records: int = 1000, seed: int = 0) -> None:
    """Write a SaMi-Trop data root of simulated recordings.

    Raises:
        ConfigError: for fewer than 1 or more than 9,999 records. DataError: the destination cannot be written.
    """
    _checked(n_records, 9_999)
    rng, wave_rng = np.random.default_rng([seed, 4905618]), np.random.default_rng([seed, 4905619])
    drawn = [["RBBB"] if row % 4 == 1 else _draw_findings(rng) for row in range(n_records)]
    people = [draw_person(rng, 62.0) for _ in range(n_records)]
    patients = [_exam(rng, person, findings) for person, findings in zip(people, drawn, strict=True)]
    lengths = [1568 if row == 0 else SHORT if row % 2 else SAMPLES for row in range(n_records)]
    with new_root(destination) as root:
        _write(root / "exams.hdf5", _tracings(patients, lengths, wave_rng).astype(np.float64))
        lines = ["exam_id,age,is_male,normal_ecg,death,timey,nn_predicted_age"]
        for row, (person, findings) in enumerate(zip(people, drawn, strict=True)):
            hazard = 0.04 * np.exp(0.05 * (person.age - 60) + len(findings))
            years, end = float(rng.exponential(1 / hazard)), float(rng.uniform(1.5, 3.39))
            lines.append(
                f"{300_000 + 7 * row},{person.age:.0f},{not person.female},{not findings and row % 3 == 0},{years < end},"
                f"{max(min(years, end), 0.07):.6f},{person.age:.4f}"
            )
        (root / "exams.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
