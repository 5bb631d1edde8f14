"""People whose risk is planted: findings of the ECG raise or lower it, and diagnostic superclasses say nothing about it.

Everybody is drawn as the simulated PTB-XL draws its patients. The log hazard is a sum over statements of coefficient times
severity, shifted so that people of each combination of superclasses have the same mean hazard. What a network learned about
statements is therefore worth something, and what it learned about superclasses nothing.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench.errors import ConfigError
from bench.simulate import Patient, draw_heart, simulate
from tasks.datasets.challenge_files import new_root
from tasks.datasets.file_constants import PLANTED_COHORT, PLANTED_COLUMNS
from tasks.datasets.ptbxl_statements import STATEMENTS, statement_kinds
from tasks.datasets.simulated.ptbxl import Severities, patient_with_statements
from tasks.datasets.simulated.ptbxl_cohort import Person, draw_statements, person_with

FS, SECONDS = 500, 10.0

RAISES = (
    *("ASMI", "AMI", "ALMI", "INJAS", "INJAL"),
    *("CLBBB", "ILBBB", "IVCD", "3AVB"),
    *("LVH", "RVH"),
    *("ISC_", "ISCAL", "ISCAS", "ISCAN", "DIG"),
)
LOWERS = (
    *("IMI", "ILMI", "IPMI", "IPLMI", "INJIN", "INJIL"),
    *("IRBBB", "LAFB", "CRBBB", "1AVB", "WPW"),
    *("LAO/LAE", "RAO/RAE", "SEHYP"),
    *("NDT", "NST_", "ISCIN", "ISCIL", "LNGQT"),
)
"""Statements that raise or lower the risk: of each superclass some do the one and some the other."""

EFFECT = 1.6
"""Log hazard ratio of one statement of severity 1."""
HAZARD = 0.03
"""Events a year, on average."""
FOLLOW_UP = (3.0, 9.0)
"""Years after which people are lost to follow-up."""
PARTS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@dataclass(frozen=True)
class Participant:
    """Someone of the cohort.

    Attributes:
        person: age, sex and build.
        codes: statement -> likelihood, percent.
        patient: heart, rhythm and electrodes.
        effect: sum of coefficient times severity over the statements, before the shift by superclasses.
        stated: the same with the mean severity of each likelihood: what the statements alone tell.
    """

    person: Person
    codes: dict[str, float]
    patient: Patient
    effect: float
    stated: float

    @property
    def superclasses(self) -> tuple[str, ...]:
        """Of PTB-XL, in alphabetical order."""
        return tuple(sorted(filter(None, {superclass_of()[code] for code in self.codes})))


@cache
def superclass_of() -> dict[str, str | None]:
    """PTB-XL's superclass of each statement; None for form and rhythm."""
    import pandas as pd

    with resources.files("tasks.datasets").joinpath(STATEMENTS).open(encoding="utf-8") as file:
        kinds = statement_kinds(pd.read_csv(file))
    return {code: kind["superclass"] for code, kind in kinds.items()}


def participant(seed: int, number: int) -> Participant:
    """The same person for the same seed and number, whatever the size of the cohort."""
    rng = np.random.default_rng([seed, 820, number])
    codes = draw_statements(rng)
    person = person_with(number, codes, rng)
    heart = draw_heart(rng, person.age, bool(person.sex), person.body_mass_index)
    severity = Severities(rng)
    patient = patient_with_statements(heart, person, codes, severity, rng, repeated=False)
    sign = {code: (code in RAISES) - (code in LOWERS) for code in codes}
    effect = sum(sign[code] * severity.drawn[code, codes[code]] for code in codes if sign[code])
    stated = sum(sign[code] * severity.mean(codes[code]) for code in codes)
    return Participant(person, codes, patient, EFFECT * effect, EFFECT * stated)


def recording(seed: int, number: int) -> np.ndarray:
    """The ECG of a participant: float32 [lead, time], mV, 500 Hz."""
    rng = np.random.default_rng([seed, 821, number])
    with threadpool_limits(1):  # the number of threads may change the last bit of sums
        return simulate([participant(seed, number).patient], rng, FS, SECONDS)[0]


def simulate_planted_risk(destination: Path, n_records: int = 20_000, seed: int = 0) -> None:
    """Write the table of a cohort. Its recordings are not written: they are simulated when they are read.

    Raises:
        ConfigError: for fewer than 10 or more than 999,999 records. DataError: the destination cannot be written.
    """
    if not 10 <= n_records <= 999_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 10 to 999999.")
    people = [participant(seed, number) for number in range(n_records)]
    groups = [someone.superclasses for someone in people]
    risk = _within(groups, [someone.effect for someone in people])
    stated = _within(groups, [someone.stated for someone in people])
    rng = np.random.default_rng([seed, 822])
    failure = rng.exponential(1 / (HAZARD * np.exp(risk)))
    last = rng.uniform(*FOLLOW_UP, n_records)
    years, event = np.minimum(failure, last), failure <= last
    part = rng.choice(list(PARTS), n_records, p=list(PARTS.values()))
    other = rng.permutation(n_records)
    rows = [
        (
            *(number, seed, f"{someone.person.age:.0f}", "female" if someone.person.sex else "male"),
            *(" ".join(someone.superclasses), " ".join(someone.codes), part[number]),
            *(f"{years[number]:.4f}", int(event[number]), f"{years[other[number]]:.4f}", int(event[other[number]])),
            *(f"{risk[number]:.6f}", f"{stated[number]:.6f}"),
        )
        for number, someone in enumerate(people)
    ]
    with new_root(destination) as root, open(root / PLANTED_COHORT, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PLANTED_COLUMNS)
        writer.writerows(rows)


def _within(groups: list[tuple[str, ...]], effects: list[float]) -> np.ndarray:
    """Log hazards, shifted so that every group has the same mean hazard, 1."""
    _, group = np.unique([" ".join(names) for names in groups], return_inverse=True)
    hazards = np.exp(effects)
    return np.log(hazards / (np.bincount(group, hazards) / np.bincount(group))[group])
