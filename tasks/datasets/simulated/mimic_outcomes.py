"""The simulated MIMIC-IV-ECG with its companions: Ext-ICD's and MDS-ED's tables, and measurements that failed.

As in the real ones, a third of the recordings have no diagnosis, -999 is not assessable, MDS-ED names recordings by their
row in the record list, and the machine writes 29999, 32767 and 65535 for what it could not measure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.datasets.challenge_files import new_root
from tasks.datasets.file_constants import MIMIC_MEASUREMENTS, MIMIC_RECORD_LIST
from tasks.datasets.mimic_companions import DETERIORATION, ICD_FILE, ICD_FOLDERS, MDS_FILE, MDS_FOLDERS, MDS_VALUES
from tasks.datasets.simulated.mimic import simulate_mimic

if TYPE_CHECKING:
    import pandas as pd

_CODES = {
    "Atrial fibrillation": ["I4891", "I10"],
    "infarct": ["I252", "I2510", "E785"],
    "hypertrophy": ["I119", "I5032"],
    "tachycardia": ["R000", "A419", "J9601"],
    "bundle": ["I447", "I509"],
}
"""Part of a statement -> discharge codes."""
_NORMAL = np.linspace(1.0, 150.0, len(MDS_VALUES))
"""The middle of each value; two in five are not measured."""
_ICD_HEADING = (
    "file_name,study_id,subject_id,ecg_time,ed_stay_id,ed_hadm_id,hosp_hadm_id,ed_diag_ed,ed_diag_hosp,hosp_diag_hosp,"
    "all_diag_hosp,all_diag_all,gender,age,anchor_year,anchor_age,dod,ecg_no_within_stay,ecg_taken_in_ed,ecg_taken_in_hosp,"
    "ecg_taken_in_ed_or_hosp,fold,strat_fold"
)


def simulate_outcomes(destination: Path, n_records: int = 1000, seed: int = 0) -> None:
    """Write a MIMIC-IV-ECG data root of simulated recordings with both companions in it. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 99,999 records. DataError: the destination cannot be written.
    """
    import pandas as pd

    rng = np.random.default_rng([seed, 1076])
    with new_root(destination) as root:
        simulate_mimic(root, n_records, seed)
        listed = pd.read_csv(root / MIMIC_RECORD_LIST, dtype=str)
        measured = pd.read_csv(root / MIMIC_MEASUREMENTS, dtype=str, keep_default_na=False)
        statements = dict(zip(measured["study_id"], measured.filter(like="report_").agg(" ".join, axis=1), strict=True))
        _vary(measured, rng).to_csv(root / MIMIC_MEASUREMENTS, index=False, lineterminator="\n")
        patient = {subject: k for k, subject in enumerate(dict.fromkeys(listed["subject_id"]))}
        icd, mds = [_ICD_HEADING], [_mds_heading()]
        for row, (subject, study) in enumerate(zip(listed["subject_id"], listed["study_id"], strict=True)):
            ill = [code for words, codes in _CODES.items() if words in statements[study] for code in codes]
            codes = [] if row % 3 == 2 else ill or ["Z87891", "R0789", "T7840XA"]
            fold, number = patient[subject] % 20, int(rng.integers(0, 2))
            gender = "missing" if row % 41 == 7 else "F" if patient[subject] % 2 else "M"
            icd.append(
                f'f,{study},{subject},t,,,,[],[],[],[],"{codes}",{gender},{91 if row % 37 == 5 else 40 + fold * 2}.0,2130,'
                f"50,,{number},True,False,True,{fold},{fold}"
            )
            if row % 4 != 3:
                risk = 0.15 + 0.5 * ("infarct" in statements[study])
                values = ["-999" if rng.random() < 0.1 else f"{float(rng.random() < risk)}" for _ in DETERIORATION]
                measured_values = np.where(
                    rng.random(len(_NORMAL)) < 0.4, np.nan, _NORMAL * rng.uniform(0.8, 1.2, len(_NORMAL))
                )
                values += ["" if np.isnan(value) else f"{value:.4g}" for value in measured_values]
                mds.append(f"{subject},{row},{fold},{number},{','.join(values)}")
        for folder, file, lines in ((ICD_FOLDERS[0], ICD_FILE, icd), (MDS_FOLDERS[0], MDS_FILE, mds)):
            (root / folder).mkdir()
            (root / folder / file).write_text("\n".join(lines) + "\n", encoding="ascii")


def _mds_heading() -> str:
    general = "general_subject_id,general_data,general_strat_fold,general_ecg_no_within_stay"
    values = [f'"{column}"' if "," in column else column for column in MDS_VALUES.values()]
    return ",".join([general, *(f"deterioration_{name}" for name in DETERIORATION), *values])


def _vary(measured: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Widths and axes that differ by recording, and the machine's numbers for what it could not measure."""
    n = len(measured)
    measured["qrs_end"] = (280 + rng.integers(-20, 60, n)).astype(str)
    measured["t_end"] = (560 + rng.integers(-60, 80, n)).astype(str)
    for axis in ("p_axis", "qrs_axis", "t_axis"):
        measured[axis] = rng.integers(-60, 120, n).astype(str)
    measured.loc[measured.index % 11 == 4, ["rr_interval"]] = "65535"
    measured.loc[measured.index % 7 == 2, ["p_onset", "p_end"]] = "29999"
    measured.loc[measured.index % 7 == 2, ["p_axis"]] = "32767"
    measured.loc[measured.index % 13 == 6, ["t_end"]] = "29999"
    return measured
