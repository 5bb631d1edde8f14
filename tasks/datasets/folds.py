"""Ten folds for datasets without published ones: age groups to balance, roles of folds, folds that keep patients whole."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.splitting.stratify import stratified_folds

if TYPE_CHECKING:
    import pandas as pd

N_FOLDS = 10


def age_group(age: float) -> str:
    """Strodthoff's groups: below 20, then by twenty years up to 80."""
    if math.isnan(age):
        return "age unknown"
    return f"age group {min(int(age) // 20, 4)}"


def balanced_folds(records: pd.DataFrame, labels: Sequence[Iterable[str]], salt: str) -> np.ndarray:
    """Folds 1 to 10 of patients, int64 [record], balanced by label, sex and age group.

    A patient counts once, with the labels of all recordings and the sex and age of the first.

    Args:
        records: index ``record_id``, columns ``patient_id``, ``age`` (years) and ``sex``.
        labels: of each record.
        salt: names the folds; another salt gives other ones.
    """
    wanted: dict[str, dict[str, None]] = {}
    rows = zip(records["patient_id"], labels, records["sex"], records["age"], strict=True)
    for patient, record_labels, sex, age in rows:
        if patient not in wanted:
            wanted[patient] = dict.fromkeys([sex or "sex unknown", age_group(age)])
        wanted[patient].update(dict.fromkeys(record_labels))
    patients = sorted(wanted)
    folds = stratified_folds(patients, [list(wanted[patient]) for patient in patients], N_FOLDS, salt)
    fold_of = dict(zip(patients, folds.tolist(), strict=True))
    return np.array([fold_of[patient] for patient in records["patient_id"]], np.int64)


def linked_patients(patients: Sequence[str], fingerprints: Sequence[str]) -> list[str]:
    """For each record the first of the patients, in alphabetical order, who are linked to its own by records alike.

    Args:
        patients: of each record.
        fingerprints: of each record; equal ones are of copies of one recording. ``""`` is unknown.
    """
    of: dict[str, str] = {}

    def first(patient: str) -> str:
        while of.setdefault(patient, patient) != patient:
            of[patient] = of[of[patient]]
            patient = of[patient]
        return patient

    owners: dict[str, str] = {}
    for patient, fingerprint in zip(patients, fingerprints, strict=True):
        owner = owners.setdefault(fingerprint, patient) if fingerprint else patient
        low, high = sorted((first(patient), first(owner)))
        of[high] = low
    return [first(patient) for patient in patients]


def fold_roles(fold: pd.Series, validation: Sequence[int] = (9,), test: Sequence[int] = (10,)) -> pd.Series:
    """``train``, ``validation`` or ``test`` of folds 1 to 10; 0 is in none."""
    role_of = {0: "", **dict.fromkeys(validation, "validation"), **dict.fromkeys(test, "test")}
    return fold.map(lambda k: role_of.get(int(k), "train"))


def ecgbench_digest(folds: Mapping[str, int]) -> str:
    """ECGBench's digest of record -> fold: SHA-256 of the lines ``record,fold``, sorted by record as text."""
    return hashlib.sha256("\n".join(f"{record},{folds[record]}" for record in sorted(folds)).encode()).hexdigest()


def rarest_label(labels: Sequence[Sequence[str]], pooled: int) -> list[str]:
    """The rarest label of each record, the first by name of several; ``rare`` for those of fewer than ``pooled`` records."""
    counts = Counter(label for some in labels for label in some)
    rarest = [min(some, key=lambda label: (counts[label], label)) for some in labels]
    return [label if counts[label] >= pooled else "rare" for label in rarest]


def ecgbench_folds(labels: Sequence[str], patients: Sequence[str], seed: int = 42) -> np.ndarray:
    """Folds 1 to 10 of ECGBench, int64 [record]: those of scikit-learn's ``StratifiedGroupKFold(10, shuffle=True)``.

    The same folds in a tenth of the time, independent of scikit-learn's version: all folds that a patient may join are
    weighed at once. Tests compare them with scikit-learn's and with published digests.

    Args:
        labels: one stratum per record.
        patients: of each record; folds keep them whole.
    """
    _, stratum, sizes = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    _, patient = np.unique(np.asarray(patients), return_inverse=True)
    counts = np.zeros((patient.max() + 1, len(sizes)))
    np.add.at(counts, (patient, stratum), 1)
    order = np.arange(len(counts))
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-np.std(counts[order], axis=1), kind="stable")]
    per_fold = np.zeros((N_FOLDS, len(sizes)))
    joins = np.eye(N_FOLDS)[:, :, None]  # [candidate, fold, 1]
    fold_of = np.zeros(len(counts), np.int64)
    for member in order:
        spread = np.std((per_fold + joins * counts[member]) / sizes, axis=1).mean(axis=1)
        records = per_fold.sum(axis=1)
        best, least, fewest = 0, np.inf, np.inf
        for k in range(N_FOLDS):
            equal = abs(spread[k] - least) <= 1e-8 + 1e-5 * abs(least)
            if spread[k] < least or (equal and records[k] < fewest):
                best, least, fewest = k, spread[k], records[k]
        per_fold[best] += counts[member]
        fold_of[member] = best + 1
    return fold_of[patient]
