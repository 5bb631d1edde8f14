"""SaMi-Trop, as its authors publish it on Zenodo: one HDF5 file, and a table joined with it by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.array_rows import hdf5_rows
from tasks.datasets.telehealth import FOLLOW_UP, TelehealthDataset, flags, followed, on_zenodo, person

if TYPE_CHECKING:
    import pandas as pd


class SaMiTrop(TelehealthDataset):
    """1,631 recordings of 1,631 patients with Chagas cardiomyopathy, followed for up to 3.4 years (SaMi-Trop)."""

    # Cardoso et al., BMJ Open 6:e011181, 2016. A normal ECG here is no healthy control: all patients have the disease. Each
    # recording is tested in one of the task's folds, so that no part may be set aside for pretraining: results after
    # pretraining on it are stamped "test records".
    name = "sami-trop"
    title = "SaMi-Trop"
    url = "https://zenodo.org/records/4905618"
    citation = """@article{cardoso2016longitudinal,
  title = {Longitudinal study of patients with chronic {Chagas} cardiomyopathy in {Brazil} ({SaMi-Trop} project): a cohort
    profile},
  author = {Cardoso, C. S. and Sabino, E. C. and Oliveira, C. D. and de Oliveira, L. C. and Ferreira, A. M. and
    Cunha-Neto, E. and Bierrenbach, A. L. and Ferreira, J. E. and Haikal, D. S. and Reingold, A. L. and Ribeiro, A. L.},
  journal = {BMJ Open},
  volume = {6},
  pages = {e011181},
  year = {2016},
  doi = {10.1136/bmjopen-2016-011181}
}"""
    fetch = "Get the files with: bench data download sami-trop (from https://zenodo.org/records/4905618)"
    publication = on_zenodo("sami-trop", title, "1", "4905618", "exams.csv", "exams.zip")
    full_size: ClassVar[dict[str, int]] = {"1": 1_631}
    overlaps: ClassVar = {"code-full": "some of its patients, whom CODE's publisher lists"}

    def check(self) -> None:
        self._present(self.root / "exams.csv", self.root / "exams.hdf5")

    def index_files(self) -> list[Path]:
        return [self.root / "exams.csv"]

    def version(self) -> str:
        n_records = len(self._table(self.root / "exams.csv", ("exam_id",)))
        return "1" if n_records == self.full_size["1"] else f"1 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (the exam), in the order of the HDF5 file's rows.

        ``age``, ``sex``
            years; ``male`` or ``female``.
        ``normal``
            1 if the ECG is normal, else 0.
        ``years``, ``event``
            of follow-up, and 1 for death at its end.
        ``row``
            in the HDF5 file.
        """
        import pandas as pd

        path = self.root / "exams.csv"
        exams = self._table(path, ("exam_id", "age", "is_male", "normal_ecg", *FOLLOW_UP))
        n_rows = len(hdf5_rows(self.root / "exams.hdf5", "tracings", self.fetch))
        if len(exams) != n_rows:
            raise DataError(
                f"{path} has {len(exams):,} rows and exams.hdf5 {n_rows:,}; expected one number, as they are joined by row. "
                f"{self.fetch}"
            )
        ids = exams["exam_id"].tolist()
        records = pd.DataFrame({"patient_id": ids, **person(exams, path)}, index=pd.Index(ids, name="record_id"))
        records["normal"] = flags(exams["normal_ecg"], path, "normal_ecg").astype(float)
        records["years"], records["event"] = followed(exams, path)
        return records.assign(row=np.arange(len(records)))

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        path = self.root / "exams.hdf5"
        return [
            RecordFile(exam, path, {"row": int(row)}) for exam, row in zip(records.index, records["row"], strict=True)
        ]

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.code15 import simulate_sami_trop

        simulate_sami_trop(destination, n_records=n_records, seed=seed)
