"""The simulated EchoNext: arrays of z-scores made of whole converter counts, and the table in the publisher's spelling.

As in the real one, rows of the table are not sorted by part of the split, a finding that was not measured reads 0, levels
include ``presumed none``, and ``no_split`` holds earlier recordings of patients of val and test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from bench.simulate.heart import Patient
from tasks.datasets.challenge_files import new_root
from tasks.datasets.echonext_scaling import COUNT_MV, HIGHEST, LOWEST, MEAN, SD
from tasks.datasets.simulated.people import SimulatedPerson, draw_person, patient_with

CHUNK = 64
VALVES = (
    "aortic_stenosis",
    "aortic_regurgitation",
    "mitral_regurgitation",
    "tricuspid_regurgitation",
    "pulmonary_regurgitation",
)
LEVELS = ("presumed none", "none", "mild", "moderate", "severe")
UNMEASURED = {
    "lvef_lte_45": (0, 0.09),
    "lvwt_gte_13": (1, 0.1),
    "pericardial_effusion_moderate_large": (9, 0.12),
    "pasp_gte_45": (10, 0.43),
    "tr_max_gte_32": (11, 0.55),
}
"""Flag -> place among the measurements, and how often that one is not measured."""
HEADINGS = [
    "", "ecg_key", "patient_key", "age_at_ecg", "sex", "acquisition_year", "location_setting", "race_ethnicity",
    "most_recent_ecg", "ventricular_rate", "atrial_rate", "pr_interval", "qrs_duration", "qt_corrected",
    "lvef_lte_45_flag", "lvwt_gte_13_flag", *(f"{valve}_moderate_or_greater_flag" for valve in VALVES),
    "rv_systolic_dysfunction_moderate_or_greater_flag", "pericardial_effusion_moderate_large_flag", "pasp_gte_45_flag",
    "tr_max_gte_32_flag", "shd_moderate_or_greater_flag", "lvef_value", "ivs_measurement", "lvpw_measurement",
    *(f"{valve}_value" for valve in VALVES), "rv_systolic_dysfunction_value", "pericardial_effusion_value", "pasp_value",
    "tr_max_velocity_value", "split",
]  # fmt: skip


def simulate_echonext(destination: Path, n_records: int = 240, seed: int = 0) -> None:
    """Write an EchoNext data root of simulated recordings, a fifth more of which are in ``no_split``.

    Raises:
        ConfigError: for fewer than 10 or more than 9,999 records. DataError: the destination cannot be written.
    """
    if not 10 <= n_records <= 9_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 10 to 9999.")
    rng, wave_rng = np.random.default_rng([seed, 110]), np.random.default_rng([seed, 111])
    n_earlier = n_records // 5
    split = ["train" if row % 10 < 7 else "val" if row % 10 < 8 else "test" for row in range(n_records)]
    later = [row for row in range(n_records) if split[row] != "train"]
    owners = [row - 1 if row % 10 in (2, 5) else row for row in range(n_records)]
    owners += [later[k % len(later)] for k in range(n_earlier)]
    split += ["no_split"] * n_earlier
    people: dict[int, SimulatedPerson] = {}
    patients: list[Patient] = []
    lines: list[list[object]] = []
    for row, owner in enumerate(owners):
        found, values, conditions = _echocardiogram(rng)
        person = people.setdefault(owner, draw_person(rng, 62.0, ill=bool(found)))
        patients.append(patient_with(person, conditions, rng, again=owner != row))
        flags = [int(name.removesuffix("_flag") in found) for name in HEADINGS if name.endswith("_flag")]
        flags[-1] = int(bool(found))
        measured = [int(rng.normal(75, 12)), int(rng.normal(75, 12)), int(rng.normal(160, 20)), int(rng.normal(95, 12))]
        lines.append(
            [
                f"ecg{row:06d}", f"patient{owner:06d}", f"{person.age:.0f}", person.sex, 2010 + row % 10, "Outpatient",
                "Other", split[row] != "no_split", *measured, int(rng.normal(430, 25)), *flags, *values, split[row],
            ]
        )  # fmt: skip
    with new_root(destination) as root:
        order = rng.permutation(len(lines))  # rows of the parts are mixed in the table
        text = [",".join(map(str, [k, *lines[row]])) for k, row in enumerate(order)]
        (root / "echonext_metadata_100k.csv").write_text(
            "\n".join([",".join(HEADINGS), *text]) + "\n", encoding="ascii"
        )
        for part in ("train", "val", "test", "no_split"):
            rows = [row for row in order if split[row] == part]
            path = root / f"EchoNext_{part}_waveforms.npy"
            array = np.lib.format.open_memmap(path, "w+", np.float64, (len(rows), 1, 2500, 12))
            for first in range(0, len(rows), CHUNK):
                some = rows[first : first + CHUNK]
                array[first : first + len(some), 0] = _scaled(
                    simulate([patients[r] for r in some], wave_rng, fs=250, seconds=10.0)
                )
            array.flush()


def _scaled(signals: np.ndarray) -> np.ndarray:
    """Counts, cut and scaled as the publisher does: [record, time, lead]."""
    counts = np.rint(signals / COUNT_MV).transpose(0, 2, 1)
    first, second = counts[..., 0], counts[..., 1]
    counts[..., 2], counts[..., 3] = second - first, -(first + second) / 2
    counts[..., 4], counts[..., 5] = first - second / 2, second - first / 2
    return (np.clip(counts, LOWEST, HIGHEST) - MEAN) / SD


def _echocardiogram(rng: np.random.Generator) -> tuple[set[str], list[str], list[str]]:
    """Findings, the twelve measurements ("" where not measured), and what the findings do to the patient."""
    found, conditions = set(), []
    lvef = float(np.clip(rng.normal(55, 13), 10, 75))
    wall = float(np.clip(rng.normal(10.5, 2), 6, 20))
    if lvef <= 45:
        found.add("lvef_lte_45")
        conditions.append("left_bundle_branch_block" if rng.random() < 0.5 else "anteroseptal_infarction")
    if wall >= 13:
        found.add("lvwt_gte_13")
        conditions.append("left_ventricular_hypertrophy")
    values = [f"{lvef:.0f}", f"{wall:.1f}", f"{wall - 0.5:.1f}"]
    for valve in VALVES:
        level = int(rng.choice(5, p=[0.3, 0.3, 0.25, 0.1, 0.05]))
        values.append(LEVELS[level])
        if level >= 3:
            found.add(f"{valve}_moderate_or_greater")
    right = int(rng.choice(5, p=[0.3, 0.4, 0.15, 0.1, 0.05]))
    effusion = int(rng.choice(4, p=[0.4, 0.4, 0.16, 0.04]))
    values += [LEVELS[right], ("none", "small", "moderate", "large")[effusion]]
    if right >= 3:
        found.add("rv_systolic_dysfunction_moderate_or_greater")
        conditions.append("right_ventricular_hypertrophy")
    pressure, velocity = float(rng.normal(36, 10)), float(rng.normal(2.7, 0.5))
    values += [f"{pressure:.0f}", f"{velocity:.2f}"]
    if effusion >= 2:
        found.add("pericardial_effusion_moderate_large")
    if round(pressure) >= 45:
        found.add("pasp_gte_45")
    if round(velocity, 2) >= 3.2:
        found.add("tr_max_gte_32")
    for flag, (place, share) in UNMEASURED.items():
        if rng.random() < share:
            values[place] = ""
            found.discard(flag)
    return found, values, conditions
