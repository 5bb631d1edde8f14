"""MIMIC-IV-ECG, as PhysioNet publishes it: 500 Hz WFDB records, a list of them, and the machine's statements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from bench.dataset import Dataset, Publication, RecordFile, Recording, path_inside
from bench.errors import ConfigError, DataError
from bench.reading.publisher_csv import read_chunks
from bench.splitting.stratify import hash_fraction
from tasks.datasets.file_constants import MIMIC_MEASUREMENTS, MIMIC_RECORD_LIST, MIMIC_REPORTS
from tasks.datasets.mimic_reports import MINIMUM_WORDS, merl_report, merl_words, sentences

if TYPE_CHECKING:
    import pandas as pd

VALIDATION_SHARE = 0.02
"""MERL's released code: 98 % train, 2 % validation."""
MERL_SEED = 42


class MIMICIVECG(Dataset):
    """800,035 ten-second recordings of 161,352 patients with machine statements (MIMIC-IV-ECG): a corpus."""

    # Gow et al., "MIMIC-IV-ECG: Diagnostic Electrocardiogram Matched Subset", PhysioNet 2023.
    name = "mimic-iv-ecg"
    title = "MIMIC-IV-ECG"
    url = "https://physionet.org/content/mimic-iv-ecg/1.0/"
    access: ClassVar[Literal["open", "credentialed"]] = "open"
    license = "ODbL 1.0"
    citation = """@misc{gow2023mimicivecg,
  title = {{MIMIC-IV-ECG}: Diagnostic Electrocardiogram Matched Subset},
  author = {Gow, Brian and Pollard, Tom and Nathanson, Larry A. and Johnson, Alistair and others},
  howpublished = {PhysioNet, version 1.0},
  year = {2023},
  doi = {10.13026/4nqg-sb35}
}"""
    fetch = (
        "Get the files (about 95 GB) with: bench data download mimic-iv-ecg (from "
        "https://physionet.org/content/mimic-iv-ecg/1.0/)"
    )
    publication: ClassVar[Publication | None] = Publication(
        "mimic-iv-ecg",
        "MIMIC-IV-ECG",
        "1.0",
        "https://physionet.org/files/mimic-iv-ecg/1.0/",
        license="ODbL 1.0",  # "Open Access", says its page, unlike the other modules of MIMIC-IV
    )
    full_size: ClassVar[dict[str, int]] = {"1.0": 800_035}
    aliases: ClassVar[tuple[str, ...]] = ("mimic-ecg", "mimic-iv-ecg-diagnostic")
    overlaps: ClassVar = {
        "mimic-iv-ecg-ext-icd": "discharge diagnoses of the same recordings",
        "mimic-iv-ecg-demo": "659 of its recordings, under other study ids",
        "symile-mimic": "its ECGs are of MIMIC-IV-ECG",
    }
    rates = (500,)
    largest_mv = 165.0  # int16 in units of 5 microvolts
    owns_root = True
    text_sources = ("cleaned", "statements")
    partition_rules: ClassVar[tuple[str, ...]] = ("patient", "merl")
    simulated_records = 2000
    format_version = 1

    def check(self) -> None:
        for path in self.index_files():
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")
        if not (self.root / "files").is_dir():
            raise DataError(f"{self.root} has no folder files/ with the signals. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / MIMIC_RECORD_LIST, self.root / MIMIC_MEASUREMENTS]

    def version(self) -> str:
        n_records = sum(map(len, read_chunks(self.root / MIMIC_RECORD_LIST, ("study_id",), self.fetch)))
        return "1.0" if n_records == self.full_size["1.0"] else f"1.0 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (the ``study_id``), in the order of the record list.

        Columns: ``patient_id`` (``subject_id``), ``ecg_time`` (as written; ``""`` if it is no time), ``path``, ``statements``
        (list: the fields ``report_0`` to ``report_17`` of the measurements that are not empty, found by study id), and
        ``merl_kept``: whether MERL's rule keeps the recording (its text has at least four words).
        """
        import pandas as pd

        path, columns = self.root / MIMIC_RECORD_LIST, ("subject_id", "study_id", "ecg_time", "path")
        table = pd.concat(read_chunks(path, columns, self.fetch), ignore_index=True)
        for column in ("subject_id", "study_id"):
            wrong = ~table[column].str.fullmatch("[0-9]+").to_numpy(bool)
            if wrong.any():
                row = int(wrong.argmax())
                raise DataError(
                    f"{path}: line {row + 2} has {column} {table[column].iloc[row]!r}; expected a number. {self.fetch}"
                )
        twice = table["study_id"].duplicated().to_numpy(bool)
        if twice.any():
            study = table["study_id"].iloc[int(twice.argmax())]
            raise DataError(f"{path}: study_id {study} is in more than one row; expected once. {self.fetch}")
        reports = self._reports()
        studies = table["study_id"]
        times = pd.to_datetime(table["ecg_time"], errors="coerce", format="ISO8601")
        for words, odd in (
            (f"rows of {MIMIC_RECORD_LIST} have an invalid ecg_time", times.isna()),
            (f"recordings have no row in {MIMIC_MEASUREMENTS}, and so no statements", ~studies.isin(list(reports))),
        ):
            if odd.any():
                self.findings.remark(f"{int(odd.sum()):,} {words}", studies[odd].tolist())
        if extra := len(reports.keys() - set(studies)):
            self.findings.remark(f"{extra:,} rows of {MIMIC_MEASUREMENTS} have no recording in {MIMIC_RECORD_LIST}")
        statements = [reports.get(study, []) for study in table["study_id"]]
        return pd.DataFrame(
            {
                "patient_id": table["subject_id"].to_numpy(),
                "ecg_time": table["ecg_time"].where(times.notna(), "").to_numpy(),
                "path": table["path"].to_numpy(),
                "statements": statements,
                "merl_kept": [merl_words(record_statements) >= MINIMUM_WORDS for record_statements in statements],
            },
            index=pd.Index(table["study_id"], name="record_id"),
        )

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        where = self.root / MIMIC_RECORD_LIST
        return [
            RecordFile(record, path_inside(self.root, path, f"{where}: study_id {record}"))
            for record, path in zip(records.index, records["path"], strict=True)
        ]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """The published lead order is I, II, III, aVR, aVF, aVL, V1-V6; leads are put in order by their names."""
        from bench.signals.wfdb_files import read_recording

        return read_recording(file.path)

    @classmethod
    def text(cls, records: pd.DataFrame, source: str) -> list[str]:
        """``cleaned``: as MERL's released code does; ``statements``: every statement as a separate sentence."""
        if source == "cleaned":
            return [
                merl_report(record_statements) if len(record_statements) else ""
                for record_statements in records["statements"]
            ]
        if source == "statements":
            return [sentences(record_statements) for record_statements in records["statements"]]
        return super().text(records, source)

    @classmethod
    def pretraining_partition(
        cls, records: pd.DataFrame, rule: Literal["patient", "merl"] = "patient"
    ) -> dict[str, np.ndarray]:
        """98 % of the kept records for training, 2 % for validation.

        ``patient`` keeps every patient on one side, by a hash of the patient id. ``merl`` draws records as MERL's
        released code does (scikit-learn's ``train_test_split``, random state 42): of the complete dataset 756,259 and
        15,434, with patients on both sides.
        """
        kept = records["merl_kept"].to_numpy(bool)
        if rule == "merl":
            from sklearn.model_selection import train_test_split

            validates = np.zeros(len(records), bool)
            rows = np.flatnonzero(kept)
            if len(rows) > 1:
                validates[train_test_split(rows, test_size=VALIDATION_SHARE, random_state=MERL_SEED)[1]] = True
        elif rule == "patient":
            patients, patient_index = np.unique(records["patient_id"].to_numpy(dtype=str), return_inverse=True)
            validates = (hash_fraction(patients.tolist(), cls.name) < VALIDATION_SHARE)[patient_index]
        else:
            raise ConfigError(f"unknown rule for the pretraining partition {rule!r}; expected patient or merl.")
        return {"train": kept & ~validates, "validation": kept & validates}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.mimic import simulate_mimic

        simulate_mimic(destination, n_records=n_records, seed=seed)

    def _reports(self) -> dict[str, list[str]]:
        """Study id -> its statements. They repeat a few thousand wordings, of which one copy each is kept."""
        statements_by_study: dict[str, list[str]] = {}
        path = self.root / MIMIC_MEASUREMENTS
        for chunk in read_chunks(path, ("study_id", *MIMIC_REPORTS), self.fetch):
            for study, *fields in chunk.itertuples(index=False):
                if study in statements_by_study:
                    raise DataError(f"{path}: study_id {study} is in more than one row; expected once. {self.fetch}")
                statements_by_study[study] = [sys.intern(str(field)) for field in fields if field]
        return statements_by_study
