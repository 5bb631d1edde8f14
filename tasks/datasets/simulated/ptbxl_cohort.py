"""Cohort of the simulated PTB-XL: diagnoses, demographics and folds.

Rates and co-occurrences follow PTB-XL 1.0.3's published label tables (Wagner et al., Scientific Data 7:154 (2020)):
the combination of superclasses is drawn first, then the statements within each. Classes rarer than about 0.5 % there
are raised to that, so that a cohort of two thousand holds them in every partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

# Share of recordings by combination of superclasses; the empty one holds pacemakers and rhythm or form alone.
SUPERCLASS_COMBINATIONS: dict[tuple[str, ...], float] = {
    ("NORM",): 0.4158,
    ("MI",): 0.1173,
    ("STTC",): 0.1093,
    ("CD",): 0.0777,
    ("MI", "CD"): 0.0594,
    ("STTC", "HYP"): 0.0373,
    ("MI", "STTC"): 0.0272,
    ("HYP",): 0.0238,
    ("STTC", "CD"): 0.0222,
    (): 0.0192,
    ("NORM", "CD"): 0.0188,
    ("MI", "STTC", "HYP"): 0.0162,
    ("CD", "HYP"): 0.0135,
    ("MI", "STTC", "CD"): 0.0102,
    ("MI", "STTC", "CD", "HYP"): 0.0096,
    ("MI", "HYP"): 0.0084,
    ("STTC", "CD", "HYP"): 0.0070,
    ("MI", "CD", "HYP"): 0.0057,
}

_ANTERIOR = {"ASMI": 0.67, "AMI": 0.10, "ALMI": 0.09, "INJAS": 0.06, "INJAL": 0.05, "INJLA": 0.03}
_INFERIOR = {"IMI": 0.76, "ILMI": 0.14, "IPLMI": 0.025, "IPMI": 0.025, "INJIN": 0.025, "INJIL": 0.025}
_ISCHAEMIA = {
    "ISCAL": 0.46, "ISCAS": 0.12, "ISCLA": 0.10, "ISCAN": 0.04, "ISCIN": 0.15, "ISCIL": 0.13,
}  # fmt: skip

# How sure the reader was, as PTB-XL's likelihood (per cent), by kind of statement.
_SURE = {100.0: 0.86, 80.0: 0.06, 50.0: 0.08}
_LIKELIHOOD: dict[str, dict[float, float]] = {
    "NORM": {100.0: 0.82, 80.0: 0.165, 50.0: 0.015},
    "MI": {100.0: 0.40, 80.0: 0.08, 50.0: 0.25, 35.0: 0.09, 15.0: 0.18},
    "HYP": {100.0: 0.72, 50.0: 0.23, 35.0: 0.02, 15.0: 0.03},
}


Key = TypeVar("Key")


def pick(rng: np.random.Generator, weights: Mapping[Key, float]) -> Key:
    """One key of ``weights``, with probability in proportion to its value."""
    keys = list(weights)
    p = np.array(list(weights.values()), float)
    return keys[int(rng.choice(len(keys), p=p / p.sum()))]


def draw_statements(rng: np.random.Generator) -> dict[str, float]:
    """The SCP statements of one recording with their likelihoods: diagnostic, then form, then rhythm (likelihood 0)."""
    combination = pick(rng, SUPERCLASS_COMBINATIONS)
    chance = _Chance(rng)
    codes: dict[str, float] = {}

    def state(code: str, kind: str = "") -> None:
        codes.setdefault(code, pick(rng, _LIKELIHOOD.get(kind, _SURE)))

    if not combination and chance(0.70):
        return {"PACE": 100.0}
    if "NORM" in combination:
        state("NORM", "NORM")
    if "MI" in combination:
        _infarction(chance, state)
    if "HYP" in combination:
        _hypertrophy(chance, state, combination)
    if "CD" in combination:
        _conduction(chance, state, combination, codes)
    if "STTC" in combination:
        _st_t(chance, state, combination)
    forms = _forms(chance, combination, codes)
    rhythm = _rhythm(chance, combination, forms)
    for code in [*forms, *rhythm]:
        codes.setdefault(code, 100.0 if code == "PVC" else 0.0)
    if not codes:
        codes["SR"] = 0.0
    return codes


class _Chance:
    """``chance(p)`` is true with probability p; ``chance.among(weights)`` picks a key."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def __call__(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def among(self, weights: Mapping[str, float]) -> str:
        return pick(self.rng, weights)


def _infarction(chance, state) -> None:
    where = chance.among({"anterior": 0.355, "inferior": 0.405, "both": 0.185, "other": 0.055})
    if where in ("anterior", "both"):
        state(chance.among(_ANTERIOR), "MI")
    if where in ("inferior", "both"):
        state(chance.among(_INFERIOR), "MI")
    if where == "other":
        state(chance.among({"LMI": 0.55, "PMI": 0.45}), "MI")
    elif chance(0.022):
        state("LMI", "MI")


def _hypertrophy(chance, state, combination) -> None:
    with_block = "CD" in combination
    with_st = "STTC" in combination
    main = chance.among(
        {
            "LVH": 2.2 if with_st else 0.75 if not with_block else 0.45,
            "LAO/LAE": 0.14 if not with_block else 0.40,
            "RAO/RAE": 0.05,
            "RVH": 0.02 if not with_block else 0.22,
            "SEHYP": 0.06,
        }
    )
    state(main, "HYP")
    if main == "LVH" and chance(0.06):
        state("LAO/LAE", "HYP")
    if main == "RVH" and chance(0.18):
        state("RAO/RAE", "HYP")
    if main == "SEHYP" and chance(0.5):
        state("LVH", "HYP")


def _conduction(chance, state, combination, codes) -> None:
    if "NORM" in combination:
        state(chance.among({"IRBBB": 0.64, "IVCD": 0.26, "1AVB": 0.10}))
        return
    if "RVH" in codes:
        state(chance.among({"CRBBB": 0.5, "IRBBB": 0.5}))
    else:
        state(
            chance.among(
                {
                    "LAFB": 0.285, "LPFB": 0.035, "IRBBB": 0.185, "1AVB": 0.125, "IVCD": 0.145, "CRBBB": 0.10,
                    "CLBBB": 0.12, "ILBBB": 0.03, "WPW": 0.03, "2AVB": 0.012, "3AVB": 0.014,
                }
            )
        )  # fmt: skip
    if "CRBBB" in codes and chance(0.42):
        state(chance.among({"LAFB": 0.9, "LPFB": 0.1}))
    if "LAFB" in codes and "CRBBB" not in codes and chance(0.08):
        state("IRBBB")
    if not {"1AVB", "2AVB", "3AVB", "WPW"} & set(codes) and chance(0.09):
        state("1AVB")


def _st_t(chance, state, combination) -> None:
    with_hypertrophy = "HYP" in combination
    main = chance.among(
        {
            "NDT": 0.40 if not with_hypertrophy else 0.08,
            "ISC_": 0.10 if not with_hypertrophy else 0.72,
            "NST_": 0.15 if not with_hypertrophy else 0.07,
            "regional": 0.24 if not with_hypertrophy else 0.09,
            "DIG": 0.030, "LNGQT": 0.030, "EL": 0.025, "ANEUR": 0.03 if "MI" in combination else 0.012,
        }
    )  # fmt: skip
    if main == "regional":
        main = chance.among(_ISCHAEMIA)
        if chance(0.12):
            state(chance.among({"ISCIN": 0.6, "ISCIL": 0.4}))
    state(main)
    if main == "DIG" and chance(0.4):
        state("ISC_")
    if main != "NDT" and chance(0.06):
        state("NDT")


def _forms(chance, combination, codes) -> list[str]:
    forms: list[str] = []
    normal, block = "NORM" in combination, bool({"CLBBB", "WPW"} & set(codes))
    infarct, st_t, hypertrophy = "MI" in combination, "STTC" in combination, "HYP" in combination
    rates = {
        "ABQRS": 0.50 if infarct else 0.12 if hypertrophy or "CD" in combination else 0.03 if st_t else 0.006,
        "QWAVE": 0.085 if infarct else 0.003,
        "STD_": 0.15 if st_t else 0.05 if infarct else 0.005,
        "LOWT": 0.07 if st_t else 0.025 if infarct else 0.003,
        "NT_": 0.13 if "NDT" in codes else 0.008,
        "INVT": 0.04 if st_t or infarct else 0.001,
        "VCLVH": 0.32 if "LVH" in codes else 0.012,
        "HVOLT": 0.0065,
        "LVOLT": 0.009,
        "STE_": 0.006,
        "TAB_": 0.006,
        "LPR": 0.25 if "1AVB" in codes else 0.009 if not block else 0.0,
        "PVC": 0.018 if normal else 0.085,
        "PAC": 0.013 if normal else 0.022,
        "PRC(S)": 0.005,
    }
    for code, rate in rates.items():
        if chance(rate) and not (code == "LVOLT" and {"HVOLT", "VCLVH", "LVH"} & {*codes, *forms}):
            forms.append(code)
    return forms


def _rhythm(chance, combination, forms) -> list[str]:
    normal = "NORM" in combination
    rates = {
        "SR": 0.86 if normal else 0.74,
        "AFIB": 0.002 if normal else 0.17 if "STTC" in combination else 0.10,
        "STACH": 0.024 if normal else 0.048,
        "SARRH": 0.044 if normal else 0.030,
        "SBRAD": 0.039 if normal else 0.022,
        "AFLT": 0.001 if normal else 0.009,
        "SVARR": 0.003 if normal else 0.010,
        "SVTAC": 0.0005 if normal else 0.009,
        "PSVT": 0.0005 if normal else 0.009,
        "": 0.025,
    }
    main = chance.among(rates)
    if main in ("SVTAC", "PSVT", "AFLT", ""):
        return [main] if main else []
    rhythm = [main]
    if main in ("SR", "STACH", "SBRAD"):
        if chance(0.006):
            rhythm.append("BIGU")
        elif chance(0.006):
            rhythm.append("TRIGU")
    if len(rhythm) > 1 and not {"PVC", "PAC"} & set(forms):
        forms.append("PVC" if chance(0.67) else "PAC")
    return rhythm


@dataclass
class Person:
    """Demographics of one patient; ``sex`` 0 male, 1 female; height in cm, weight in kg, age in years at visit one."""

    patient_id: int
    age: float
    sex: int
    height: float
    weight: float
    visits: list[dict[str, float]] = field(default_factory=list)  # statements of each recording
    gaps: list[float] = field(default_factory=list)  # years from the first recording to each

    @property
    def body_mass_index(self) -> float:
        return self.weight / (self.height / 100) ** 2


def draw_people(n_records: int, rng: np.random.Generator) -> list[Person]:
    """Patients with ``n_records`` recordings between them; about one in eight recordings is a repeated one."""
    people: list[Person] = []
    ids = rng.permutation(np.arange(1, 3 * n_records + 1))
    total = 0
    while total < n_records:
        count = min(int(rng.choice([1, 2, 3, 4, 6], p=[0.893, 0.078, 0.018, 0.008, 0.003])), n_records - total)
        first = draw_statements(rng)
        person = person_with(int(ids[len(people)]), first, rng)
        person.visits.append(first)
        person.gaps.append(0.0)
        for _ in range(count - 1):
            person.visits.append(_later_visit(person.visits[-1], rng))
            person.gaps.append(person.gaps[-1] + float(rng.exponential(0.4)))
        people.append(person)
        total += count
    return people


_RHYTHMS = ("SR", "AFIB", "STACH", "SARRH", "SBRAD", "AFLT", "SVARR", "SVTAC", "PSVT", "BIGU", "TRIGU")


def _later_visit(before: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Three times in four the same diagnoses with passing statements gone or kept; else a new state of affairs."""
    if rng.random() < 0.25 and "PACE" not in before:
        return draw_statements(rng)
    passing = {"PVC", "PAC", "PRC(S)", "NT_", "LOWT", "STD_", "INVT", "NST_", "BIGU", "TRIGU"}
    lasting = {c: v for c, v in before.items() if c not in passing or rng.random() < 0.6}
    if "BIGU" in lasting or "TRIGU" in lasting:
        lasting.setdefault("PVC", 100.0)
    if not set(lasting) - set(_RHYTHMS):
        return dict(before)
    return lasting


def person_with(patient_id: int, codes: Mapping[str, float], rng: np.random.Generator) -> Person:
    ill = bool({"ASMI", "IMI", "LVH", "ISC_", "AFIB", "PACE", "CLBBB", "CRBBB", "ILMI", "AMI", "ALMI"} & set(codes))
    age = 67 + 13 * rng.standard_normal() if ill else 52 + 18 * rng.standard_normal()
    sex = int(rng.random() < (0.40 if ill else 0.52))
    height = (163 if sex else 176) + 7 * rng.standard_normal()
    index = float(np.clip(25.5 + 4 * rng.standard_normal() + (1.2 if ill else 0), 17, 45))
    return Person(
        patient_id, float(np.clip(np.rint(age), 17, 95)), sex, float(np.rint(height)),
        float(np.rint(index * (height / 100) ** 2)),
    )  # fmt: skip


def assign_folds(people: Sequence[Person], rng: np.random.Generator, n_folds: int = 10) -> np.ndarray:
    """A fold (1..``n_folds``) for each patient, labels balanced over recordings.

    Iterative stratification (Sechidis et al., ECML PKDD 2011), rarest statement first; where a statement is too rare
    for every fold, test and validation (the last two) come first.
    """
    names = sorted({c for p in people for v in p.visits for c in v})
    column = {c: k for k, c in enumerate(names)}
    labels = np.zeros((len(people), len(names) + 1))
    for i, person in enumerate(people):
        for visit in person.visits:
            labels[i, -1] += 1
            for code in visit:
                labels[i, column[code]] += 1
    wanted = np.repeat(labels.sum(axis=0)[None] / n_folds, n_folds, axis=0)  # [fold, label]
    # Ties go to the last folds; the constant orders them without outweighing a whole recording.
    preference = np.zeros(n_folds)
    preference[-2:] = 1e-3, 2e-3
    folds = np.zeros(len(people), int)
    left = np.ones(len(people), bool)
    remaining = labels[:, :-1].sum(axis=0)
    while left.any():
        open_labels = np.flatnonzero(remaining > 0)
        if len(open_labels):
            label = open_labels[np.argmin(remaining[open_labels])]
            members = np.flatnonzero(left & (labels[:, label] > 0))
        else:
            label, members = len(names), np.flatnonzero(left)
        for i in rng.permutation(members):
            score = wanted[:, label] + 0.02 * wanted[:, -1] / max(1.0, wanted[:, -1].max()) + preference
            fold = int(np.argmax(score))
            folds[i] = fold + 1
            wanted[fold] -= labels[i]
            remaining -= labels[i, :-1]
            left[i] = False
    return folds
