"""CSN, the Chapman-Shaoxing-Ningbo database as PhysioNet publishes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import Publication, RecordFile, Recording
from bench.errors import DataError
from bench.progress import counted
from bench.reading.publisher_csv import read_table
from bench.splitting.stratify import stratified_parts
from tasks.csn import CLASSES, substring_labels, whole_labels
from tasks.datasets.challenge_files import (
    CSN_PATTERN,
    SLIPPED,
    csn_records_below,
    read_notes,
    read_slipped,
    record_files,
)
from tasks.datasets.file_constants import CSN_CONDITIONS
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.sentences import DatasetWithStatements

if TYPE_CHECKING:
    import pandas as pd

CONDITION_COLUMNS = ("Acronym Name", "Full Name", "Snomed_CT")
SIZES = {"train": 16546, "validation": 1860, "test": 4620}
"""Sizes of MERL's random partition, which ours has too."""

_MERGED_LINES = re.compile(r"(\S+) (\d+) (\d+) (\d+)00/mV (.*)")


class CSN(DatasetWithStatements):
    """45,152 ten-second recordings with SNOMED CT codes from Chapman, Shaoxing and Ningbo (CSN)."""

    # Zheng et al., "A large scale 12-lead electrocardiogram database for arrhythmia study", PhysioNet 2022. One
    # recording a patient, says the publisher; there are no patient ids.
    name = "csn"
    title = "Chapman-Shaoxing-Ningbo (CSN)"
    url = "https://physionet.org/content/ecg-arrhythmia/1.0.0/"
    access = "open"
    license = "CC BY 4.0"
    citation = """@misc{zheng2022csn,
  title = {A large scale 12-lead electrocardiogram database for arrhythmia study},
  author = {Zheng, Jianwei and Guo, Hangyuan and Chu, Huimin},
  howpublished = {PhysioNet, version 1.0.0},
  year = {2022},
  doi = {10.13026/wgex-er52}
}"""
    fetch = "Get the files with: bench data download csn (from https://physionet.org/content/ecg-arrhythmia/1.0.0/)"
    publication = Publication(
        "ecg-arrhythmia",
        "Chapman-Shaoxing-Ningbo",
        "1.0.0",
        "https://physionet.org/files/ecg-arrhythmia/1.0.0/",
        license="CC BY 4.0",
    )
    full_size: ClassVar[dict[str, int]] = {"1.0.0": 45_152}
    aliases: ClassVar[tuple[str, ...]] = ("chapman-shaoxing-ningbo", "ecg-arrhythmia")
    overlaps: ClassVar = {
        "ningbo": "all of it is part of CSN, under the same record names",
        "chapman-figshare": "has 10,247 of its 10,646 recordings, in microvolts there",
        "cinc2021": "all of it is among its training data, under the same record names",
    }
    rates = (500,)
    largest_mv = 33.0  # int16 in units of 1 microvolt
    owns_root = True
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 2000
    format_version = 1

    def check(self) -> None:
        path = self.root / CSN_CONDITIONS
        if not path.is_file():
            raise DataError(f"{path} is missing. {self.fetch}")
        if next(self.root.rglob(CSN_PATTERN + ".hea"), None) is None:
            raise DataError(
                f"{self.root} holds no header {CSN_PATTERN}.hea, neither next to {CSN_CONDITIONS} nor below WFDBRecords/. "
                f"{self.fetch}"
            )

    def index_files(self) -> list[Path]:
        """The table of conditions. The labels stand in 45,152 headers, which are not watched for changes."""
        return [self.root / CSN_CONDITIONS]

    def version(self) -> str:
        n_records, n_published = len(self._paths()), self.full_size["1.0.0"]
        return "1.0.0" if n_records == n_published else f"1.0.0 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``JS00001``).

        Columns: ``codes`` (SNOMED CT, as in the header), ``acronyms`` (their names in the publisher's table, the first
        one of several for one code; codes that it lacks are left out), ``age``, ``sex``, ``path``, ``statements`` (the
        conditions in words), and what the tasks read:

        ``kept``
            whether MERL's rule keeps the recording: every code is in the table, and sinus bradycardia is not the only
            one. It drops about half.
        ``labels``
            those of the 38 classes that the recording has.
        ``labels_merl``
            the labels as MERL made them: a class counts as present when its acronym occurs anywhere in the text of the
            recording's acronyms. So ``ST`` also holds for ``STE``, ``STDD``, ``STTC`` and ``STTU``, ``AF`` for
            ``AFIB``, ``VB`` for ``AVB``.
        ``partition``
            ``train``, ``validation`` or ``test`` of the kept ones: our label-stratified partition, of the sizes of
            MERL's; ``""`` for the others.
        """
        import pandas as pd

        names, words = self._conditions()
        rows, without = [], []
        for record, path in self._paths().items():
            header = path.with_name(path.name + ".hea")
            notes = read_notes(header)
            if notes.malformed:
                self.findings.unusable[record] = f"{header} {notes.no_codes}."
            elif notes.no_codes:
                without.append(record)
            acronyms = [names[code] for code in notes.codes if code in names]
            known = bool(notes.codes) and len(acronyms) == len(notes.codes)
            rows.append(
                {
                    "record_id": record,
                    "patient_id": record,
                    "codes": list(notes.codes),
                    "acronyms": acronyms,
                    "statements": [words[acronym] for acronym in acronyms],
                    "age": notes.age,
                    "sex": notes.sex,
                    "path": path.relative_to(self.root).as_posix(),
                    "kept": known and acronyms != ["SB"],
                    "labels": whole_labels(acronyms),
                    "labels_merl": substring_labels(acronyms),
                }
            )
        if without:
            self.findings.remark(
                f"{counted(len(without), 'recording')} without a code in the header, in no task", without
            )
        records = pd.DataFrame(rows).set_index("record_id")
        chosen = records[records["kept"]]
        parts = pd.Series("", index=records.index, dtype=object)
        parts[chosen.index] = stratified_parts(chosen.index.tolist(), chosen["labels"].tolist(), SIZES, "csn")
        records["partition"] = parts.astype(str)
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return record_files(self.root, records)

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        """Of all of CSN, whatever part of it is read."""
        read = [(record, name) for record, path in self._paths().items() for name in {path, path.with_name(record)}]
        return super().unread_files([RecordFile(record, name) for record, name in read])

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """Two published headers (JS01052, JS23074) have lost the end of their first line and the beginning of the
        second; what is missing is the same in every record, and the checksum proves the repaired reading right."""
        from bench.signals.wfdb_files import read_recording
        from bench.signals.wfdb_header import parse_header, read_header_text

        path = file.path.with_name(file.path.name + ".hea")
        text = read_header_text(path)
        first, _, rest = text.partition("\n")
        slip = _MERGED_LINES.fullmatch(first.strip())
        if slip is None:
            return read_slipped(file.path) if path.stem == SLIPPED else read_recording(file.path)
        name, n_leads, fs, samples, tail = slip.groups()
        repaired = f"{name} {n_leads} {fs} {samples}\n{name}.mat 16+24 1000/mV {tail}\n{rest}"
        return read_recording(file.path, parse_header(path, repaired))

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Records on which no available partition tests: ours, and MERL's once it is imported."""
        return outside_every_test([records[c] for c in ("partition", "merl_partition") if c in records])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.csn import simulate_csn

        simulate_csn(destination, n_records=n_records, seed=seed)

    def _paths(self) -> dict[str, Path]:
        """Record id -> its path without extension."""
        return csn_records_below(self.root)

    def _conditions(self) -> tuple[dict[str, str], dict[str, str]]:
        """(code -> acronym, acronym -> words)."""
        path = self.root / CSN_CONDITIONS
        table = read_table(path, CONDITION_COLUMNS, self.fetch, keep_default_na=False)
        names: dict[str, str] = {}
        words: dict[str, str] = {}
        for line, (acronym, full, code) in enumerate(table[list(CONDITION_COLUMNS)].itertuples(index=False), start=2):
            if not acronym.strip() or not re.fullmatch("[0-9]+", code.strip()):
                raise DataError(
                    f"{path}: line {line} has the acronym {acronym!r} and the code {code!r}; expected a name and a "
                    f"number. {self.fetch}"
                )
            names.setdefault(code.strip(), acronym.strip())
            words[acronym.strip()] = CLASSES.get(acronym.strip()) or " ".join(full.lower().split())
        return names, words
