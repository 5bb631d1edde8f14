"""INCART, the St Petersburg 12-lead arrhythmia database as PhysioNet publishes it: half-hour records, annotated beats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.dataset import Publication
from bench.errors import DataError
from tasks.datasets.challenge_files import clean_age, clean_sex
from tasks.datasets.folds import balanced_folds
from tasks.datasets.wfdb_folder import WFDBFolder

if TYPE_CHECKING:
    import pandas as pd

SECONDS = 10
FS = 257

AAMI = {
    **dict.fromkeys("NRBjn", "N"),
    **dict.fromkeys("AS", "S"),
    "V": "V",
    "F": "F",
    "Q": "Q",
}
"""Symbol of a beat -> class of the AAMI; other annotations (12 ``+`` marks) are no beats."""
RUN = 3
"""Ventricular beats in a row that are a run."""

_FIELD = re.compile(r"<(\w+)>:?\s*([^<\n]*)")
_PATIENT = re.compile(r"patient\s+(\d+)", re.IGNORECASE)


class INCART(WFDBFolder):
    """75 half-hour recordings of twelve leads of 32 patients, with 175,907 annotated beats (INCART)."""

    name = "incart"
    title = "St Petersburg INCART 12-lead Arrhythmia Database"
    url = "https://physionet.org/content/incartdb/1.0.0/"
    access = "open"
    license = "ODC-By 1.0"
    citation = """@misc{tihonenko2008incart,
  title = {{St Petersburg INCART} 12-lead Arrhythmia Database},
  author = {Tihonenko, Viktor and Khaustov, Alexander and Ivanov, Sergey and Rivin, Alexei and Yakushenko, Eugene},
  howpublished = {PhysioNet, version 1.0.0},
  year = {2008},
  doi = {10.13026/C2V88N}
}"""
    fetch = "Get the files with: bench data download incart (from https://physionet.org/content/incartdb/1.0.0/)"
    publication = Publication(
        "incartdb", "St Petersburg INCART", "1.0.0", "https://physionet.org/files/incartdb/1.0.0/", license="ODC-By 1.0"
    )
    full_size: ClassVar[dict[str, int]] = {"1.0.0": 75}
    aliases: ClassVar[tuple[str, ...]] = ("incartdb", "st-petersburg-incart")
    overlaps: ClassVar = {
        "cinc2020": "74 of its 75 recordings are among the training data, quantised again",
        "cinc2021": "74 of its 75 recordings are among the training data, quantised again",
    }
    rates = (FS,)
    largest_mv = 137.0  # int16 in units of 1/240 mV at least; four leads are pinned at the rail
    owns_root = True
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 40
    pattern = "I[0-9][0-9]*"
    validation_folds, test_folds = (7, 8), (9, 10)

    def index_files(self) -> list[Path]:
        """The annotations, which hold the labels."""
        annotations = (path.with_name(path.name + ".atr") for path in self._paths().values())
        return [path for path in annotations if path.is_file()]

    def records(self) -> pd.DataFrame:
        """Metadata from headers and annotations, index ``record_id`` (``I01``).

        ``patient_id``
            the number in the header's comments; the record itself where there is none.
        ``age``, ``sex``
            years, NaN if unknown; ``male``, ``female`` or ``""``.
        ``statements``
            diagnoses and findings as written.
        ``windows``
            for each ten seconds from the start, the classes of :mod:`tasks.incart` in it, joined by ``+``; ``""`` for a
            window in which no beat is annotated.
        ``path``
            of the record.
        ``fold``
            1 to 10: ours, of patients, balanced by class, sex and age group.
        """
        import pandas as pd

        rows = []
        for record, path in self._paths().items():
            comments, n_samples = self._header(record, path)
            fields = {key.lower(): value.strip() for key, value in _FIELD.findall("\n".join(comments))}
            patient = next((match[1] for match in map(_PATIENT.search, comments) if match), record)
            said = [fields.get("diagnoses", "")] + [c for c in comments if "<" not in c and not _PATIENT.search(c)]
            rows.append(
                {
                    "record_id": record,
                    "patient_id": patient,
                    "age": clean_age(fields.get("age", "")),
                    "sex": clean_sex(fields.get("sex", "")),
                    "statements": [text.strip().lower() for text in said if text.strip()],
                    "windows": self._windows(record, path, n_samples),
                    "path": path.relative_to(self.root).as_posix(),
                }
            )
        records = pd.DataFrame(rows).set_index("record_id")
        labels = [sorted({c for window in some for c in window.split("+") if c}) for some in records["windows"]]
        records["fold"] = balanced_folds(records, labels, self.name)
        return records

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.incart import simulate_incart

        simulate_incart(destination, n_records=n_records, seed=seed)

    def _header(self, record: str, path: Path) -> tuple[Sequence[str], int]:
        from bench.signals.wfdb_header import read_header

        try:
            header = read_header(path)
        except DataError as error:
            self.findings.unusable[record] = str(error)
            return (), 0
        return header.comments, header.n_samples or 0

    def _windows(self, record: str, path: Path, n_samples: int) -> list[str]:
        """The classes of each whole window of ten seconds."""
        import wfdb

        annotations = path.with_name(path.name + ".atr")
        if not annotations.is_file():
            self.findings.unusable[record] = f"{annotations} is missing. Fetch the record again from the publisher."
            return []
        try:
            beats = wfdb.rdann(str(path), "atr")
        except Exception as error:  # wfdb raises whatever its parser stumbles on
            self.findings.unusable[record] = f"{annotations} cannot be read: {error}. Fetch the record again."
            return []
        windows: list[list[str]] = [[] for _ in range(n_samples // (SECONDS * FS))]
        for sample, symbol in zip(beats.sample, beats.symbol, strict=True):
            window = int(sample) // (SECONDS * FS)
            if symbol in AAMI and window < len(windows):
                windows[window].append(AAMI[symbol])
        return ["+".join(window_classes(kinds)) for kinds in windows]


def window_classes(kinds: Sequence[str]) -> list[str]:
    """The classes of a window from the AAMI classes of its beats in order; none for a window without beats."""
    if not kinds:
        return []
    classes = [kind for kind in ("S", "V", "F") if kind in kinds]
    if "V" * RUN in "".join(kinds):
        classes.append("run")
    return classes or ["none"]
