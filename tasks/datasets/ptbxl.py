"""PTB-XL, as PhysioNet publishes it: WFDB records at 100 and 500 Hz, two CSV files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.dataset import Publication, RecordFile, Recording, path_inside
from bench.errors import DataError
from bench.progress import counted
from bench.reading.publisher_csv import read_table
from tasks.datasets.file_constants import PTBXL_WITHDRAWN
from tasks.datasets.ptbxl_plus import find_median_beats, median_beat_path, read_median_beat
from tasks.datasets.ptbxl_statements import (
    COLUMNS,
    OPTIONAL_COLUMNS,
    STATEMENTS,
    codes_of,
    distinct,
    rows_of,
    statement_kinds,
    with_likelihoods,
)
from tasks.datasets.report_language import language_of
from tasks.datasets.sentences import DatasetWithStatements, sentences

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

DATABASE = "ptbxl_database.csv"
REQUIRED = ("ecg_id", "patient_id", "scp_codes", "strat_fold")
NUMBERS = ("age", "sex", "height", "weight")
TEXTS = (
    "report",
    "site",
    "device",
    "recording_date",
    "heart_axis",
    "infarction_stadium1",
    "infarction_stadium2",
    "pacemaker",
    "extra_beats",
    "baseline_drift",
    "static_noise",
    "burst_noise",
    "electrodes_problems",
)
OPTIONAL = (*NUMBERS, *TEXTS, "filename_lr", "filename_hr", "validated_by_human")
FOLDERS = {500: ("filename_hr", "records500"), 100: ("filename_lr", "records100")}


class PTBXL(DatasetWithStatements):
    """21,799 ten-second recordings of 18,869 patients with SCP-ECG statements and reports (PTB-XL)."""

    # Wagner et al., Scientific Data 7:154, 2020; columns, folds and statement groups as described there.
    name = "ptbxl"
    title = "PTB-XL"
    url = "https://physionet.org/content/ptb-xl/1.0.3/"
    access = "open"
    license = "CC BY 4.0"
    citation = """@article{wagner2020ptbxl,
  title = {{PTB-XL}, a large publicly available electrocardiography dataset},
  author = {Wagner, Patrick and Strodthoff, Nils and Bousseljot, Ralf-Dieter and Kreiseler, Dieter and
    Lunze, Fatima I. and Samek, Wojciech and Schaeffter, Tobias},
  journal = {Scientific Data},
  volume = {7},
  pages = {154},
  year = {2020},
  doi = {10.1038/s41597-020-0495-6}
}"""
    fetch = "Get the files with: bench data download ptbxl (from https://physionet.org/content/ptb-xl/1.0.3/)"
    publication = Publication(
        "ptb-xl", "PTB-XL", "1.0.3", "https://physionet.org/files/ptb-xl/1.0.3/", license="CC BY 4.0"
    )
    companions = (
        # Strodthoff et al., Scientific Data 10:279, 2023; its features and statements are not read here
        Publication(
            "ptb-xl-plus",
            "PTB-XL+ (median beats)",
            "1.0.1",
            "https://physionet.org/files/ptb-xl-plus/1.0.1/",
            license="CC BY 4.0",
            include=("median_beats/*", "LICENSE.txt"),
        ),
    )
    full_size: ClassVar[dict[str, int]] = {"1.0.3": 21_799, "1.0.2": 21_837, "1.0.1": 21_837}
    aliases: ClassVar[tuple[str, ...]] = ("ptb-xl",)
    overlaps: ClassVar = {
        "cinc2020": "all of version 1.0.1 is among its training data",
        "cinc2021": "all of version 1.0.1 is among its training data",
        "ptb-xl+": "features and median beats of the same recordings",
    }
    rates = (500, 100)
    largest_mv = 33.0  # int16 in units of 1 microvolt
    text_sources = ("report", "statements", "likelihoods", "english", "report-english", "report-german", "structured")
    subgroups = ("age", "sex", "device", "site", "pacemaker", "quality")
    format_version = 3

    def __init__(self, root: Path):
        super().__init__(root)
        self._beats = find_median_beats(self.root)
        if self._beats is not None:
            self.has_recorder_beats = True
            self.median_beats_by = f"PTB-XL+, {self._beats[0]}"

    def check(self) -> None:
        for path in self.index_files():
            if not path.is_file():
                raise DataError(f"{path} is missing. {self.fetch}")
        if not any((self.root / folder).is_dir() for _, folder in FOLDERS.values()):
            raise DataError(f"{self.root} has neither records500/ nor records100/ with the signals. {self.fetch}")

    def index_files(self) -> list[Path]:
        return [self.root / DATABASE, self.root / STATEMENTS]

    def version(self) -> str:
        ids = set(self._table(DATABASE, ["ecg_id"])["ecg_id"])
        older = bool(ids & PTBXL_WITHDRAWN)
        if len(ids) == self.full_size["1.0.2" if older else "1.0.3"]:
            return "1.0.1 or 1.0.2" if older else "1.0.3"
        return f"{'1.0.1 or 1.0.2' if older else '1.0.1 to 1.0.3'} ({len(ids):,} records of it)"

    def records(self) -> pd.DataFrame:
        """Metadata, index ``record_id`` (the ``ecg_id``).

        Next to the publisher's columns, lists of class names: ``superclass`` and ``subclass`` (classes of the diagnostic
        statements), ``diagnostic``, ``form``, ``rhythm`` and ``all`` (the statements themselves). A statement counts
        whatever its likelihood, and underscores at the ends of names are removed (``NST_``, ``_AVB``), both as in the
        label files of MERL. Optional columns that a copy lacks are empty.

        ``superclass``, ``subclass``, ``diagnostic``, ``form``, ``rhythm``, ``all``
            lists of class names, as above.
        ``scp_codes``
            JSON: statement and its likelihood, 0 to 100.
        ``statements``, ``structured``
            the descriptions of all statements, diagnostic ones first; for each statement a line with likelihood and
            description.
        ``report``
            as written, mostly German.
        ``patient_id``, ``age`` (years), ``sex`` (0 male, 1 female), ``height`` (cm), ``weight`` (kg)
            of the patient; NaN if unknown.
        ``strat_fold``
            1 to 10: the publisher's folds, stratified and by patient.
        ``validated_by_human``
            whether a person checked the labels.
        ``recording_date``, ``site``, ``device``, ``heart_axis``, ``infarction_stadium1``,
        ``infarction_stadium2``, ``pacemaker``
            text as published.
        ``extra_beats``, ``baseline_drift``, ``static_noise``, ``burst_noise``, ``electrodes_problems``
            text as published.
        ``filename_lr``, ``filename_hr``
            signal files at 100 and 500 Hz.
        """
        import pandas as pd

        table = self._table(DATABASE, REQUIRED, OPTIONAL)
        kinds = self._statements()
        where = self.root / DATABASE
        names = [c for c in ("filename_lr", "filename_hr") if c in table]
        if not names:
            raise DataError(
                f"{where}: neither column filename_lr nor filename_hr is there; found {_listed(table)}. {self.fetch}"
            )
        twice = table["ecg_id"][table["ecg_id"].duplicated()]
        if len(twice):
            n_rows = int((table["ecg_id"] == twice.iloc[0]).sum())
            raise DataError(f"{where}: ecg_id {twice.iloc[0]} is in {n_rows} rows; expected once. {self.fetch}")
        patients = pd.to_numeric(table["patient_id"], errors="coerce")
        fold = pd.to_numeric(table["strat_fold"], errors="coerce")
        patients = self._expect(
            table, "patient_id", patients, patients.between(0, 2**53) & (patients % 1 == 0), "a number"
        )
        fold = self._expect(table, "strat_fold", fold, fold.isin(range(1, 11)), "a fold from 1 to 10")
        codes = []
        for record, text in zip(table["ecg_id"], table["scp_codes"], strict=True):
            try:
                codes.append(codes_of(text, f"{where}: ecg_id {record}", kinds))
            except DataError as error:
                self.findings.unusable.setdefault(str(record), str(error))
                codes.append({})
        columns: dict[str, Any] = {
            "patient_id": patients.astype("int64").astype(str),
            "strat_fold": fold.astype("int64"),
            "scp_codes": [json.dumps(record_codes) for record_codes in codes],
        }
        for group in ("superclass", "subclass", "diagnostic", "form", "rhythm", "all"):
            columns[group] = [distinct(kinds[code][group] for code in record_codes) for record_codes in codes]
        columns["statements"] = [
            [
                kinds[code]["description"]
                for code in sorted(record_codes, key=lambda code: not kinds[code]["diagnostic"])
            ]
            for record_codes in codes
        ]
        columns["structured"] = [
            "\n".join(f"{likelihood:g}\t{kinds[code]['structured']}" for code, likelihood in record_codes.items())
            for record_codes in codes
        ]
        for column in NUMBERS:
            columns[column] = self._numbers(table, column)
        for column in (*TEXTS, "filename_lr", "filename_hr"):
            columns[column] = table[column].fillna("").astype(str).str.strip() if column in table else ""
        human = table["validated_by_human"] if "validated_by_human" in table else pd.Series("", index=table.index)
        columns["validated_by_human"] = human.fillna("").astype(str).str.lower().eq("true")
        records = pd.DataFrame(columns)
        records.index = pd.Index(table["ecg_id"].astype(str), name="record_id")
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        """``rate`` chooses the folder if it is available; otherwise 500 Hz if that is there, else 100 Hz."""
        available = [
            r for r in self.rates if (self.root / FOLDERS[r][1]).is_dir() and records[FOLDERS[r][0]].ne("").any()
        ]
        if not available:
            raise DataError(
                f"{self.root} has neither records500/ (column filename_hr) nor records100/ (filename_lr), which hold "
                f"the signals. {self.fetch}"
            )
        chosen = rate if rate in available else available[0]
        column, _ = FOLDERS[chosen]
        where = self.root / DATABASE
        return [
            RecordFile(
                record,
                path_inside(self.root, name, f"{where}: ecg_id {record}, column {column}"),
                {"rate": chosen, **beat},
            )
            for record, name, beat in zip(records.index, records[column], self._beat_facts(records.index), strict=True)
        ]

    def _beat_facts(self, ids: pd.Index) -> list[dict[str, Any]]:
        if self._beats is None:
            return [{} for _ in ids]
        algorithm, folder = self._beats
        return [{"beat": path} if (path := median_beat_path(folder, algorithm, record_id)) else {} for record_id in ids]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """With PTB-XL+'s median beat, resampled to the rate of the recording, where there is one."""
        from bench.signals.resample import resample
        from bench.signals.wfdb_files import read_recording

        recording = read_recording(file.path)
        if "beat" not in file.facts:
            return recording
        beat, fs = read_median_beat(file.facts["beat"])
        return replace(recording, median_beat=resample(beat, fs, recording.fs))

    @classmethod
    def subgroup(cls, records: pd.DataFrame, name: str) -> list[str]:
        """As every dataset's; ``pacemaker`` and ``quality`` by whether the publisher notes anything. Without a note there
        may still be one: signals were annotated by hand, and pacemakers by the recording's report. If no record has a note,
        nothing is known of any: a copy without these columns looks like that."""
        if name == "sex":
            return [{0: "male", 1: "female"}.get(value, "") for value in records["sex"]]
        if name == "site":
            return [f"site {text.removesuffix('.0')}" if text else "" for text in records["site"]]
        if name == "pacemaker":
            return _noted("pacemaker", records[["pacemaker"]])
        if name == "quality":
            notes = records[["baseline_drift", "static_noise", "burst_noise", "electrodes_problems"]]
            return _noted("a fault noted", notes)
        return super().subgroup(records, name)

    @classmethod
    def text(cls, records: pd.DataFrame, source: str) -> list[str]:
        """The texts of :attr:`text_sources`.

        - ``report``: as written, 71 % of them German, 28 % English, 1 % Swedish;
        - ``statements``: descriptions of the SCP statements, in English, diagnostic ones first, as sentences. The labels are
          made of the same statements (``bench audit text ptbxl TASK``);
        - ``likelihoods``: the same, each with its likelihood in percent where the publisher states one;
        - ``english``: the report where it is in English, else ``statements``: every recording, in one language;
        - ``report-english``, ``report-german``: reports in that language; other recordings have none, and are not
          pretrained on. No translation is published;
        - ``structured``: one statement per line, its likelihood in percent (0 where it is not stated), a tab, its category
          and description, as LLM-DAN reads them.

        Which language a report is in, :func:`tasks.datasets.report_language.language_of` tells.
        """
        if source == "likelihoods":
            return [sentences(with_likelihoods(row)) for row in rows_of(records)]
        if source == "report":
            return list(records["report"])
        if source in ("report-english", "report-german"):
            wanted = source.removeprefix("report-").capitalize()
            return [text if language_of(text) == wanted else "" for text in records["report"]]
        if source == "english":
            both = zip(cls.text(records, "report-english"), cls.text(records, "statements"), strict=True)
            return [report or statements for report, statements in both]
        if source == "structured":
            return list(records["structured"])
        return super().text(records, source)

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Folds 1-8 train and 9 validates, as in every PTB-XL task; fold 10 is never seen."""
        fold = records["strat_fold"].to_numpy()
        return {"train": fold <= 8, "validation": fold == 9}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.ptbxl import simulate_ptbxl

        simulate_ptbxl(destination, n_records=n_records, seed=seed)

    def _table(self, name: str, required: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
        """A CSV file with every value as text, and the columns that must be there."""
        path = self.root / name
        table = read_table(path, required, self.fetch, optional=optional)
        for column in required:
            wrong = ~table[column].fillna("").str.fullmatch("[0-9]+").to_numpy(bool)
            if column == "ecg_id" and wrong.any():
                row = int(wrong.argmax())
                problem = "no ecg_id" if table[column].isna().iloc[row] else f"the ecg_id {table[column].iloc[row]!r}"
                raise DataError(f"{path}: line {row + 2} has {problem}; expected a number. {self.fetch}")
        return table

    def _expect(self, table: pd.DataFrame, column: str, values: pd.Series, good: pd.Series, expected: str) -> pd.Series:
        """The values, 0 for those that are not good: their records are unusable."""
        for record, text in zip(table["ecg_id"][~good], table[column][~good], strict=True):
            self.findings.unusable.setdefault(
                str(record), f"{self.root / DATABASE}: ecg_id {record} has {column} {text!r}; expected {expected}."
            )
        return values.where(good, 0)

    def _numbers(self, table: pd.DataFrame, column: str) -> pd.Series:
        """A column of numbers, NaN where there is none; text that is not a number is counted in the remarks."""
        import numpy as np
        import pandas as pd

        if column not in table:
            return pd.Series(np.nan, index=table.index)
        values = pd.to_numeric(table[column], errors="coerce").astype("float64")
        odd = (values.isna() & table[column].notna()) | np.isinf(values)
        if odd.any():
            first = table[column][odd].iloc[0]
            self.findings.remark(
                f"{counted(int(odd.sum()), 'recording')} without a usable {column} (such as {first!r}), which is left empty",
                table["ecg_id"][odd].tolist(),
            )
        return values.where(~odd)

    def _statements(self) -> dict[str, dict[str, Any]]:
        """See :func:`tasks.datasets.ptbxl_statements.statement_kinds`."""
        return statement_kinds(self._table(STATEMENTS, COLUMNS, OPTIONAL_COLUMNS))


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))


def _noted(group: str, notes: pd.DataFrame) -> list[str]:
    """``group`` for a record with a note in any column, "none noted" without; unknown for all where no record has one."""
    noted = [any(row) for row in notes.itertuples(index=False)]
    return [group if note else "none noted" for note in noted] if any(noted) else [""] * len(noted)
