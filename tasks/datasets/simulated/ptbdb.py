"""The simulated PTBDB: 12 leads in ``.dat`` and three Frank leads in ``.xyz`` at 1000 Hz, headers with CRLF comments.

As in the real one, patients have several recordings, fields without a value say ``n/a``, and the date of catheterization is
there twice. Recordings are shorter (10 and 12 s instead of 32 to 120), so that tests stay fast.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.signals.leads import LEADS
from bench.simulate import simulate
from bench.simulate.digitise import quantise
from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.people import SimulatedPerson, draw_person, patient_with

FS, GAIN = 1000, 2000.0

# Reason for admission -> (share, conditions); shares after the published counts, rare ones raised
_REASONS: dict[str, tuple[float, tuple[str, ...]]] = {
    "Myocardial infarction": (0.55, ("inferior_infarction",)),
    "Healthy control": (0.20, ()),
    "Cardiomyopathy": (0.05, ("left_ventricular_hypertrophy", "abnormal_qrs")),
    "Bundle branch block": (0.05, ("left_bundle_branch_block",)),
    "Dysrhythmia": (0.05, ("atrial_fibrillation",)),
    "Hypertrophy": (0.03, ("left_ventricular_hypertrophy",)),
    "Heart failure (NYHA 3)": (0.02, ("low_voltage",)),
    "Valvular heart disease": (0.02, ("left_atrial_enlargement",)),
    "n/a": (0.03, ()),
}
_FRANK = ("vx", "vy", "vz")


def simulate_ptbdb(destination: Path, n_records: int = 200, seed: int = 0) -> None:
    """Write a PTBDB data root of simulated recordings. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 999.")
    people_rng, wave_rng = np.random.default_rng([seed, 549]), np.random.default_rng([seed, 550])
    shares = np.array([share for share, _ in _REASONS.values()])
    owners: list[int] = []
    people: list[tuple[SimulatedPerson, str]] = []
    while len(owners) < n_records:
        reason = list(_REASONS)[int(people_rng.choice(len(shares), p=shares / shares.sum()))]
        people.append((draw_person(people_rng, 58.0, ill=reason != "Healthy control"), reason))
        owners += [len(people) - 1] * int(people_rng.choice((1, 1, 2, 3)))
    owners = owners[:n_records]
    patients = []
    for row, owner in enumerate(owners):
        person, reason = people[owner]
        again = row > 0 and owners[row - 1] == owner
        patients.append(patient_with(person, _REASONS[reason][1], people_rng, again))
    lengths = np.array([(10.0, 10.0, 10.0, 12.0)[row % 4] for row in range(n_records)])
    names = [f"patient{owner + 1:03d}/s{row + 1:04d}{'_re' if row % 3 else 'lre'}" for row, owner in enumerate(owners)]
    with new_root(destination) as root:
        for seconds in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == seconds).tolist()
            signals = quantise(simulate([patients[row] for row in rows], wave_rng, fs=FS, seconds=seconds), GAIN)
            for row, signal in zip(rows, signals, strict=True):
                person, reason = people[owners[row]]
                (root / names[row]).parent.mkdir(exist_ok=True)
                _write(root / names[row], signal, _comments(person, reason, row))
        (root / "RECORDS").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
        controls = [name for name, owner in zip(names, owners, strict=True) if people[owner][1] == "Healthy control"]
        (root / "CONTROLS").write_text("".join(f"{name}\n" for name in controls), encoding="ascii")


def _comments(person: SimulatedPerson, reason: str, row: int) -> list[str]:
    infarction = reason == "Myocardial infarction"
    return [
        f"# age: {'n/a' if row % 17 == 5 else f'{person.age:.0f}'}",
        f"# sex: {'n/a' if row == 7 else person.sex}",
        f"# ECG date: {row % 28 + 1:02d}/10/1990",
        "",
        "# Diagnose:",
        f"# Reason for admission: {reason}",
        f"# Acute infarction (localization): {'inferior' if infarction else 'no'}",
        "# Former infarction (localization): no",
        f"# Additional diagnoses: {'Diabetes mellitus' if row % 5 == 0 else 'n/a'}",
        f"# Infarction date (acute): {'29-Sep-90' if infarction else 'n/a'}",
        "",
        "# Hemodynamics:",
        f"# Catheterization date: {'16-Oct-90' if infarction else 'n/a'}",
        "# Cardiac output (at rest): 5,2 l/min",
        "",
        "# Therapy:",
        f"# Catheterization date: {'17-Oct-90' if infarction else 'n/a'}",
    ]


def _write(path: Path, signal: np.ndarray, comments: list[str]) -> None:
    """One record: int16 [12, time]; the Frank leads are made from V6, aVF and V2."""
    frank = np.stack([signal[11], signal[5], -signal[7]])
    lines = [f"{path.name} 15 {FS} {signal.shape[1]}"]
    for suffix, names, leads in (("dat", [lead.lower() for lead in LEADS], signal), ("xyz", _FRANK, frank)):
        for name, samples in zip(names, leads, strict=True):
            checksum = (int(samples.sum(dtype=np.int64)) + 32768) % 65536 - 32768
            lines.append(f"{path.name}.{suffix} 16 {GAIN:g} 16 0 {int(samples[0])} {checksum} 0 {name}")
        path.with_name(f"{path.name}.{suffix}").write_bytes(np.ascontiguousarray(leads.T, "<i2").tobytes())
    text = "\r\n".join([*lines, "", *comments, ""])
    path.with_name(f"{path.name}.hea").write_bytes(text.encode("ascii"))
