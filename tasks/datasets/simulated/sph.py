"""The simulated SPH: HDF5 records of float16 in mV, metadata.csv and code.csv in the publisher's spelling.

Among the recordings are the oddities of the real ones: a statement written twice, modifiers, a patient with three
recordings, one recording of 28,000 samples, and one with a peak of 40 mV.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.people import draw_person, patient_with

FS = 500
_LENGTHS = (5000, 5000, 5000, 6000)

# Code -> (category, description, share, what it does to the patient); shares after the published counts
_STATEMENTS: dict[str, tuple[str, str, float, tuple[str, ...]]] = {
    "1": ("Normal", "Normal ECG", 0.50, ()),
    "22": ("Sinus node rhythms and arrhythmias", "Sinus bradycardia", 0.10, ("sinus_bradycardia",)),
    "147": ("ST segment, T wave, and U wave", "T-wave abnormality", 0.08, ("nonspecific_t",)),
    "145": ("ST segment, T wave, and U wave", "ST deviation", 0.07, ("st_depression",)),
    "23": ("Sinus node rhythms and arrhythmias", "Sinus arrhythmia", 0.06, ("sinus_arrhythmia",)),
    "105": (
        "Intraventricular and intra-atrial conduction",
        "Incomplete right bundle-branch block",
        0.05,
        ("incomplete_right_bundle_branch_block",),
    ),
    "60": ("Ventricular arrhythmias", "Ventricular premature complex(es)", 0.04, ("ventricular_premature_beats",)),
    "106": (
        "Intraventricular and intra-atrial conduction",
        "Right bundle-branch block",
        0.03,
        ("right_bundle_branch_block",),
    ),
    "21": ("Sinus node rhythms and arrhythmias", "Sinus tachycardia", 0.03, ("sinus_tachycardia",)),
    "50": ("Supraventricular tachyarrhythmias", "Atrial fibrillation", 0.03, ("atrial_fibrillation",)),
    "30": ("Supraventricular arrhythmias", "Atrial premature complex(es)", 0.02, ("atrial_premature_beats",)),
    "125": ("Axis and voltage", "Low voltage", 0.02, ("low_voltage",)),
    "82": ("Atrioventricular conduction", "Prolonged PR interval", 0.02, ("prolonged_pr",)),
    "142": (
        "Chamber hypertrophy or enlargement",
        "Left ventricular hypertrophy",
        0.02,
        ("left_ventricular_hypertrophy",),
    ),
    "85": ("Atrioventricular conduction", "Second-degree AV block, 2:1", 0.01, ("second_degree_av_block",)),
    "161": ("Myocardial infarction", "Inferior MI", 0.02, ("inferior_infarction",)),
}
_MODIFIERS = {"308": "Occasional", "310": "Frequent", "332": "Old", "362": "Depression", "367": "Inversion"}
_MODIFIED = {"145": "362", "60": "310", "147": "367", "161": "332", "30": "308"}


def simulate_sph(destination: Path, n_records: int = 1000, seed: int = 0) -> None:
    """Write an SPH data root of simulated recordings. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 9,999 records. DataError: the destination cannot be written.
    """
    import h5py

    if not 1 <= n_records <= 9_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 9999.")
    people_rng, wave_rng = np.random.default_rng([seed, 25770]), np.random.default_rng([seed, 25771])
    drawn = [_draw(people_rng) for _ in range(n_records)]
    owners = [0 if row in (3, 9) else max(row - 1, 0) if row % 12 == 11 else row for row in range(n_records)]
    people = {owner: draw_person(people_rng, 60.0, ill=drawn[owner] != ["1"]) for owner in sorted(set(owners))}
    patients = []
    for row, codes in enumerate(drawn):
        conditions = [c for code in codes for c in _STATEMENTS[code][3]]
        again = owners[row] != row
        patients.append(patient_with(people[owners[row]], dict.fromkeys(conditions), people_rng, again))
    lengths = np.array([28_000 if row == 6 else _LENGTHS[row % len(_LENGTHS)] for row in range(n_records)])
    lines = ["ECG_ID,AHA_Code,Patient_ID,Age,Sex,N,Date"]
    for row, codes in enumerate(drawn):
        person = people[owners[row]]
        text = "1;1" if row == 1 else _code_text(codes, row)
        day = f"2020-{row % 8 + 1:02d}-{row % 28 + 1:02d}"
        lines.append(
            f"A{row + 1:05d},{text},S{owners[row] + 1:05d},{person.age:.0f},{'F' if person.female else 'M'},"
            f"{lengths[row]},{day}"
        )
    with new_root(destination) as root:
        (root / "records").mkdir()
        (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
        (root / "code.csv").write_text(_code_table(), encoding="ascii")
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length).tolist()
            for first in range(0, len(rows), 32):
                some = rows[first : first + 32]
                signals = simulate([patients[row] for row in some], wave_rng, fs=FS, seconds=length / FS)
                for row, signal in zip(some, signals, strict=True):
                    if row == 4:
                        signal[7, 100:110] = 40.0
                    with h5py.File(root / "records" / f"A{row + 1:05d}.h5", "w") as file:
                        file.create_dataset("ecg", data=np.asarray(signal, np.float16), track_times=False)


def _draw(rng: np.random.Generator) -> list[str]:
    """One or two primary codes; a normal recording has no other."""
    codes = list(_STATEMENTS)
    shares = np.array([share for _, _, share, _ in _STATEMENTS.values()])
    first = codes[int(rng.choice(len(codes), p=shares / shares.sum()))]
    second = codes[int(rng.choice(len(codes), p=shares / shares.sum()))]
    both = [first, second] if rng.random() < 0.3 and "1" not in (first, second) else [first]
    return list(dict.fromkeys(both))


def _code_text(codes: list[str], row: int) -> str:
    """``60+310;147``: every other statement that can have a modifier has it."""
    return ";".join(f"{code}+{_MODIFIED[code]}" if code in _MODIFIED and row % 2 else code for code in codes)


def _code_table() -> str:
    """Descriptions and categories with commas are quoted, as in the publisher's file."""
    rows = [(category, code, words) for code, (category, words, _, _) in _STATEMENTS.items()]
    rows += [("Modifier", code, words) for code, words in _MODIFIERS.items()]
    quoted = (tuple(f'"{text}"' if "," in text else text for text in row) for row in rows)
    return "Category,Code,Description\n" + "".join(f"{','.join(row)}\n" for row in quoted)
