"""ZZU pECG, a paediatric ECG database of Zhengzhou, as its authors publish it on figshare: WFDB records, one table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import Publication, RecordFile, Recording, path_inside
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from tasks.datasets.challenge_files import clean_sex, records_below
from tasks.datasets.folds import balanced_folds, fold_roles
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.sentences import DatasetWithStatements
from tasks.datasets.zzu_entries import bare, split, without_modifiers
from tasks.zzu_pecg import DISEASES, FINDINGS

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTES, DISEASE_CODES, SIGNALS = "AttributesDictionary.csv", "DiseaseCode.csv", "Child_ecg"
DISEASE_COLUMNS = ("ICD-10 Code", "Disease Type")
COLUMNS = ("Filename", "ECG_ID", "Patient_ID", "Age", "Gender", "Acquisition_date", "Lead", "AHA_code", "ICD-10 code")
PATTERN = "P[0-9][0-9][0-9][0-9][0-9]_E[0-9]*"
DAYS_PER_YEAR = 365.0  # the authors' conversion

NOT_IN_NINE = ("V2", "V4", "V6")
"""The leads that 1,856 recordings lack: these have I, II, III, aVR, aVL, aVF, V1, V3 and V5, so that row 7 is V3."""

_GROUPS = {"congenital": "CHD", "myocarditis": "MYO", "kawasaki": "KD", "cardiomyopathy": "CM"}
"""Beginning of a disease type in DiseaseCode.csv -> disease group; its last row, of other diseases, is in none."""


class ZZUPECG(DatasetWithStatements):
    """14,190 recordings of 5 to 120 s of 11,643 children, of twelve leads or nine (ZZU pECG)."""

    # Tan et al., Scientific Data 12:867, 2025. Children with nine leads are ill more often (50.3 % against 22.6 %).
    name = "zzu-pecg"
    title = "ZZU pECG (children)"
    url = "https://doi.org/10.6084/m9.figshare.27078763"
    access = "open"
    license = "CC BY 4.0"
    citation = """@article{tan2025zzu,
  title = {A pediatric {ECG} database with disease diagnosis covering 11643 children},
  author = {Tan, Jian and Fan, Haoyi and Luo, Jiawei and Zhou, Yanjie and Wang, Ning and Wang, Xizheng and Liu, Guizhi and
    Liu, Chengyu and Wang, Zongmin},
  journal = {Scientific Data},
  volume = {12},
  number = {1},
  pages = {867},
  year = {2025},
  doi = {10.1038/s41597-025-05225-z}
}"""
    fetch = "Get the files with: bench data download zzu-pecg (from https://doi.org/10.6084/m9.figshare.27078763)"
    publication = Publication(
        "zzu-pecg",
        title,
        "1",
        "https://api.figshare.com/v2/articles/",
        license="CC BY 4.0",
        include=(ATTRIBUTES, DISEASE_CODES, "ECGCode.csv", "Child_ecg.zip", "Child_ecg.z01"),
        archive_records=("27078763",),
        unpack=("Child_ecg.zip",),
    )
    full_size: ClassVar[dict[str, int]] = {"1": 14_190}
    aliases: ClassVar[tuple[str, ...]] = ("zzu", "zzu-ecg")
    rates = (500,)
    largest_mv = 60.0  # 11.8 % of the recordings saturate at 26.6 mV
    owns_root = True
    subgroups = ("sex", "n_leads")
    text_sources = ("statements",)
    simulated_records = 1000
    format_version = 2

    def check(self) -> None:
        for path in self.index_files():
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")
        if not (self.root / SIGNALS).is_dir():
            raise DataError(f"{self.root} has no folder {SIGNALS}/ with the signals. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / ATTRIBUTES, self.root / DISEASE_CODES]

    def version(self) -> str:
        n_records = len(self._table())
        return "1" if n_records == self.full_size["1"] else f"1 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``P00001_E01``).

        ``ecg_id``, ``patient_id``, ``age``, ``age_days``, ``sex``, ``date``
            as published; the child; age in years and in days, NaN if unknown; ``male``, ``female`` or ``""``; as published.
        ``entries``
            findings as published: ``L145+Modifier362``, ``Suggests208``, or words where the AHA list has no code.
        ``codes``
            the same without modifiers, each once: ``L145``, ``Suggests208``, words in small letters.
        ``statements``
            findings in words.
        ``icd10``, ``diseases``
            codes of the stay as published, with the study's prefixes; their groups in DiseaseCode.csv (``CHD``, ``MYO``,
            ``KD``, ``CM``).
        ``n_leads``
            12, or 9 (without V2, V4 and V6).
        ``path``
            of the record.
        ``fold``
            1 to 10: ours, of children, balanced by finding, disease, sex and age.
        """
        import pandas as pd

        table, paths = self._table(), records_below(self.root, PATTERN, ".hea")
        group_of = self._groups()
        rows = []
        for row in table.to_dict("records"):
            record = bare(row["Filename"]).replace("\\", "/").rpartition("/")[2].removesuffix(".hea")
            entries, icd = split(row["AHA_code"]), split(row["ICD-10 code"])
            codes = list(dict.fromkeys(without_modifiers(entry) for entry in entries))
            groups = {group_of[code] for code in icd if code in group_of}
            days = re.fullmatch(r"(\d+)\s*d?", bare(row["Age"]))
            path = paths.get(record, self.root / SIGNALS / record[:3] / record[:6] / record)
            rows.append(
                {
                    "record_id": record,
                    "ecg_id": bare(row["ECG_ID"]),
                    "patient_id": bare(row["Patient_ID"]),
                    "age": int(days[1]) / DAYS_PER_YEAR if days else float("nan"),
                    "age_days": float(days[1]) if days else float("nan"),
                    "sex": clean_sex(bare(row["Gender"])),
                    "date": bare(row["Acquisition_date"]),
                    "entries": entries,
                    "codes": codes,
                    "statements": [FINDINGS.get(code, code) for code in codes],
                    "icd10": icd,
                    "diseases": [group for group in DISEASES if group in groups],
                    "path": path.relative_to(self.root).as_posix(),
                    "n_leads": 9 if bare(row["Lead"]) == "9" else 12,
                }
            )
        records = pd.DataFrame(rows).set_index("record_id")
        if records.index.has_duplicates:
            twice = records.index[records.index.duplicated()][0]
            raise DataError(f"{self.root / ATTRIBUTES}: record {twice} is in two rows; expected one. {self.fetch}")
        balanced = [[*codes, *groups] for codes, groups in zip(records["codes"], records["diseases"], strict=True)]
        records["fold"] = balanced_folds(records, balanced, self.name)
        fewer = records.index[records["n_leads"] == 9].tolist()
        if fewer:
            self.findings.remark(
                f"{len(fewer):,} recordings have nine leads instead of twelve; {_share_ill(records, fewer):.1%} of them have "
                f"a studied disease, of the others {_share_ill(records, records.index.difference(fewer).tolist()):.1%}",
                fewer,
            )
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return [
            RecordFile(
                record,
                path_inside(self.root, path, f"{self.root / ATTRIBUTES}: record {record}"),
                {"n_leads": int(n_leads)},
            )
            for record, path, n_leads in zip(records.index, records["path"], records["n_leads"], strict=True)
        ]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        from bench.signals.wfdb_files import read_recording

        return read_recording(file.path, may_lack=NOT_IN_NINE if file.facts["n_leads"] == 9 else ())

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Folds 1-8 train and 9 validates; fold 10 is never seen."""
        return outside_every_test([fold_roles(records["fold"])])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.zzu_pecg import simulate_zzu

        simulate_zzu(destination, n_records=n_records, seed=seed)

    def _table(self) -> pd.DataFrame:
        return read_table(self.root / ATTRIBUTES, COLUMNS, self.fetch, keep_default_na=False)

    def _groups(self) -> dict[str, str]:
        """Code of a disease, with the study's prefix where it has one -> its group."""
        table = read_table(self.root / DISEASE_CODES, DISEASE_COLUMNS, self.fetch, keep_default_na=False)
        types = {
            code.strip(): kind.strip().lower() for code, kind in zip(*(table[c] for c in DISEASE_COLUMNS), strict=True)
        }
        return {
            code: group for code, kind in types.items() for start, group in _GROUPS.items() if kind.startswith(start)
        }


def _share_ill(records: pd.DataFrame, ids: list[str]) -> float:
    return float(records["diseases"][ids].str.len().gt(0).mean()) if ids else 0.0
