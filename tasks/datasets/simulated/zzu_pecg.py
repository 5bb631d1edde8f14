"""The simulated ZZU pECG: WFDB records with a gain and a baseline per lead, the tables as published.

As in the real one, texts are quoted, ages are in days, some findings have modifiers or are words, codes of diseases have the
study's prefixes, and some recordings have nine leads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.signals.leads import LEADS
from bench.simulate import simulate
from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.people import draw_person, patient_with

FS = 500
NINE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V3", "V5")
_CODES, _QUALITY = "AHA_code,CHN_code,ICD-10 code", "pSQI,basSQI,bSQI"
_HEADING = f"Filename,ECG_ID,Patient_ID,Age,Gender,Acquisition_date,Sampling_point,Lead,{_CODES},{_QUALITY}"

# Entry -> (share, conditions)
_FINDINGS: dict[str, tuple[float, tuple[str, ...]]] = {
    "A1": (0.35, ()),
    "C23": (0.15, ("sinus_arrhythmia",)),
    "Left ventricular high voltage": (0.15, ("left_ventricular_voltage",)),
    "C21": (0.10, ("sinus_tachycardia",)),
    "I105": (0.08, ("incomplete_right_bundle_branch_block",)),
    "L145+Modifier362": (0.05, ("st_depression",)),
    "L147": (0.05, ("nonspecific_t",)),
    "F60+Modifier310": (0.04, ("ventricular_premature_beats",)),
    "K143": (0.04, ("right_ventricular_hypertrophy",)),
    "Suggests208": (0.03, ()),
}
_DISEASES = ("(FO) Q21.1", "Q21.0", "I40.9", "M30.3", "I42.0", "Q21.9")
"""The last one is of none of the groups."""

_DISEASE_CODES = """Disease Name,ICD-10 Code,Disease Type
Fulminant myocarditis,(F) I40.0,Myocarditis
Acute myocarditis,I40.9,Myocarditis
Dilated cardiomyopathy,I42.0,Cardiomyopathy
Noncompaction of the ventricular myocardium,Q24.8,Cardiomyopathy
Kawasaki disease,M30.3,Kawasaki disease
Ventricular septal defect,Q21.0,"Congenital
heart disease"
Atrial septal defect (Foramen ovale),(FO) Q21.1,"Congenital
heart disease"
Pulmonary valve stenosis,I37.0,"Congenital
heart disease"
,See attribute dictionary file,Other diseases(OD)
"""


def simulate_zzu(destination: Path, n_records: int = 1000, seed: int = 0) -> None:
    """Write a ZZU pECG data root of simulated recordings, a tenth of them of nine leads. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 9,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 9_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 9999.")
    rng, wave_rng = np.random.default_rng([seed, 14190]), np.random.default_rng([seed, 14191])
    leads = [9 if row % 10 == 7 else 12 for row in range(n_records)]
    owners = [row - 1 if row % 7 == 6 else row for row in range(len(leads))]
    shares = np.array([share for share, _ in _FINDINGS.values()])
    lines, patients = [_HEADING], []
    names = [f"P{owner + 1:05d}_E{1 + row - owner:02d}" for row, owner in enumerate(owners)]
    for row, owner in enumerate(owners):
        drawn = rng.choice(len(shares), size=int(rng.integers(1, 3)), replace=False, p=shares / shares.sum())
        entries = [list(_FINDINGS)[k] for k in drawn]
        entries = ["A1"] if "A1" in entries else entries
        person = draw_person(rng, 40.0, ill=entries != ["A1"])
        conditions = [condition for entry in entries for condition in _FINDINGS[entry][1]]
        patients.append(patient_with(person, dict.fromkeys(conditions), rng))
        disease = _DISEASES[row // 3 % 6] if row % 3 == 1 else ""
        days, female = 40 + owner * 97 % 5000, owner % 2
        sex, day = "Female" if female else "Male", row % 28 + 1
        lines.append(
            f"{names[row]},{names[row][-3:]},{names[row][:6]},{days}d,'{sex}',2019-05-{day:02d},"
            f"5000,{leads[row]},\"'{';'.join(entries)}'\",\"'J(111+112+113)'\",'{disease}',\"'I':0.9;'V2':Null\",'',''"
        )
    with new_root(destination) as root:
        (root / "DiseaseCode.csv").write_text(_DISEASE_CODES, encoding="ascii")
        (root / "AttributesDictionary.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
        for first in range(0, len(leads), 32):
            some = patients[first : first + 32]
            for row, signal in enumerate(simulate(some, wave_rng, fs=FS, seconds=10.0), start=first):
                folder = root / "Child_ecg" / names[row][:3] / names[row][:6]
                folder.mkdir(parents=True, exist_ok=True)
                _write(folder / names[row], signal, LEADS if leads[row] == 12 else NINE)


def _write(path: Path, signal: np.ndarray, leads: tuple[str, ...]) -> None:
    """One record: mV [lead, time] in ``LEADS`` order, each lead stretched over the int16 range as the wfdb package does."""
    chosen = signal[[LEADS.index(lead) for lead in leads]].astype(np.float64)
    low, high = chosen.min(axis=1), chosen.max(axis=1)
    gain = 65_000 / (high - low)
    baseline = np.floor(-32_500 - low * gain).astype(int)
    samples = np.clip(np.rint(chosen * gain[:, None]) + baseline[:, None], -32_767, 32_767).astype("<i2")
    lines = [f"{path.name} {len(leads)} {FS} {samples.shape[1]}"]
    for k, lead in enumerate(leads):
        checksum = int(samples[k].sum(dtype=np.int64)) % 65536
        scale = f"{float(gain[k])!r}({baseline[k]})/mV"
        lines.append(f"{path.name}.dat 16 {scale} 16 0 {samples[k, 0]} {checksum} 0 {lead.upper()}")
    path.with_name(path.name + ".hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    path.with_name(path.name + ".dat").write_bytes(np.ascontiguousarray(samples.T).tobytes())
