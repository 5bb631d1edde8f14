"""SPH, the ECG database of Shandong Provincial Hospital, as its authors publish it on figshare: one HDF5 file per record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import Publication, RecordFile, Recording
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from tasks.datasets.folds import ecgbench_folds, fold_roles, rarest_label
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.sentences import DatasetWithStatements
from tasks.datasets.sph_partition import authors_partition

if TYPE_CHECKING:
    import pandas as pd

METADATA, CODES, RECORDS = "metadata.csv", "code.csv", "records"
COLUMNS = ("ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex", "N", "Date")
FS = 500

POOLED = 10
"""Codes with fewer recordings are one stratum of ECGBench's folds."""

_STATEMENT = re.compile(r"\d+(\+\d+)*")


class SPH(DatasetWithStatements):
    """25,770 recordings of 10 to 56 s of 24,666 patients with AHA statements (SPH, Shandong)."""

    # Liu et al., Scientific Data 9:272, 2022.
    name = "sph"
    title = "SPH (Shandong Provincial Hospital)"
    url = "https://doi.org/10.6084/m9.figshare.c.5779802.v1"
    access = "open"
    license = "CC0 1.0"  # so say its items on figshare; the article is CC BY 4.0
    citation = """@article{liu2022sph,
  title = {A large-scale multi-label 12-lead electrocardiogram database with standardized diagnostic statements},
  author = {Liu, Hui and Chen, Dan and Chen, Da and Zhang, Xiyu and Li, Huijie and Bian, Lipan and Shu, Minglei and
    Wang, Yinglong},
  journal = {Scientific Data},
  volume = {9},
  pages = {272},
  year = {2022},
  doi = {10.1038/s41597-022-01403-5}
}"""
    fetch = "Get the files with: bench data download sph (from https://doi.org/10.6084/m9.figshare.c.5779802.v1)"
    publication = Publication(
        "sph",
        title,
        "1",
        "https://api.figshare.com/v2/articles/",
        license="CC0",
        include=(METADATA, CODES, "records.tar.gz"),
        archive_records=("17912441", "17912444", "17912507"),
        unpack=("records.tar.gz",),  # an uncompressed tar, whatever its name
    )
    full_size: ClassVar[dict[str, int]] = {"1": 25_770}
    aliases: ClassVar[tuple[str, ...]] = ("shandong",)
    rates = (FS,)
    largest_mv = 65_504.0  # float16; 323 recordings exceed 10 mV, one reaches 1,590
    owns_root = True
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 1000

    def check(self) -> None:
        for path in self.index_files():
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")
        if not (self.root / RECORDS).is_dir():
            raise DataError(f"{self.root} has no folder {RECORDS}/ with the signals. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / METADATA, self.root / CODES]

    def version(self) -> str:
        n_records = len(self._table())
        return "1" if n_records == self.full_size["1"] else f"1 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``A00001``).

        ``patient_id``, ``age``, ``sex``, ``date``
            ``S00001``; years; ``male`` or ``female``; day of the recording.
        ``aha_code``
            as published: statements separated by ``;``, each a primary code with modifiers after ``+``.
        ``codes``
            primary codes, each once.
        ``statements``
            the statements in the words of ``code.csv``, modifiers in brackets.
        ``n_samples``
            at 500 Hz; 5,000 to 28,000.
        ``partition``
            the authors' 80/20 split, ``train`` and ``test``; a tenth of its training part is ``validation``.
        ``fold``
            1 to 10: ECGBench's, balanced by the rarest code of each record.
        """
        import pandas as pd

        table, words = self._table(), self._words()
        where = self.root / METADATA
        parsed = [self._statements(where, *row) for row in zip(table["ECG_ID"], table["AHA_Code"], strict=True)]
        codes = [list(dict.fromkeys(statement[0] for statement in statements)) for statements in parsed]
        ids, patients = table["ECG_ID"].tolist(), table["Patient_ID"].tolist()
        records = pd.DataFrame(
            {
                "patient_id": patients,
                "age": pd.to_numeric(table["Age"], errors="coerce").astype("float64").to_numpy(),
                "sex": table["Sex"].str.strip().map({"M": "male", "F": "female"}).fillna("").tolist(),
                "date": table["Date"].tolist(),
                "aha_code": table["AHA_Code"].tolist(),
                "codes": codes,
                "statements": [list(dict.fromkeys(_written(s, words) for s in some)) for some in parsed],
                "n_samples": pd.to_numeric(table["N"], errors="coerce").fillna(0).astype("int64").to_numpy(),
            },
            index=pd.Index(ids, name="record_id"),
        )
        records["partition"] = authors_partition(ids, patients, codes)
        records["fold"] = ecgbench_folds(rarest_label(codes, POOLED), patients)
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return [
            RecordFile(record, self.root / RECORDS / f"{record}.h5", {"n_samples": int(n_samples)})
            for record, n_samples in zip(records.index, records["n_samples"], strict=True)
        ]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """The leads are in standard order, which the files do not state; samples are float16 in mV."""
        import h5py

        hint = "Unpack records.tar.gz again, or leave the record out with --on-bad-record skip."
        if not file.path.is_file():
            raise DataError(f"{file.path} is missing. {hint}")
        try:
            with h5py.File(file.path, "r") as content:
                item = content.get("ecg")
                signal = None if not isinstance(item, h5py.Dataset) else np.asarray(item[()])
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise DataError(f"{file.path} is not readable as HDF5 ({error}). {hint}") from error
        shape = (12, file.facts["n_samples"])
        if signal is None or signal.shape != shape or signal.dtype.kind != "f":
            held = "no dataset ecg" if signal is None else f"ecg of {signal.dtype} {list(signal.shape)}"
            raise DataError(f"{file.path} holds {held}; {METADATA} says {list(shape)} numbers in mV. {hint}")
        return Recording(signal.astype(np.float32), fs=float(FS))

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Records on which neither the authors' split nor ECGBench's folds test."""
        return outside_every_test([records["partition"], fold_roles(records["fold"])])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.sph import simulate_sph

        simulate_sph(destination, n_records=n_records, seed=seed)

    def _table(self) -> pd.DataFrame:
        path = self.root / METADATA
        table = read_table(path, COLUMNS, self.fetch, keep_default_na=False)
        wrong = ~table["ECG_ID"].str.fullmatch(r"A\d{5}").to_numpy(bool) | table["ECG_ID"].duplicated().to_numpy(bool)
        if wrong.any():
            row = int(wrong.argmax())
            value = table["ECG_ID"].iloc[row]
            raise DataError(
                f"{path}: line {row + 2} has the ECG_ID {value!r}; expected A and five digits, once. {self.fetch}"
            )
        return table

    def _words(self) -> dict[str, str]:
        """Code -> its description, primary codes and modifiers."""
        table = read_table(self.root / CODES, ("Category", "Code", "Description"), self.fetch, keep_default_na=False)
        return dict(zip(table["Code"].str.strip(), table["Description"].str.strip(), strict=True))

    def _statements(self, where: Path, record: str, text: str) -> list[tuple[str, ...]]:
        """Primary code and modifiers of each statement; those of a malformed text are none, and its record is unusable."""
        parts = [part.strip() for part in text.split(";") if part.strip()]
        wrong = [part for part in parts if not _STATEMENT.fullmatch(part)]
        if wrong or not parts:
            self.findings.unusable[record] = (
                f"{where}: {record} has the AHA_Code {text!r}; expected codes such as 22;23 or 60+310;147."
            )
            return [("0",)]
        return [tuple(part.split("+")) for part in parts]


def _written(statement: tuple[str, ...], words: dict[str, str]) -> str:
    primary, *modifiers = (words.get(code, f"code {code}") for code in statement)
    return f"{primary} ({', '.join(modifiers)})" if modifiers else primary
