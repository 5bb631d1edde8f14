"""A simulated cohort whose risk is known: a table of people, whose recordings are made when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from tasks.datasets.file_constants import PLANTED_COHORT, PLANTED_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    "number", "seed", "age", "years", "event", "unrelated_years", "unrelated_event", "true_log_hazard",
    "stated_log_hazard",
)  # fmt: skip


class PlantedRisk(Dataset):
    """Simulated people whose findings raise or lower the risk of an event by known amounts; there are no signal files."""

    name = "planted-risk"
    title = "Planted risk"
    url = "docs/explanation/simulated-cohorts.md"
    license = "MIT"
    citation = """@misc{ecgbench2026planted,
  title = {{Planted risk}: a simulated cohort of bench},
  author = {{The bench authors}},
  year = {2026}
}"""
    fetch = "It is simulated: bench data simulate planted-risk FOLDER writes the table of a cohort."
    rates = (500,)
    subgroups = ("age", "sex")
    truths: ClassVar[tuple[str, ...]] = ("true_log_hazard", "stated_log_hazard")
    simulated_records = 20_000

    def check(self) -> None:
        for path in self.index_files():
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / PLANTED_COHORT]

    def version(self) -> str:
        return "simulated"

    def records(self) -> pd.DataFrame:
        """The table, index ``record_id``; a person has one recording.

        ``age``, ``sex``
            years; ``male`` or ``female``.
        ``superclasses``, ``statements``
            PTB-XL's, separated by blanks.
        ``part``
            ``train``, ``validation`` or ``test``.
        ``years``, ``event``
            until the event or the end of follow-up; whether it came.
        ``unrelated_years``, ``unrelated_event``
            those of somebody else, drawn at random: nothing in the ECG tells them.
        ``true_log_hazard``, ``stated_log_hazard``
            what the event was drawn from; the same from statements and likelihoods alone.
        ``number``, ``seed``
            what the recording is simulated from.
        """
        import pandas as pd

        path = self.root / PLANTED_COHORT
        table = read_table(path, PLANTED_COLUMNS, self.fetch, keep_default_na=False)
        records = table[["sex", "superclasses", "statements", "part"]].copy()
        for name in NUMBERS:
            values = pd.to_numeric(table[name], errors="coerce")
            if not np.isfinite(values).all():
                row = int((~np.isfinite(values)).to_numpy().argmax())
                raise DataError(
                    f"{path}: line {row + 2} has {name} {table[name].iloc[row]!r}; expected a number. {self.fetch}"
                )
            records[name] = values.to_numpy(np.int64 if name in ("number", "seed") else np.float64)
        records["patient_id"] = table["number"].to_numpy()
        records.index = pd.Index(table["number"].to_numpy(), name="record_id")
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        people = zip(records.index, records["seed"], records["number"], strict=True)
        path = self.root / PLANTED_COHORT
        return [RecordFile(record_id, path, {"seed": int(seed), "number": int(n)}) for record_id, seed, n in people]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        from bench.simulate.digitise import quantise
        from tasks.datasets.simulated.planted_risk import FS, recording

        signal = recording(file.facts["seed"], file.facts["number"])
        return Recording(quantise(signal), FS, np.full(len(signal), 1000.0))

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        part = records["part"].to_numpy(dtype=object)
        return {"train": part == "train", "validation": part == "validation"}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.planted_risk import simulate_planted_risk

        simulate_planted_risk(destination, n_records, seed)
