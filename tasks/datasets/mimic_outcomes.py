"""MIMIC-IV-ECG with its companions: discharge diagnoses, age and sex (Ext-ICD), deterioration (MDS-ED), intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.errors import DataError
from bench.reading.publisher_csv import read_chunks
from tasks.datasets.companion_folders import find_companion
from tasks.datasets.file_constants import MIMIC_MEASUREMENTS
from tasks.datasets.mimic_companions import (
    DETERIORATION,
    ICD_COLUMNS,
    ICD_FILE,
    ICD_FOLDERS,
    MDS_COLUMNS,
    MDS_FILE,
    MDS_FOLDERS,
    MDS_VALUES,
    MEASURED,
    diagnoses,
    intervals,
    outcomes,
)
from tasks.datasets.mimic_iv_ecg import MIMICIVECG

if TYPE_CHECKING:
    import pandas as pd


class MIMICOutcomes(MIMICIVECG):
    """MIMIC-IV-ECG's recordings with discharge diagnoses, age, sex, intervals and, where available, emergency outcomes."""

    # Strodthoff et al., European Heart Journal - Digital Health 5:454, 2024 (Ext-ICD). A dataset apart from the corpus,
    # so that a corpus that was pretrained on does not change when a companion is put next to it.
    name = "mimic-outcomes"
    title = "MIMIC-IV-ECG with outcomes (Ext-ICD, MDS-ED)"
    url = "https://physionet.org/content/mimic-iv-ecg-ext-icd-labels/1.0.1/"
    access = "credentialed"
    license = "ODbL 1.0 (signals); PhysioNet Credentialed Health Data License 1.5.0 (companions)"
    citation = """@article{strodthoff2024prospects,
  title = {Prospects for artificial intelligence-enhanced electrocardiogram as a unified screening tool for cardiac and
    non-cardiac conditions: an explorative study in emergency care},
  author = {Strodthoff, Nils and Lopez Alcaraz, Juan Miguel and Haverkamp, Wilhelm},
  journal = {European Heart Journal - Digital Health},
  volume = {5},
  number = {4},
  pages = {454--460},
  year = {2024},
  doi = {10.1093/ehjdh/ztae039}
}"""
    fetch = (
        f"With a PhysioNet account and its training, get {ICD_FILE} from "
        "https://physionet.org/content/mimic-iv-ecg-ext-icd-labels/1.0.1/ and, for emergency outcomes, "
        f"{MDS_FILE} from https://physionet.org/content/multimodal-emergency-benchmark/1.0.0/. Put them into MIMIC-IV-ECG's "
        "folder or next to it, in folders of these names; the signals: bench data download mimic-iv-ecg"
    )
    publication = None
    reads_files_of = "mimic-iv-ecg"
    aliases: ClassVar[tuple[str, ...]] = ("mds-ed", "mimic-iv-ecg-ext-icd")
    overlaps: ClassVar = {
        "mimic-iv-ecg": "the same recordings",
        "mimic-iv-ecg-demo": "659 of its recordings, under other study ids",
        "symile-mimic": "its ECGs are of MIMIC-IV-ECG",
    }
    partition_rules = ()
    format_version = 2
    subgroups = ("age", "sex")
    simulated_records = 1000

    def check(self) -> None:
        super().check()
        if self._icd() is None:
            raise DataError(
                f"{self.root / ICD_FILE} is missing, and {ICD_FOLDERS[0]}/ next to it has none. {self.fetch}"
            )

    def index_files(self) -> list[Path]:
        companions = (self._icd(), find_companion(self.root, MDS_FILE, MDS_FOLDERS))
        return [*super().index_files(), *(path for path in companions if path is not None)]

    def records(self) -> pd.DataFrame:
        """MIMIC-IV-ECG's columns, index ``record_id`` (the ``study_id``), and:

        ``patient_id``, ``ecg_time``, ``path``, ``statements``, ``merl_kept``
            as in ``mimic-iv-ecg``.
        ``icd10``, ``chapters``, ``diagnosed``
            discharge diagnoses with their prefixes of three characters or more; their chapters; whether there are any. Of
            800,035 recordings 332,030 have none: unknown, not healthy.
        ``age``, ``sex``
            years, NaN if unknown or above 89; ``male``, ``female`` or ``""``.
        ``rr``, ``qrs``, ``qt``, ``qtc``, ``p_axis``, ``qrs_axis``, ``t_axis``
            machine measurements in ms and degrees, NaN where the machine could not measure.
        ``severe_hypoxemia``, ``ecmo``, ``vasopressors``, ``inotropes``, ``mechanical_ventilation``, ``cardiac_arrest``
            deterioration from 1.5 h after arrival, 0 or 1, NaN if not assessable or without MDS-ED.
        ``icu_24h``, ``icu_stay``
            intensive care within 24 h and in the stay, likewise.
        ``mortality_1d``, ``mortality_7d``, ``mortality_28d``, ``mortality_90d``, ``mortality_180d``, ``mortality_365d``
            death within so many days, likewise.
        ``mortality_stay``
            death in the stay, likewise.
        ``basophil_count``, ``eosinophil_count``, ``lymphocyte_count``, ``alt``, ``albumin``, ``alkaline_phosphatase``
            first laboratory values within 90 minutes of arrival, NaN if not measured or without MDS-ED.
        ``ast``, ``bands``, ``base_excess``, ``basophils``, ``bicarbonate``, ``bilirubin_direct``, ``bilirubin_total``
            likewise.
        ``crp``, ``calcium``, ``carboxyhemoglobin``, ``chloride``, ``creatine_kinase``, ``ck_mb``, ``creatinine``
            likewise.
        ``eosinophils``, ``fibrinogen``, ``free_calcium``, ``glucose``, ``hematocrit``, ``hemoglobin``, ``inr``
            likewise.
        ``lactate``, ``lymphocytes``, ``magnesium``, ``neutrophils``, ``oxygen_saturation``, ``pt``, ``ptt``
            likewise.
        ``phosphate``, ``platelets``, ``potassium``, ``rdw``, ``red_blood_cells``, ``sodium``, ``troponin_t``
            likewise.
        ``urea_nitrogen``, ``white_blood_cells``, ``pco2``, ``ph``
            likewise.
        ``temperature``, ``heartrate``, ``resprate``, ``o2sat``, ``sbp``, ``dbp``
            first vital signs, likewise.
        ``bmi``, ``weight``, ``height``
            of the nearest date, likewise.
        ``icd_fold``, ``strat_fold``, ``mds_fold``
            0 to 19: the publishers', of patients; 18 validates, 19 tests. -1 for a recording that takes no part.
        """
        records = super().records()
        path = self._icd()
        assert path is not None
        joined = diagnoses(path, self._read(path, ICD_COLUMNS)).reindex(records.index)
        if joined["icd_fold"].isna().any():
            absent = joined.index[joined["icd_fold"].isna()].tolist()
            self.findings.remark(f"{len(absent):,} recordings have no row in {path.name}, and so no diagnoses", absent)
            for column in ("icd10", "chapters"):
                joined[column] = [some if isinstance(some, list) else [] for some in joined[column]]
            joined = joined.fillna({"diagnosed": False, "sex": "", "icd_fold": -1, "strat_fold": -1})
        joined = joined.astype({"diagnosed": bool, "icd_fold": "int64", "strat_fold": "int64"})
        measurements = read_chunks(self.root / MIMIC_MEASUREMENTS, ("study_id", *MEASURED), self.fetch)
        measured = intervals(measurements).reindex(records.index)
        emergency = find_companion(self.root, MDS_FILE, MDS_FOLDERS)
        columns: dict[str, Any] = {**joined, **measured}
        if emergency is None:
            columns |= {name: np.full(len(records), np.nan, np.float32) for name in (*DETERIORATION, *MDS_VALUES)}
            columns["mds_fold"] = np.full(len(records), -1)
            self.findings.remark(
                f"{MDS_FILE} is not available: no recording has an outcome of the emergency department"
            )
        else:
            wanted = (*MDS_COLUMNS, *(f"deterioration_{name}" for name in DETERIORATION), *MDS_VALUES.values())
            table = outcomes(emergency, self._read(emergency, wanted), records).reindex(records.index)
            columns |= {**table, "mds_fold": table["mds_fold"].fillna(-1).astype("int64")}
        return records.assign(**columns)

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame, rule: str = "") -> dict[str, np.ndarray]:
        """Recordings of patients whom no published fold tests or validates on, and those whom one validates on."""
        folds = records[["icd_fold", "strat_fold"]].to_numpy()
        tested, validated = (folds == 19).any(axis=1), (folds == 18).any(axis=1)
        patients, emergency = records["patient_id"], records["mds_fold"]  # of a patient's recordings one has the fold
        tested |= patients.isin(patients[emergency == 19]).to_numpy(bool)
        validated |= patients.isin(patients[emergency == 18]).to_numpy(bool)
        return {"train": ~tested & ~validated, "validation": validated & ~tested}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.mimic_outcomes import simulate_outcomes

        simulate_outcomes(destination, n_records=n_records, seed=seed)

    def _icd(self) -> Path | None:
        return find_companion(self.root, ICD_FILE, ICD_FOLDERS)

    def _read(self, path: Path, columns: tuple[str, ...]) -> Any:
        # MDS-ED has some 2,400 columns, of which few rows fit in memory
        return read_chunks(path, columns, self.fetch, rows=2_000)
