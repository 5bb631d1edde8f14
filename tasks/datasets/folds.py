"""Ten folds for datasets without published ones: age groups to balance, roles of folds, folds that keep patients whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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


def fold_roles(fold: pd.Series) -> pd.Series:
    """Folds 1-8 train, 9 validates, 10 tests; 0 is in none."""
    return fold.map(lambda k: {0: "", 9: "validation", 10: "test"}.get(int(k), "train"))
