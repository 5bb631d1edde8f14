"""PTBDB, the PTB Diagnostic ECG Database as PhysioNet publishes it: 15 signals at 1000 Hz, diagnoses in the headers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.dataset import Publication
from bench.errors import DataError
from tasks.datasets.challenge_files import clean_age, clean_sex
from tasks.datasets.folds import balanced_folds
from tasks.datasets.wfdb_folder import WFDBFolder

if TYPE_CHECKING:
    import pandas as pd

ADMISSION = {
    "myocardial infarction": "MI",
    "healthy control": "HC",
    "cardiomyopathy": "CM",
    "bundle branch block": "BBB",
    "dysrhythmia": "DYS",
    "hypertrophy": "HYP",
    "valvular heart disease": "VHD",
    "myocarditis": "MYO",
    "stable angina": "SA",
    "unstable angina": "UA",
    "heart failure": "HF",
    "palpitation": "PAL",
}
"""Beginning of the reason for admission -> class."""


class PTBDB(WFDBFolder):
    """549 recordings of 32 to 120 s of 290 patients with the diagnosis at admission (PTBDB)."""

    # Bousseljot et al., Biomedizinische Technik 40(s1):317, 1995. The Frank leads vx, vy, vz are not read.
    name = "ptbdb"
    title = "PTB Diagnostic ECG Database"
    url = "https://physionet.org/content/ptbdb/1.0.0/"
    access = "open"
    license = "ODC-By 1.0"
    citation = """@article{bousseljot1995ptb,
  title = {Nutzung der {EKG}-Signaldatenbank {CARDIODAT} der {PTB} {\\"u}ber das Internet},
  author = {Bousseljot, R. and Kreiseler, D. and Schnabel, A.},
  journal = {Biomedizinische Technik},
  volume = {40},
  number = {s1},
  pages = {317--318},
  year = {1995},
  doi = {10.13026/C28C71}
}"""
    fetch = "Get the files with: bench data download ptbdb (from https://physionet.org/content/ptbdb/1.0.0/)"
    publication = Publication(
        "ptbdb",
        "PTB Diagnostic ECG Database",
        "1.0.0",
        "https://physionet.org/files/ptbdb/1.0.0/",
        license="ODC-By 1.0",
    )
    full_size: ClassVar[dict[str, int]] = {"1.0.0": 549}
    aliases: ClassVar[tuple[str, ...]] = ("ptb",)
    overlaps: ClassVar = {
        "cinc2020": "516 of its recordings are among the training data, under other numbers",
        "cinc2021": "516 of its recordings are among the training data, under other numbers",
    }
    rates = (1000,)
    largest_mv = 16.4  # int16 in units of 0.5 microvolt
    owns_root = True
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 200
    pattern = "s[0-9][0-9][0-9][0-9]*"
    validation_folds, test_folds = (7, 8), (9, 10)

    def records(self) -> pd.DataFrame:
        """Metadata from the comments of the headers, index ``record_id`` (``s0010_re``). ``n/a`` is empty.

        ``patient_id``
            the folder (``patient001``); 113 patients have up to seven recordings.
        ``age``, ``sex``
            years, NaN if unknown; ``male``, ``female`` or ``""``.
        ``admission``, ``diagnosis``
            the reason for admission as published; its class (``MI``, ``HC``, ...) as a list, empty if there is none.
        ``localization``, ``additional``
            of an acute infarction; additional diagnoses.
        ``statements``
            reason for admission, localization and additional diagnoses, where there are any.
        ``ecg_date``, ``infarction_date``, ``catheterization_dates``
            as published; headers have two dates of catheterization, of which both are listed.
        ``path``
            of the record.
        ``fold``
            1 to 10: ours, of patients, balanced by diagnosis, sex and age group.
        """
        import pandas as pd

        rows = []
        for record, path in self._paths().items():
            notes = self._notes(record, path)
            said = {key: "; ".join(values) for key, values in notes.items()}
            admission = said.get("reason for admission", "")
            localization = said.get("acute infarction (localization)", "")
            additional = said.get("additional diagnoses", "")
            classes = [code for words, code in ADMISSION.items() if admission.lower().startswith(words)]
            rows.append(
                {
                    "record_id": record,
                    "patient_id": path.parent.name,
                    "age": clean_age(said.get("age", "")),
                    "sex": clean_sex(said.get("sex", "")),
                    "admission": admission,
                    "diagnosis": classes[:1],
                    "localization": localization,
                    "additional": additional,
                    "statements": [
                        text.lower() for text in (admission, localization, additional) if text and text.lower() != "no"
                    ],
                    "ecg_date": said.get("ecg date", ""),
                    "infarction_date": said.get("infarction date (acute)", ""),
                    "catheterization_dates": notes.get("catheterization date", []),
                    "path": path.relative_to(self.root).as_posix(),
                }
            )
        records = pd.DataFrame(rows).set_index("record_id")
        other = records["admission"].ne("") & records["diagnosis"].str.len().eq(0)
        if other.any():
            self.findings.remark(
                f"{int(other.sum()):,} recordings have another reason for admission (such as "
                f"{records['admission'][other].iloc[0]!r}), which is no class",
                records.index[other].tolist(),
            )
        records["fold"] = balanced_folds(records, records["diagnosis"].tolist(), self.name)
        return records

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.ptbdb import simulate_ptbdb

        simulate_ptbdb(destination, n_records=n_records, seed=seed)

    def _notes(self, record: str, path: Path) -> dict[str, list[str]]:
        """Key in small letters -> its values in order, without ``n/a``; nothing for a header that cannot be read."""
        from bench.signals.wfdb_header import read_header

        try:
            comments = read_header(path).comments
        except DataError as error:
            self.findings.unusable[record] = str(error)
            return {}
        notes: dict[str, list[str]] = {}
        for comment in comments:
            key, _, value = comment.partition(":")
            if value.strip() and value.strip().lower() != "n/a":
                notes.setdefault(key.strip().lower(), []).append(value.strip())
        return notes
