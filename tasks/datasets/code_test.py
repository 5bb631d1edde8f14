"""CODE-test, as its authors publish it on Zenodo: one HDF5 file, and tables joined with it by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import RecordFile
from bench.errors import DataError
from bench.signals.array_rows import hdf5_rows
from bench.signals.leads import LEADS
from tasks.datasets.pretraining_rows import outside_every_test
from tasks.datasets.telehealth import FINDINGS, TelehealthDataset, flags, numbers, on_zenodo

if TYPE_CHECKING:
    import pandas as pd

TEST_ORDER = ("I", "II", "III", "aVL", "aVF", "aVR", *LEADS[6:])
"""Leads of CODE-test; the other collections have the standard order."""


class CODETest(TelehealthDataset):
    """827 recordings of 827 patients with six findings agreed on by cardiologists (CODE-test)."""

    # Ribeiro et al., Nature Communications 11:1760, 2020. Everything is joined by row number.
    name = "code-test"
    title = "CODE-test"
    url = "https://zenodo.org/records/3765780"
    citation = """@article{ribeiro2020automatic,
  title = {Automatic diagnosis of the 12-lead {ECG} using a deep neural network},
  author = {Ribeiro, Ant{\\^o}nio H. and Ribeiro, Manoel Horta and Paix{\\~a}o, Gabriela M. M. and Oliveira, Derick M. and
    Gomes, Paulo R. and Canazart, J{\\'e}ssica A. and Ferreira, Milton P. S. and Andersson, Carl R. and Macfarlane, Peter W.
    and Meira Jr., Wagner and Sch{\\"o}n, Thomas B. and Ribeiro, Antonio Luiz P.},
  journal = {Nature Communications},
  volume = {11},
  pages = {1760},
  year = {2020},
  doi = {10.1038/s41467-020-15432-4}
}"""
    fetch = "Get the files with: bench data download code-test (from https://zenodo.org/records/3765780)"
    publication = on_zenodo("code-test", title, "1.0.3", "3765780", "data.zip")
    full_size: ClassVar[dict[str, int]] = {"1.0.3": 827}
    overlaps: ClassVar = {"code-full": "of the same network; whether it has these patients is not published"}

    def check(self) -> None:
        self._present(self._folder / "ecg_tracings.hdf5", *self.index_files())

    def index_files(self) -> list[Path]:
        return [self._folder / "attributes.csv", self._folder / "annotations" / "gold_standard.csv"]

    def version(self) -> str:
        n_records = len(self._table(self.index_files()[0], ("age", "sex")))
        return "1.0.3" if n_records == self.full_size["1.0.3"] else f"1.0.3 ({n_records:,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``test000``: the row).

        ``age``, ``sex``
            years; ``male`` or ``female``.
        ``1dAVb``, ``RBBB``, ``LBBB``, ``SB``, ``ST``, ``AF``
            1 or 0: the gold standard of the cardiologists.
        """
        import pandas as pd

        attributes, gold = self.index_files()
        people, labels = self._table(attributes, ("age", "sex")), self._table(gold, FINDINGS)
        n_rows = len(hdf5_rows(self._folder / "ecg_tracings.hdf5", "tracings", self.fetch))
        if not len(people) == len(labels) == n_rows:
            raise DataError(
                f"{self._folder}: attributes.csv has {len(people):,} rows, gold_standard.csv {len(labels):,} and "
                f"ecg_tracings.hdf5 {n_rows:,}; expected one number, as they are joined by row. {self.fetch}"
            )
        ids = [f"test{row:03d}" for row in range(n_rows)]
        findings = {name: flags(labels[name], gold, name) for name in FINDINGS}
        sex = people["sex"].str.strip().map({"M": "male", "F": "female"}).fillna("").tolist()
        people_columns = {"patient_id": ids, "age": numbers(people["age"], attributes, "age"), "sex": sex}
        return pd.DataFrame({**people_columns, **findings}, index=pd.Index(ids, name="record_id"))

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        path = self._folder / "ecg_tracings.hdf5"
        return [RecordFile(i, path, {"row": int(i.removeprefix("test")), "leads": TEST_ORDER}) for i in records.index]

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """None: it is for tests alone."""
        return outside_every_test([records["sex"].map(lambda sex: "test")])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.code15 import simulate_code_test

        simulate_code_test(destination, n_records=n_records, seed=seed)

    @property
    def _folder(self) -> Path:
        return self.root / "data" if (self.root / "data").is_dir() else self.root
