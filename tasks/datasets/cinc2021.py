"""Cohorts of the CinC challenge 2021: how each is read, and the two that are published nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.dataset import Publication
from tasks.datasets.challenge_files import read_notes
from tasks.datasets.cinc2021_codes import class_of, codes
from tasks.datasets.folds import balanced_folds
from tasks.datasets.wfdb_folder import WFDBFolder

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

VERSION = "1.0.3"
CITATION = """@article{reyna2022issues,
  title = {Issues in the automated classification of multilead {ECGs} using heterogeneous labels and populations},
  author = {Reyna, Matthew A. and Sadr, Nadi and Alday, Erick A. Perez and Gu, Annie and Shah, Amit J. and
    Robichaux, Chad and Rad, Ali Bahrami and Elola, Andoni and Seyedi, Salman and Ansari, Sardar and others},
  journal = {Physiological Measurement},
  volume = {43},
  number = {8},
  pages = {084001},
  year = {2022},
  doi = {10.1088/1361-6579/ac79fd}
}"""


def publication_of(name: str, title: str) -> Publication:
    """The folder of a cohort in the challenge's publication."""
    return Publication(
        name,
        title,
        VERSION,
        f"https://physionet.org/files/challenge-2021/{VERSION}/",
        license="CC BY 4.0",
        folder=f"training/{name}/",
    )


def fetch_with(name: str) -> str:
    """How to get a cohort."""
    return (
        f"Get the files with: bench data download {name} (from https://physionet.org/content/challenge-2021/{VERSION}/)"
    )


_CHALLENGES = {
    "cinc2020": "all of it is among its training data, under the same record names",
    "cinc2021": "all of it is among its training data, under the same record names",
}


class CinC2021Cohort(WFDBFolder):
    """A folder of the challenge's training data: WFDB headers with age, sex and SNOMED CT codes, samples in ``.mat``."""

    # Reyna et al., Physiological Measurement 43:084001, 2022. No patient ids were published: each recording is its own.
    url = f"https://physionet.org/content/challenge-2021/{VERSION}/"
    access = "open"
    license = "CC BY 4.0"
    citation = CITATION
    rates = (500,)
    largest_mv = 33.0  # int16 in units of 1 microvolt
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    simulated_records = 1000

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id``. Read from the headers. The order of codes in a header has no meaning, and some
        headers repeat a code.

        ``codes``
            SNOMED CT codes, each once.
        ``labels``
            the challenge's abbreviations of these codes, rare ones too; codes that its tables lack are left out.
        ``statements``
            the same in words. 426783006 is "sinus rhythm", though some cohorts write it for a normal ECG.
        ``age``, ``sex``
            years, NaN if unknown; ``male``, ``female`` or ``""``.
        ``seconds``, ``path``
            length, NaN if the header does not state it; the file.
        ``fold``
            1 to 10: ours, balanced by label, sex and age group (:mod:`tasks.datasets.folds`).
        """
        import pandas as pd

        rows, without, unnamed = [], [], []
        for record, path in self._paths().items():
            header = path.with_name(path.name + ".hea")
            notes = read_notes(header)
            if notes.malformed:
                self.findings.unusable[record] = f"{header} {notes.no_codes}."
            elif notes.no_codes:
                without.append(record)
            distinct = list(dict.fromkeys(notes.codes))
            if any(code not in codes() for code in distinct):
                unnamed.append(record)
            known = [code for code in distinct if code in codes()]
            rows.append(
                {
                    "record_id": record,
                    "patient_id": record,
                    "codes": distinct,
                    "labels": list(dict.fromkeys(class_of(code, self.name) for code in known)),
                    "statements": [codes()[code].words for code in known],
                    "age": notes.age,
                    "sex": notes.sex,
                    "seconds": notes.n_samples / notes.fs if notes.n_samples and notes.fs else float("nan"),
                    "path": path.relative_to(self.root).as_posix(),
                }
            )
        if without:
            self.findings.remark(
                f"{len(without):,} recordings have no code in their header and are in no task", without
            )
        if unnamed:
            self.findings.remark(
                f"{len(unnamed):,} recordings have a code that the challenge's tables lack; it is no label", unnamed
            )
        records = pd.DataFrame(rows).set_index("record_id")
        records["fold"] = balanced_folds(records, records["labels"].tolist(), self.name)
        return records

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.cinc2021 import simulate_cohort

        simulate_cohort(destination, cls.name, n_records=n_records, seed=seed)


class Georgia(CinC2021Cohort):
    """10,344 recordings of 5 to 10 s with SNOMED CT codes from Emory University, Atlanta (Georgia)."""

    name = "georgia"
    title = "Georgia 12-lead ECG challenge database"
    fetch = fetch_with("georgia")
    publication = publication_of("georgia", title)
    full_size: ClassVar[dict[str, int]] = {VERSION: 10_344}
    aliases: ClassVar[tuple[str, ...]] = ("cinc2021-georgia", "g12ec")
    overlaps: ClassVar = _CHALLENGES
    pattern = "E[0-9][0-9][0-9][0-9][0-9]"


class CPSCExtra(CinC2021Cohort):
    """3,453 recordings of 8 to 98 s with SNOMED CT codes: those that CPSC2018 collected and did not use."""

    name = "cpsc-extra"
    title = "CPSC-Extra"
    fetch = fetch_with("cpsc-extra")
    publication = publication_of("cpsc_2018_extra", title)
    full_size: ClassVar[dict[str, int]] = {VERSION: 3_453}
    aliases: ClassVar[tuple[str, ...]] = ("cpsc2018-extra", "cpsc-2018-extra")
    overlaps: ClassVar = _CHALLENGES
    pattern = "Q[0-9][0-9][0-9][0-9]"
