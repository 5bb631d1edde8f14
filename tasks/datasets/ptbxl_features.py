"""PTB-XL with the intervals that GE Marquette 12SL measured, from PTB-XL+ as PhysioNet publishes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.dataset import Publication
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from tasks.datasets.companion_folders import find_companion
from tasks.datasets.ptbxl import PTBXL
from tasks.datasets.ptbxl_plus import FOLDERS

if TYPE_CHECKING:
    import pandas as pd

FEATURES = "features/12sl_features.csv"
INTERVALS = {"rr": "RR_Mean_Global", "pr": "PR_Int_Global", "qrs": "QRS_Dur_Global", "qt": "QT_Int_Global"}
"""Our column -> that of PTB-XL+, in ms."""


class PTBXLFeatures(PTBXL):
    """PTB-XL's recordings with RR, PR, QRS and QT as 12SL measured them (PTB-XL+)."""

    # Strodthoff et al., Scientific Data 10:279, 2023. A dataset apart, so that PTB-XL does not change when PTB-XL+ is put
    # next to it.
    name = "ptbxl-features"
    title = "PTB-XL with PTB-XL+'s features"
    url = "https://physionet.org/content/ptb-xl-plus/1.0.1/"
    citation = """@article{strodthoff2023ptbxlplus,
  title = {{PTB-XL+}, a comprehensive electrocardiographic feature dataset},
  author = {Strodthoff, Nils and Mehari, Temesgen and Nagel, Claudia and Aston, Philip J. and Sundar, Ashish and Graff, Claus
    and Kanters, J{\\o}rgen K. and Haverkamp, Wilhelm and D{\\"o}ssel, Olaf and Loewe, Axel and B{\\"a}r, Markus and
    Schaeffter, Tobias},
  journal = {Scientific Data},
  volume = {10},
  pages = {279},
  year = {2023},
  doi = {10.1038/s41597-023-02153-8}
}"""
    fetch = (
        "Get the files with: bench data download ptbxl, and PTB-XL+ (its folder features/) from "
        "https://physionet.org/content/ptb-xl-plus/1.0.1/ into a folder ptb-xl-plus in PTB-XL's folder or next to it"
    )
    companions = (
        Publication(
            "ptb-xl-plus",
            "PTB-XL+ (features)",
            "1.0.1",
            "https://physionet.org/files/ptb-xl-plus/1.0.1/",
            license="CC BY 4.0",
            include=("features/*", "LICENSE.txt"),
        ),
    )
    reads_files_of = "ptbxl"
    aliases: ClassVar[tuple[str, ...]] = ()
    overlaps: ClassVar = {
        "ptbxl": "the same recordings",
        "cinc2020": "all of version 1.0.1 is among its training data",
        "cinc2021": "all of version 1.0.1 is among its training data",
    }

    def check(self) -> None:
        super().check()
        if self._features() is None:
            raise DataError(
                f"{self.root / FOLDERS[0] / FEATURES} is missing, also next to {self.root.name}/. {self.fetch}"
            )

    def index_files(self) -> list[Path]:
        features = self._features()
        return [*super().index_files(), *([features] if features is not None else [])]

    def records(self) -> pd.DataFrame:
        """PTB-XL's columns (see ``ptbxl``), index ``record_id`` (the ``ecg_id``), and:

        ``rr``, ``pr``, ``qrs``, ``qt``
            in ms, as 12SL measured them; NaN where it could not (such as PR in fibrillation) or has no row.
        """
        import pandas as pd

        path = self._features()
        if path is None:
            raise DataError(f"{self.root / FOLDERS[0] / FEATURES} is missing. {self.fetch}")
        table = read_table(path, ("ecg_id", *INTERVALS.values()), self.fetch)  # its rows are not in order of ecg_id
        ids = table["ecg_id"].str.strip().str.removesuffix(".0")
        if ids.duplicated().any():
            raise DataError(
                f"{path}: ecg_id {ids[ids.duplicated()].iloc[0]} is in two rows; expected one. {self.fetch}"
            )
        values = table[list(INTERVALS.values())].apply(pd.to_numeric, errors="coerce").astype("float64")
        values = values.where(values > 0).set_axis(list(INTERVALS), axis=1).set_axis(ids.to_numpy(), axis=0)
        records = super().records()
        return records.join(values.reindex(records.index))

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.ptbxl_features import simulate_ptbxl_features

        simulate_ptbxl_features(destination, n_records=n_records, seed=seed)

    def _features(self) -> Path | None:
        return find_companion(self.root, FEATURES, FOLDERS)
