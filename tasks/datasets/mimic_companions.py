"""Tables that accompany MIMIC-IV-ECG: discharge diagnoses (Ext-ICD), emergency outcomes (MDS-ED), machine measurements."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import DataError
from tasks.mds_ed_values import BIOMETRICS, LABORATORY, VITAL_SIGNS

if TYPE_CHECKING:
    import pandas as pd

ICD_FILE, ICD_FOLDERS = "records_w_diag_icd10.csv", ("mimic-iv-ecg-ext-icd-labels", "mimic-iv-ecg-ext-icd")
MDS_FILE, MDS_FOLDERS = "mds_ed.csv", ("multimodal-emergency-benchmark", "mds-ed")

ICD_COLUMNS = ("study_id", "all_diag_all", "gender", "age", "ecg_no_within_stay", "fold", "strat_fold")

DETERIORATION = (
    "severe_hypoxemia", "ecmo", "vasopressors", "inotropes", "mechanical_ventilation", "cardiac_arrest", "icu_24h",
    "icu_stay", "mortality_1d", "mortality_7d", "mortality_28d", "mortality_90d", "mortality_180d", "mortality_365d",
    "mortality_stay",
)  # fmt: skip
"""Columns of MDS-ED after ``deterioration_``; -999 is not assessable."""
NAMED_OTHERWISE = {
    "basophil_count": "absolute_basophil_count",
    "eosinophil_count": "absolute_eosinophil_count",
    "lymphocyte_count": "absolute_lymphocyte_count",
    "alt": "alanine_aminotransferase_(alt)",
    "ast": "asparate_aminotransferase_(ast)",
    "bilirubin_direct": "bilirubin,_direct",
    "bilirubin_total": "bilirubin,_total",
    "crp": "c-reactive_protein",
    "calcium": "calcium,_total",
    "creatine_kinase": "creatine_kinase_(ck)",
    "ck_mb": "creatine_kinase,_mb_isoenzyme",
    "fibrinogen": "fibrinogen,_functional",
    "inr": "inr(pt)",
    "platelets": "platelet_count",
}
"""Laboratory value -> its name in MDS-ED's columns, where that is another one (its own spelling)."""
MDS_VALUES = {
    **{name: f"labvalues_{NAMED_OTHERWISE.get(name, name)}_first" for name in LABORATORY},
    **{name: f"vitals_{name}_first" for name in VITAL_SIGNS},
    **{name: f"biometrics_{name}" for name in BIOMETRICS},
}
"""Our column -> that of MDS-ED, which has mean, median, least, largest, last value and course as well."""
MDS_COLUMNS = ("general_subject_id", "general_data", "general_strat_fold", "general_ecg_no_within_stay")
NOT_ASSESSABLE = -999.0

MEASURED = ("rr_interval", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")
SENTINELS = (29_999, 32_767, -32_768, 65_535)
"""What the machine writes for a wave, an axis or an RR interval that it could not measure."""
OLDEST = 89
"""Years; ages above are hidden."""

_CODES = re.compile(r"\[('[A-Z0-9.]+'(, ?'[A-Z0-9.]+')*)?\]")
_CODE = re.compile(r"'([A-Z0-9.]+)'")
_CHAPTERS = (
    ("A00", "I"), ("C00", "II"), ("D50", "III"), ("E00", "IV"), ("F00", "V"), ("G00", "VI"), ("H00", "VII"),
    ("H60", "VIII"), ("I00", "IX"), ("J00", "X"), ("K00", "XI"), ("L00", "XII"), ("M00", "XIII"), ("N00", "XIV"),
    ("O00", "XV"), ("P00", "XVI"), ("Q00", "XVII"), ("R00", "XVIII"), ("S00", "XIX"), ("U00", "XXII"), ("V00", "XX"),
    ("Z00", "XXI"),
)  # fmt: skip
"""First category of each chapter of ICD-10-CM."""


def icd_labels(codes: Iterable[str]) -> list[str]:
    """The labels of discharge codes: cut to five characters, without a trailing X, with all prefixes of three or more."""
    labels: dict[str, None] = {}
    for code in codes:
        short = code.replace(".", "")[:5].rstrip("X")
        for length in range(3, len(short) + 1):
            labels[sys.intern(short[:length])] = None
    return list(labels)


def chapters_of(labels: Iterable[str]) -> list[str]:
    """The chapters of ICD-10 that labels lie in, in the order of chapters."""
    starts = [start for start, _ in _CHAPTERS]
    numbers = {int(np.searchsorted(starts, label[:3], side="right")) - 1 for label in labels}
    return [_CHAPTERS[number][1] for number in sorted(numbers) if number >= 0]


def diagnoses(path: Path, chunks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Ext-ICD by study: ``icd10``, ``chapters``, ``diagnosed``, ``sex``, ``age``, ``icd_fold``, ``strat_fold``.

    Of 800,035 rows 332,030 have no diagnosis: theirs are unknown, not healthy.

    Raises:
        DataError: a list of codes that is none.
    """
    import pandas as pd

    parts = []
    for table in chunks:
        wrong = ~table["all_diag_all"].str.fullmatch(_CODES.pattern).to_numpy(bool)
        if wrong.any():
            row = table.iloc[int(wrong.argmax())]
            raise DataError(
                f"{path}: study_id {row['study_id']} has all_diag_all {row['all_diag_all'][:60]!r}; expected a list of codes "
                f"such as ['I10', 'E119']. Fetch the file again from the publisher."
            )
        labels = [icd_labels(_CODE.findall(text)) for text in table["all_diag_all"]]
        age = pd.to_numeric(table["age"], errors="coerce").astype("float64")
        parts.append(
            pd.DataFrame(
                {
                    "icd10": labels,
                    "chapters": [chapters_of(some) for some in labels],
                    "diagnosed": [bool(some) for some in labels],
                    "sex": table["gender"].map({"F": "female", "M": "male"}).fillna("").tolist(),
                    "age": age.where(age.between(0, OLDEST)).to_numpy(),
                    "icd_fold": pd.to_numeric(table["fold"], errors="coerce").fillna(-1).astype("int64").to_numpy(),
                    "strat_fold": pd.to_numeric(table["strat_fold"], errors="coerce")
                    .fillna(-1)
                    .astype("int64")
                    .to_numpy(),
                },
                index=pd.Index(table["study_id"].str.removesuffix(".0"), name="record_id"),
            )
        )
    return pd.concat(parts)


def outcomes(path: Path, chunks: Iterable[pd.DataFrame], records: pd.DataFrame) -> pd.DataFrame:
    """MDS-ED by study: each of :data:`DETERIORATION` and :data:`MDS_VALUES` as float32, NaN where unknown, and ``mds_fold``:
    0-17 train, 18 validates and 19 tests, of the last two only the first ECG of a stay; -1 for any other.

    ``general_data`` is the row number in MIMIC-IV-ECG's list, not a study.

    Raises:
        DataError: a row whose patient is another one than that of its row in the list.
    """
    import pandas as pd

    table = pd.concat([chunk.apply(pd.to_numeric, errors="coerce") for chunk in chunks], ignore_index=True)
    rows = table["general_data"].fillna(-1).astype("int64").to_numpy()
    subjects = table["general_subject_id"].fillna(-1).astype("int64").astype(str).to_numpy()
    outside = (rows < 0) | (rows >= len(records))
    inside = np.where(outside, 0, rows)
    wrong = outside | (records["patient_id"].to_numpy(dtype=str)[inside] != subjects)
    if wrong.any():
        k = int(wrong.argmax())
        raise DataError(
            f"{path}: line {k + 2} has general_data {rows[k]} and general_subject_id {subjects[k]}; expected the number of a "
            f"row of MIMIC-IV-ECG's record list with that patient. The list is not complete, or of another version."
        )
    columns = {}
    for name in DETERIORATION:
        values = table[f"deterioration_{name}"].astype("float32")
        columns[name] = values.where(values != NOT_ASSESSABLE).to_numpy()
    fold = table["general_strat_fold"].fillna(-1).astype("int64")
    first = table["general_ecg_no_within_stay"].eq(0)
    columns["mds_fold"] = fold.where((fold < 18) | first, -1).to_numpy()
    for name, column in MDS_VALUES.items():
        values = table[column].astype("float32")
        columns[name] = values.where(np.isfinite(values) & (values != NOT_ASSESSABLE)).to_numpy()
    return pd.DataFrame(columns, index=pd.Index(records.index[inside], name="record_id"))


def intervals(chunks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Machine measurements by study, NaN where the machine could not measure: ``rr``, ``qrs``, ``qt``, ``qtc`` (Bazett) in ms
    and ``p_axis``, ``qrs_axis``, ``t_axis`` in degrees."""
    import pandas as pd

    table = pd.concat(list(chunks), ignore_index=True).set_index("study_id")
    values = table.apply(pd.to_numeric, errors="coerce").astype("float64")
    values = values.where(~values.isin(SENTINELS))
    rr = values["rr_interval"].where(values["rr_interval"] > 0)
    qrs, qt = values["qrs_end"] - values["qrs_onset"], values["t_end"] - values["qrs_onset"]
    qt = qt.where(qt > 0)
    measured = {"rr": rr, "qrs": qrs.where(qrs > 0), "qt": qt, "qtc": qt / np.sqrt(rr / 1000)}
    return pd.DataFrame(measured | {axis: values[axis] for axis in ("p_axis", "qrs_axis", "t_axis")})
