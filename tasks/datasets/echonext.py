"""EchoNext, as PhysioNet publishes it: one .npy file per part of the split, a table of echocardiographic findings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.dataset import Dataset, RecordFile, Recording
from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from bench.signals.array_rows import npy_rows, row_of
from bench.storage.artifacts import file_digest
from tasks.datasets.echonext_scaling import COUNT_MV, MEAN, SD, on_grid
from tasks.datasets.folds import ecgbench_digest
from tasks.datasets.pretraining_rows import outside_every_test

if TYPE_CHECKING:
    import pandas as pd

METADATA = "echonext_metadata_100k.csv"
SHA256 = "a1fb9f1a4d5fa2ea7238fe70247a2b8ad8a13d7b3ed9ee3685dd40871fac3c1f"
"""Of the table of version 1.1.0."""
FOLDS_SHA256 = "1364daf541bb5ee540989c360c68bf6661d44a04dc802cddaeea6f0fd320c605"
"""ECGBench's digest of the publisher's split."""
FOLDS = {"train": 1, "val": 2, "test": 3}
PARTS = tuple(FOLDS)
SHAPE = (1, 2500, 12)

SOURCES: dict[str, tuple[str, ...]] = {
    "shd_moderate_or_greater": (),
    "lvef_lte_45": ("lvef_value",),
    "lvwt_gte_13": ("ivs_measurement", "lvpw_measurement"),
    "aortic_stenosis_moderate_or_greater": ("aortic_stenosis_value",),
    "aortic_regurgitation_moderate_or_greater": ("aortic_regurgitation_value",),
    "mitral_regurgitation_moderate_or_greater": ("mitral_regurgitation_value",),
    "tricuspid_regurgitation_moderate_or_greater": ("tricuspid_regurgitation_value",),
    "pulmonary_regurgitation_moderate_or_greater": ("pulmonary_regurgitation_value",),
    "rv_systolic_dysfunction_moderate_or_greater": ("rv_systolic_dysfunction_value",),
    "pericardial_effusion_moderate_large": ("pericardial_effusion_value",),
    "pasp_gte_45": ("pasp_value",),
    "tr_max_gte_32": ("tr_max_velocity_value",),
}
"""Flag, without ``_flag`` -> the measurements that it is made of; one that was not measured reads 0 in the table."""
MEASURED = ("ventricular_rate", "atrial_rate", "pr_interval", "qrs_duration", "qt_corrected")


class EchoNext(Dataset):
    """82,543 ten-second recordings at 250 Hz with findings of an echocardiogram (EchoNext; without its part no_split)."""

    # Poterucha et al., Nature 644:221, 2025. The licence forbids sharing, so that neither ids nor split lists are
    # shipped. The tabular arrays repeat columns of the table, in an order other than the README's, and are not read.
    name = "echonext"
    title = "EchoNext"
    url = "https://physionet.org/content/echonext/1.1.0/"
    access = "credentialed"
    license = "PhysioNet Restricted Health Data License 1.5.0"
    citation = """@misc{elias2025echonext,
  title = {{EchoNext}: A Dataset for Detecting Echocardiogram-Confirmed Structural Heart Disease from {ECGs}},
  author = {Elias, Pierre and Finer, Joshua},
  howpublished = {PhysioNet, version 1.1.0},
  year = {2025},
  doi = {10.13026/3ykd-bf14}
}"""
    fetch = (
        "Sign the data use agreement at https://physionet.org/content/echonext/1.1.0/ and download, logged in, "
        f"{METADATA} and EchoNext_train_waveforms.npy, EchoNext_val_waveforms.npy and EchoNext_test_waveforms.npy."
    )
    full_size: ClassVar[dict[str, int]] = {"1.1.0": 82_543}
    published_unread = ("EchoNext_*_tabular_features.npy", "EchoNext_no_split_waveforms.npy")
    rates = (250,)
    largest_mv = 12.0  # 2.7 mV after the publisher's clipping, 10.8 in z-scores
    tabular_variables = subgroups = ("age", "sex")
    measurements = MEASURED
    simulated_records = 240

    def check(self) -> None:
        for path in (self.root / METADATA, *(self._waveforms(part) for part in PARTS)):
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / METADATA]

    def version(self) -> str:
        path = self.root / METADATA
        if file_digest(path) == SHA256:
            return "1.1.0"
        table = read_table(path, ("split",), self.fetch, keep_default_na=False)
        return f"1.1.0 ({table['split'].isin(PARTS).sum():,} records, another table)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (``ecg_key``), without the part ``no_split``: earlier recordings of patients of val
        and test.

        ``age``, ``sex``
            years, at most 90; ``male`` or ``female``.
        ``shd_moderate_or_greater``
            structural heart disease of any kind, 1 or 0.
        ``lvef_lte_45``, ``lvwt_gte_13``, ``aortic_stenosis_moderate_or_greater``,
        ``aortic_regurgitation_moderate_or_greater``, ``mitral_regurgitation_moderate_or_greater``,
        ``tricuspid_regurgitation_moderate_or_greater``, ``pulmonary_regurgitation_moderate_or_greater``,
        ``rv_systolic_dysfunction_moderate_or_greater``,
        ``pericardial_effusion_moderate_large``, ``pasp_gte_45``, ``tr_max_gte_32``
            1, 0, or NaN where what it is made of was not measured, which the table writes as 0.
        ``ventricular_rate``, ``atrial_rate``, ``pr_interval``, ``qrs_duration``, ``qt_corrected``
            of the recorder.
        ``split``, ``row``
            ``train``, ``val`` or ``test``; the place in that part's array, counted within the part.
        """
        import pandas as pd

        path = self.root / METADATA
        sources = [name for names in SOURCES.values() for name in names]
        columns = ("ecg_key", "patient_key", "age_at_ecg", "sex", "split", *MEASURED, *(f"{f}_flag" for f in SOURCES))
        table = read_table(path, (*columns, *sources), self.fetch, keep_default_na=False)
        strange = ~table["split"].isin([*PARTS, "no_split"])
        if strange.any():
            row = int(strange.to_numpy().argmax())
            raise DataError(
                f"{path}: line {row + 2} has the split {table['split'].iloc[row]!r}; expected {', '.join(PARTS)} or no_split."
            )
        table["row"] = table.groupby("split").cumcount()
        earlier = int((table["split"] == "no_split").sum())
        if earlier:
            self.findings.remark(
                f"{earlier:,} recordings of no_split are left out: earlier ones of patients of val and test"
            )
        table = table[table["split"] != "no_split"]
        records = pd.DataFrame(
            {
                "patient_id": table["patient_key"].tolist(),
                "age": pd.to_numeric(table["age_at_ecg"], errors="coerce").to_numpy(np.float64),
                "sex": table["sex"].str.strip().str.lower().tolist(),
                **{name: pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in MEASURED},
                **{flag: self._flag(table, flag) for flag in SOURCES},
                "split": table["split"].tolist(),
                "row": table["row"].to_numpy(np.int64),
            },
            index=pd.Index(table["ecg_key"].tolist(), name="record_id"),
        )
        folds = dict(zip(records.index, records["split"].map(FOLDS), strict=True))
        if len(records) == self.full_size["1.1.0"] and ecgbench_digest(folds) != FOLDS_SHA256:
            self.findings.remark("as many records as published, but not the published split: its digest is another one")
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        """Also decides the unit: millivolts where the inverse of the publisher's scaling gives whole converter counts."""
        rows = {part: npy_rows(self._waveforms(part), self.fetch) for part in PARTS}
        for part in PARTS:
            listed = records.loc[records["split"] == part, "row"]
            if len(rows[part]) != len(listed):
                raise DataError(
                    f"{self._waveforms(part)} has {len(rows[part]):,} rows and {METADATA} {len(listed):,} of split "
                    f"{part}; expected one number, as they are joined by row. {self.fetch}"
                )
        in_mv = on_grid(rows["train"][:100, 0])
        self.unit = "mV" if in_mv else "z-score"
        if not in_mv:
            self.findings.remark(
                "the published scaling constants do not give whole converter counts, so that the signals stay z-scores"
            )
        places = zip(records.index, records["split"], records["row"], strict=True)
        return [RecordFile(i, self._waveforms(part), {"row": int(row), "mv": in_mv}) for i, part, row in places]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        hint = "Download the file again, or leave the record out with --on-bad-record skip."
        scaled = row_of(npy_rows(file.path, hint), file.path, file.facts["row"], SHAPE, hint)[0]
        signal = (scaled * SD + MEAN) * COUNT_MV if file.facts["mv"] else scaled
        return Recording(np.ascontiguousarray(signal.T, np.float32), fs=250.0)

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """The publisher's train and val."""
        return outside_every_test([records["split"].replace({"val": "validation"})])

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.echonext import simulate_echonext

        simulate_echonext(destination, n_records=n_records, seed=seed)

    def _waveforms(self, part: str) -> Path:
        return self.root / f"EchoNext_{part}_waveforms.npy"

    def _flag(self, table: pd.DataFrame, flag: str) -> np.ndarray:
        """1, 0, or NaN where a measurement is missing and the flag is not set."""
        values = table[f"{flag}_flag"].str.strip().map({"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0})
        if values.isna().any():
            row = int(values.isna().to_numpy().argmax())
            raise DataError(
                f"{self.root / METADATA}: {table['ecg_key'].iloc[row]}, {flag}_flag is {table[f'{flag}_flag'].iloc[row]!r}; "
                "expected 0 or 1."
            )
        unmeasured = np.zeros(len(table), bool)
        for source in SOURCES[flag]:
            unmeasured |= (table[source].str.strip() == "").to_numpy()
        return np.where(unmeasured & (values != 1), np.nan, values)
