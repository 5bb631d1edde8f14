"""CPSC2018 (ICBEB): the challenge's own MATLAB structures with REFERENCE.csv, or the WFDB files of CinC 2020."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.dataset import Publication, RecordFile, Recording, path_inside
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from bench.splitting.stratify import stratified_folds, stratified_parts
from tasks.cpsc2018 import CLASSES
from tasks.datasets.challenge_files import clean_age, clean_sex, read_notes, records_below
from tasks.datasets.file_constants import CPSC2018_FS, CPSC2018_NUMBERS, CPSC2018_SNOMED
from tasks.datasets.folds import age_group, fold_roles
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.sentences import DatasetWithStatements

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "REFERENCE.csv"
LABEL_COLUMNS = ("First_label", "Second_label", "Third_label")
DATABASE = "icbeb_database.csv"
PATTERN = "A[0-9][0-9][0-9][0-9]"

SIZES = {"train": 4950, "validation": 551, "test": 1376}
"""Sizes of MERL's random partition, which ours has too."""


class CPSC2018(DatasetWithStatements):
    """6,877 recordings of 6 to 144 s with one to three of nine labels (CPSC2018, also called ICBEB)."""

    # Liu et al., J Med Imaging Health Inform 8:1368, 2018. No patient ids were published: each recording is its own.
    name = "cpsc2018"
    title = "CPSC2018"
    url = "http://2018.icbeb.org/Challenge.html"
    access = "open"
    license = "CC BY 4.0"
    citation = """@article{liu2018cpsc,
  title = {An Open Access Database for Evaluating the Algorithms of Electrocardiogram Rhythm and Morphology
    Abnormality Detection},
  author = {Liu, Feifei and Liu, Chengyu and Zhao, Lina and Zhang, Xiangyu and Wu, Xiaoling and Xu, Xiaoyan and
    Liu, Yulin and Ma, Caiyun and Wei, Shoushui and He, Zhiqiang and Li, Jianqing and Ng, Eddie Yin Kwee},
  journal = {Journal of Medical Imaging and Health Informatics},
  volume = {8},
  number = {7},
  pages = {1368--1373},
  year = {2018},
  doi = {10.1166/jmihi.2018.2442}
}"""
    fetch = (
        "Get CinC 2020's copy of the files with: bench data download cpsc2018; or the challenge's own "
        "(TrainingSet1-3.zip and REFERENCE.csv) from http://2018.icbeb.org/Challenge.html."
    )
    publication = Publication(
        "cpsc_2018",
        "CPSC2018 in CinC 2020's copy",
        "1.0.2",
        "https://physionet.org/files/challenge-2020/1.0.2/",
        license="CC BY 4.0",
        folder="training/cpsc_2018/",
    )
    full_size: ClassVar[dict[str, int]] = {"2018": 6_877}
    aliases: ClassVar[tuple[str, ...]] = ("icbeb", "icbeb2018", "cpsc")
    overlaps: ClassVar = {
        "cinc2020": "all of it is among its training data, under the same record names",
        "cinc2021": "all of it is among its training data, under the same record names",
    }
    rates = (CPSC2018_FS,)
    largest_mv = 33.0  # int16 in units of 1 microvolt
    owns_root = True
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 1000
    format_version = 1

    def check(self) -> None:
        if not self._wfdb() and not self._references():
            raise DataError(
                f"{self.root} holds neither WFDB headers ({PATTERN}.hea, as CinC 2020 publishes them) nor {REFERENCE} "
                f"(as the challenge does). {self.fetch}"
            )

    def index_files(self) -> list[Path]:
        database = self.root / DATABASE
        return [*([] if self._wfdb() else self._references()), *([database] if database.is_file() else [])]

    def version(self) -> str:
        n_records = len(self._wfdb() or self._native())
        return "2018" if n_records == self.full_size["2018"] else f"2018 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``A0001``).

        Columns: ``labels`` (list of classes, in the challenge's order of the labels), ``statements`` (the same in
        words), ``age`` (years, NaN if unknown), ``sex`` (``male``, ``female`` or ``""``), ``seconds``, ``path``, and
        derived ones:

        ``partition``
            ``train``, ``validation`` or ``test``: our label-stratified partition, of the sizes of MERL's.
        ``fold``
            1 to 10: folds stratified on labels, sex and age group, the procedure of Strodthoff et al. (IEEE JBHI 2021).
            Their own folds depend on the order in which a file system listed the recordings, and were not released.
        ``released_fold``
            only if the root holds an ``icbeb_database.csv`` that their script wrote: its ``strat_fold``.
        """
        import pandas as pd

        rows = self._wfdb_rows() if self._wfdb() else self._native_rows()
        records = pd.DataFrame(rows).set_index("record_id").sort_index()
        labels = records["labels"].tolist()
        ids = records.index.tolist()
        records["patient_id"] = ids
        records["statements"] = [[CLASSES[label] for label in record_labels] for record_labels in labels]
        labelled = np.array([bool(record_labels) for record_labels in labels])
        parts = np.full(len(records), "train", dtype=object)
        with_labels = [record_labels for record_labels in labels if record_labels]
        parts[labelled] = stratified_parts(
            [record_id for record_id, has in zip(ids, labelled, strict=True) if has], with_labels, SIZES, "cpsc2018"
        )
        records["partition"] = parts.astype(str)
        balanced = [
            [*record_labels, sex or "sex unknown", age_group(age)]
            for record_labels, sex, age in zip(labels, records["sex"], records["age"], strict=True)
        ]
        records["fold"] = stratified_folds(ids, balanced, 10, "icbeb")
        if (self.root / DATABASE).is_file():
            records["released_fold"] = self._released_folds(records.index)
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        layout = "wfdb" if self._wfdb() else "native"
        return [
            RecordFile(record, path_inside(self.root, path, f"{self.root}: record {record}"), {"layout": layout})
            for record, path in zip(records.index, records["path"], strict=True)
        ]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        if file.facts["layout"] == "wfdb":
            from bench.signals.wfdb_files import read_recording

            return read_recording(file.path)
        return Recording(read_structure(file.path.with_name(file.path.name + ".mat"))["data"], fs=float(CPSC2018_FS))

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Records on which no available partition tests: ours, the ten folds, and those that a user imported."""
        roles = [records["partition"], *(fold_roles(records[c]) for c in ("fold", "released_fold") if c in records)]
        if "merl_partition" in records:
            roles.append(records["merl_partition"])
        return outside_every_test(roles)

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.cpsc2018 import simulate_cpsc2018

        simulate_cpsc2018(destination, n_records=n_records, seed=seed)

    # -- the two layouts ----------------------------------------------------------------------------------------------

    def _wfdb(self) -> dict[str, Path]:
        return records_below(self.root, PATTERN, ".hea")

    def _native(self) -> dict[str, Path]:
        return records_below(self.root, PATTERN, ".mat")

    def _references(self) -> list[Path]:
        return sorted(self.root.rglob(REFERENCE))

    def _wfdb_rows(self) -> list[dict[str, Any]]:
        rows = []
        for record, path in self._wfdb().items():
            header = path.with_name(path.name + ".hea")
            notes = read_notes(header)
            unknown = [code for code in notes.codes if code not in CPSC2018_SNOMED]
            if unknown or notes.no_codes:
                what = notes.no_codes or f"has the code {unknown[0]!r} in its #Dx line"
                self.findings.unusable[record] = (
                    f"{header} {what}; expected SNOMED CT codes of the nine classes of CPSC2018 "
                    f"({', '.join(CPSC2018_SNOMED)})."
                )
            seconds = notes.n_samples / notes.fs if notes.n_samples and notes.fs else float("nan")
            labels = [CPSC2018_SNOMED[code] for code in notes.codes if code in CPSC2018_SNOMED]
            rows.append(self._row(record, path, labels, notes.age, notes.sex, seconds))
        return rows

    def _native_rows(self) -> list[dict[str, Any]]:
        labels = self._reference_labels()
        rows = []
        for record, path in self._native().items():
            if record not in labels:
                self.findings.unusable[record] = f"{path}.mat has no row in {REFERENCE}, which holds the labels."
            file = path.with_name(path.name + ".mat")
            try:
                structure = read_structure(file)
            except DataError:  # it makes itself known again when the signal is read, where the user may skip it
                structure = {"age": float("nan"), "sex": "", "data": np.zeros((12, 0))}
            seconds = structure["data"].shape[1] / CPSC2018_FS or float("nan")
            rows.append(self._row(record, path, labels.get(record, []), structure["age"], structure["sex"], seconds))
        found_here = {row["record_id"] for row in rows}
        absent = sorted(record for record in labels if record not in found_here)
        if absent and rows:
            self.findings.remark(f"{len(absent):,} rows of {REFERENCE} have no recording in {self.root}", absent)
        if not rows:
            raise DataError(f"{self.root}: {REFERENCE} exists, but no recording ({PATTERN}.mat) does. {self.fetch}")
        return rows

    def _row(self, record: str, path: Path, labels: list[str], age: float, sex: str, seconds: float) -> dict[str, Any]:
        where = path.relative_to(self.root).as_posix()
        return {
            "record_id": record,
            "labels": list(dict.fromkeys(labels)),
            "age": age,
            "sex": sex,
            "seconds": seconds,
            "path": where,
        }

    def _reference_labels(self) -> dict[str, list[str]]:
        """Record -> its classes. The three training sets come with one file each, or one for all; they must agree."""
        labels_by_record: dict[str, list[str]] = {}
        for path in self._references():
            table = read_table(path, ("Recording", *LABEL_COLUMNS), self.fetch)
            for line, row in enumerate(table.to_dict("records"), start=2):
                record = str(row["Recording"]).strip()
                numbers = [str(row[c]).strip() for c in LABEL_COLUMNS if str(row[c]).strip() not in ("", "nan")]
                wrong = [n for n in numbers if not re.fullmatch(r"[1-9](\.0)?", n)]
                if wrong or not numbers:
                    raise DataError(
                        f"{path}: line {line} ({record}) has the label {wrong[0] if wrong else ''!r}; expected numbers "
                        f"from 1 to 9. {self.fetch}"
                    )
                labels = [CPSC2018_NUMBERS[int(n[0])] for n in numbers]
                if labels_by_record.setdefault(record, labels) != labels:
                    raise DataError(
                        f"{path}: line {line} gives {record} the labels {', '.join(labels)}, and an earlier row "
                        f"{', '.join(labels_by_record[record])}; expected one row per recording. {self.fetch}"
                    )
        return labels_by_record

    def _released_folds(self, index: pd.Index) -> pd.Series:
        import pandas as pd

        path = self.root / DATABASE
        table = read_table(path, ("filename", "strat_fold"), "Write it again with Strodthoff's script, or remove it.")
        folds = pd.to_numeric(table["strat_fold"], errors="coerce")
        if not folds.isin(range(1, 11)).all() or table["filename"].duplicated().any():
            raise DataError(f"{path}: expected distinct filenames and folds from 1 to 10 (strat_fold).")
        return pd.Series(folds.to_numpy(), index=table["filename"]).reindex(index).fillna(0).astype("int64")


def read_structure(path: Path) -> dict[str, Any]:
    """One of the challenge's MATLAB files: ``data`` float64 [lead, time] in mV, ``age`` in years, ``sex``.

    The twelve rows are I, II, III, aVR, aVL, aVF, V1-V6, as the challenge documents; the file does not name them.

    Raises:
        DataError: the file is missing, damaged or of another shape.
    """
    import scipy.io

    hint = "Fetch the record again from the publisher, or leave it out with --on-bad-record skip."
    if not path.is_file():
        raise DataError(f"{path} is missing. {hint}")
    try:
        content = scipy.io.loadmat(path, variable_names=["ECG"])
    except Exception as error:  # scipy raises whatever its parser stumbles on
        what = str(error) or type(error).__name__
        raise DataError(f"{path} cannot be read as a MATLAB file: {what}. {hint}") from error
    structure = content.get("ECG")
    fields = getattr(getattr(structure, "dtype", None), "names", None) or ()
    if structure is None or structure.size != 1 or not {"sex", "age", "data"} <= set(fields):
        description = f"fields {', '.join(fields)}" if fields else "no such structure"
        raise DataError(f"{path}: expected a structure ECG with sex, age and data; found {description}. {hint}")
    ecg = structure.reshape(-1)[0]
    data = np.asarray(ecg["data"])
    if data.ndim != 2 or data.shape[0] != 12 or not data.shape[1] or data.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: ECG.data has shape {data.shape} and type {data.dtype}; expected 12 leads of numbers in mV. {hint}"
        )
    age, sex = np.asarray(ecg["age"]).reshape(-1), np.asarray(ecg["sex"]).reshape(-1)
    return {
        "data": data.astype(np.float64),
        "age": clean_age(age[0]) if len(age) else float("nan"),
        "sex": clean_sex(sex[0]) if len(sex) else "",
    }
