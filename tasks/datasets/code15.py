"""CODE-15 %, as its authors publish it on Zenodo: eighteen HDF5 parts and a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import RecordFile, path_inside
from bench.errors import DataError
from bench.signals.array_rows import hdf5_rows
from tasks.datasets.folds import balanced_folds, fold_roles, linked_patients
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.telehealth import FINDINGS, FOLLOW_UP, TelehealthDataset, flags, followed, on_zenodo, person

if TYPE_CHECKING:
    import pandas as pd


class CODE15(TelehealthDataset):
    """345,779 recordings of 233,770 patients with six findings, normality and follow-up (CODE-15 %)."""

    # Ribeiro et al., Nature Communications 11:1760, 2020; Lima et al., Nature Communications 12:5117, 2021. Some recordings
    # occur under two patients.
    name = "code15"
    title = "CODE-15 %"
    url = "https://zenodo.org/records/4916206"
    citation = """@article{lima2021deep,
  title = {Deep neural network-estimated electrocardiographic age as a mortality predictor},
  author = {Lima, Emilly M. and Ribeiro, Ant{\\^o}nio H. and Paix{\\~a}o, Gabriela M. M. and Ribeiro, Manoel Horta and
    Pinto-Filho, Marcelo M. and Gomes, Paulo R. and Oliveira, Derick M. and Sabino, Ester C. and Duncan, Bruce B. and
    Giatti, Luana and Barreto, Sandhi M. and Meira Jr., Wagner and Sch{\\"o}n, Thomas B. and Ribeiro, Antonio Luiz P.},
  journal = {Nature Communications},
  volume = {12},
  pages = {5117},
  year = {2021},
  doi = {10.1038/s41467-021-25351-7}
}"""
    fetch = (
        "Get the files (48 GB, 66 GB more unpacked) with: bench data download code15; or some of them: bench data download "
        "code15 --only exams.csv --only exams_part0.zip (from https://zenodo.org/records/4916206)"
    )
    publication = on_zenodo("code15", title, "1.0.0", "4916206", "exams.csv", "exams_part*.zip")
    full_size: ClassVar[dict[str, int]] = {"1.0.0": 345_779}
    aliases: ClassVar[tuple[str, ...]] = ("code-15", "code15%")
    format_version = 2
    overlaps: ClassVar = {"code-full": "a sample of its patients"}

    def check(self) -> None:
        self._present(self.root / "exams.csv")
        if not any(self.root.glob("exams_part*.hdf5")):
            raise DataError(f"{self.root} holds no exams_part*.hdf5. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / "exams.csv"]

    def version(self) -> str:
        n_records = len(self._exams())
        return "1.0.0" if n_records == self.full_size["1.0.0"] else f"1.0.0 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata of the exams whose part is available, index ``record_id`` (the exam).

        ``age``, ``sex``
            years; ``male`` or ``female``.
        ``1dAVb``, ``RBBB``, ``LBBB``, ``SB``, ``ST``, ``AF``
            1 or 0.
        ``normal``
            1 if the report says normal, 0 with any of the six findings, else NaN: neither is unknown, not normal.
        ``years``, ``event``
            of follow-up, and 1 for death at its end; NaN where the patient was not followed.
        ``part``
            the HDF5 file.
        ``fold``
            1 to 10: ours, of patients, balanced by finding, normality, sex and age group. Patients who share a copy of a
            recording are in one fold: the age that the publisher's network predicted for it is the same to all digits.
        """
        import pandas as pd

        exams = self._exams()
        findings = {name: flags(exams[name], self.root / "exams.csv", name) for name in FINDINGS}
        any_finding = np.any(list(findings.values()), axis=0)
        records = pd.DataFrame(
            {
                "patient_id": exams["patient_id"].str.strip().tolist(),
                **person(exams, self.root / "exams.csv"),
                **findings,
            },
            index=pd.Index(exams["exam_id"].tolist(), name="record_id"),
        )
        said_normal = flags(exams["normal_ecg"], self.root / "exams.csv", "normal_ecg") == 1
        records["normal"] = np.where(any_finding, 0.0, np.where(said_normal, 1.0, np.nan))
        records["years"], records["event"] = followed(exams, self.root / "exams.csv")
        records["part"] = exams["trace_file"].tolist()
        rows = zip(*findings.values(), strict=True)
        labels = [[name for name, flag in zip(FINDINGS, row, strict=True) if flag] for row in rows]
        labels = [some or [f"normal {normal}"] for some, normal in zip(labels, records["normal"], strict=True)]
        together = linked_patients(records["patient_id"].tolist(), exams["nn_predicted_age"].str.strip().tolist())
        records["fold"] = balanced_folds(records.assign(patient_id=together), labels, "code15")
        both = int((said_normal & any_finding.astype(bool)).sum())
        lacking = self._lacking(self._table(self.root / "exams.csv", ("trace_file",)))
        if lacking:
            self.findings.remark(f"parts are not available, and their exams are left out: {', '.join(lacking)}")
        if both:
            self.findings.remark(f"{both:,} exams are called normal and have a finding; they count as not normal")
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        """Exams are found in their part by number: the rows of exams.csv have another order."""
        parts = {}
        for part in records["part"].unique():
            path = path_inside(self.root, part, f"{self.root / 'exams.csv'}: column trace_file")
            ids = np.asarray(hdf5_rows(path, "exam_id", self.fetch)[:])
            parts[part] = path, {str(exam): row for row, exam in enumerate(ids.tolist())}
        files = []
        for exam, part in zip(records.index, records["part"], strict=True):
            path, rows = parts[part]
            if exam not in rows:
                raise DataError(f"{path} has no exam {exam}, which exams.csv says it has. {self.fetch}")
            files.append(RecordFile(exam, path, {"row": rows[exam]}))
        return files

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        """CODE-test, another dataset, may lie in the folder."""
        return [path for path in super().unread_files(files) if path.relative_to(self.root).parts[0] != "code-test"]

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Folds 1-8 train, 9 validates; fold 10 is never seen."""
        return outside_every_test([fold_roles(records["fold"])])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.code15 import simulate_code15

        simulate_code15(destination, n_records=n_records, seed=seed)

    def _exams(self) -> pd.DataFrame:
        columns = (
            "exam_id",
            "age",
            "is_male",
            "nn_predicted_age",
            *FINDINGS,
            "patient_id",
            *FOLLOW_UP,
            "normal_ecg",
            "trace_file",
        )
        table = self._table(self.root / "exams.csv", columns)
        lacking = self._lacking(table)
        return table[~table["trace_file"].isin(lacking).to_numpy(bool)]

    def _lacking(self, table: pd.DataFrame) -> list[str]:
        """The parts that are not available. A path that leaves the folder is not among them: it is refused later."""
        parts = sorted(part for part in table["trace_file"].unique() if "/" not in part and "\\" not in part)
        return [part for part in parts if not (self.root / part).is_file()]
