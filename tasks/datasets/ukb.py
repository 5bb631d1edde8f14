"""UK Biobank's imaging visits: resting ECG, short-axis cine MRI, and the main data set's past and future."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.dataset import RecordFile, Recording
from bench.errors import ConfigError, DataError
from bench.progress import counted
from bench.reading.publisher_csv import read_table
from bench.splitting.stratify import stratified_parts
from tasks.datasets.file_constants import UKB_TRUE_RISKS, UKB_TRUTH
from tasks.datasets.sentences import DatasetWithStatements
from tasks.datasets.ukb_cine import SUFFIXES, read_three_phases
from tasks.datasets.ukb_ecg_xml import COLUMNS, read_facts, read_resting_ecg
from tasks.datasets.ukb_phenotypes import FILE as PHENOTYPES_FILE
from tasks.datasets.ukb_phenotypes import PHENOTYPES, read_phenotypes
from tasks.datasets.ukb_table import MainTable, read_main, table_files, tables
from tasks.datasets.ukb_withdrawals import NAMES, read_withdrawn, withdrawal_lists
from tasks.ukb_endpoints import VISIT_DATE, endpoint_files, first_dates, read_endpoint

if TYPE_CHECKING:
    import pandas as pd

    from tasks.ukb_endpoints import Endpoint

SEX, AGE_AT_VISIT, HEIGHT, WEIGHT, DEATH, LOST, ECG, CINE = 31, 21003, 50, 21002, 40000, 191, 20205, 20209
"""Fields of the main data set."""

SIZES = {"train": 28_030, "validation": 6_007, "test": 6_007}
"""MMCL's partition of 40,044 participants (section IV-A), whose list was not released."""
MMCL_ENDPOINTS = ("coronary_artery_disease", "atrial_fibrillation", "diabetes_mellitus")

FOLLOW_UP = "follow_up.yaml"
END_OF_FOLLOW_UP = "2023-01-05"
"""LLM-DAN, section IV-A."""

_XML = re.compile(r"(\d+)_20205_(\d+)_(\d+)\.xml$")
_CINE = re.compile(r"(\d+)(?:_20209)?(?:_(\d+))?(?:_(\d+))?$")
_MANY = 500
"""From so many files on, they are read by several processes."""


class UKBiobank(DatasetWithStatements):
    """Resting 12-lead ECGs of UK Biobank's imaging visits with cine MRI, phenotypes and follow-up."""

    name = "ukb"
    title = "UK Biobank"
    url = "https://www.ukbiobank.ac.uk"
    access = "credentialed"
    license = "UK Biobank's material transfer agreement"
    citation = """@article{sudlow2015ukb,
  title = {{UK Biobank}: an open access resource for identifying the causes of a wide range of complex diseases
    of middle and old age},
  author = {Sudlow, Cathie and Gallacher, John and Allen, Naomi and others},
  journal = {PLoS Medicine},
  volume = {12},
  number = {3},
  pages = {e1001779},
  year = {2015},
  doi = {10.1371/journal.pmed.1001779}
}"""
    fetch = (
        "UK Biobank gives data to approved projects (https://www.ukbiobank.ac.uk/enable-your-research). Put the main data "
        "set (CSV or parquet with eid) in the folder, field 20205 (ukbfetch, or the RAP's Bulk folder) below it as "
        f"20205/EID_20205_2_0.xml, field 20209 as 20209/EID_20209_2_0.zip, and CMR phenotypes as {PHENOTYPES_FILE}."
    )
    rates = (500,)
    subgroups = ("age", "sex")
    text_sources = ("statements",)
    has_recorder_beats = True
    tabular_variables: ClassVar[tuple[str, ...]] = ("age", "sex", "height", "weight")  # MMCL section IV-D
    measurements: ClassVar[tuple[str, ...]] = COLUMNS
    truths: ClassVar[tuple[str, ...]] = tuple(f"simulated_true_{endpoint}" for endpoint in UKB_TRUE_RISKS)
    simulated_records = 800
    format_version = 2

    def check(self) -> None:
        if not self._recordings():
            raise DataError(f"{self.root} holds no resting ECG (EID_20205_2_0.xml). {self.fetch}")
        if not table_files(self.root):
            raise DataError(f"{self.root} holds no table of the main data set (a column eid, and fields). {self.fetch}")

    def index_files(self) -> list[Path]:
        optional = [self.root / name for name in (PHENOTYPES_FILE, FOLLOW_UP, UKB_TRUTH)]
        return [
            *table_files(self.root),
            *(path for path in optional if path.is_file()),
            *endpoint_files(self.root).values(),
            *withdrawal_lists(self.root),
        ]

    def version(self) -> str:
        return f"{len(self._recordings()):,} recordings"

    def records(self) -> pd.DataFrame:
        """One row an ECG, index ``record_id`` (``EID_INSTANCE``), column ``patient_id`` the eid.

        ``instance``, ``path``, ``ecg_date``
            of the recording; the date is that of the visit, else the recorder's.
        ``age`` (years), ``sex``, ``height`` (cm), ``weight`` (kg)
            at that visit, NaN or ``""`` if unknown.
        ``ecg_*``, ``statements``
            what the recorder reports (:data:`tasks.datasets.ukb_ecg_xml.COLUMNS`).
        ``ENDPOINT_date``, ``ENDPOINT_undated``
            the earliest date of each endpoint, and whether there is evidence without any date.
        ``death_date``, ``lost_date``, ``end_of_follow_up``
            what ends the follow-up; the last one is LLM-DAN's unless ``follow_up.yaml`` (``end: 2022-10-31``) says else.
        ``imaged``, ``image_path``
            whether there is a short-axis cine of that visit; where (``""`` if not available).
        the 61 phenotypes
            if the table is there.
        ``mmcl_partition``
            ``train``, ``validation``, ``test`` or ``""``: our partition of MMCL's sizes, stratified on its three diseases,
            of the first visits with ECG and cine.
        :attr:`truths`
            in the simulated cohort alone.

        Participants in a list of withdrawals (:mod:`tasks.datasets.ukb_withdrawals`) are left out.
        """
        import pandas as pd

        endpoints = {name: read_endpoint(path) for name, path in endpoint_files(self.root).items()}
        fields = {SEX, AGE_AT_VISIT, HEIGHT, WEIGHT, DEATH, LOST, ECG, CINE, VISIT_DATE}
        recordings = self._recordings()
        fields = fields.union(*(endpoint.fields() for endpoint in endpoints.values()))
        table = read_main(table_files(self.root), fields, {eid for eid, _ in recordings})
        withdrawn = self._withdrawn(recordings)
        self._remark_tables()
        rows = [(eid, instance) for eid, instance in sorted(recordings) if eid not in withdrawn]
        unknown = [eid for eid, _ in rows if eid not in table.eids]
        if unknown:
            raise DataError(
                f"{self.root}: {len(unknown):,} participants with an ECG have no row in the main data set (first: "
                f"{unknown[0]}); ECGs and table must come from one application. {self.fetch}"
            )
        eids, instances = [eid for eid, _ in rows], np.array([instance for _, instance in rows], np.int64)
        paths = [recordings[row] for row in rows]
        columns: dict[str, Any] = {
            "record_id": [f"{eid}_{instance}" for eid, instance in rows],
            "patient_id": eids,
            "instance": instances,
            "path": [path.relative_to(self.root).as_posix() for path in paths],
        }
        facts = _all_facts(paths)
        columns |= {name: np.array([record_facts[name] for record_facts in facts], np.float64) for name in COLUMNS}
        columns["statements"] = [record_facts["statements"] for record_facts in facts]
        columns |= self._people(table, eids, instances, [record_facts["taken"] for record_facts in facts])
        columns |= self._history(table, endpoints, eids)
        columns |= self._images(table, rows)
        records = pd.DataFrame(columns).set_index("record_id")
        if (self.root / PHENOTYPES_FILE).is_file():
            measured = read_phenotypes(self.root / PHENOTYPES_FILE).reindex(eids)
            measured.index = records.index
            records = pd.concat([records, measured], axis=1)
        if (self.root / UKB_TRUTH).is_file():
            truth = read_table(self.root / UKB_TRUTH, ("eid", *UKB_TRUE_RISKS), "Simulate the cohort again.").set_index(
                "eid"
            )
            for column, endpoint in zip(self.truths, UKB_TRUE_RISKS, strict=True):
                records[column] = truth[endpoint].astype(float).reindex(eids).to_numpy()
        records["mmcl_partition"] = _mmcl_partition(records)
        return records

    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        return [
            RecordFile(record_id, self.root / path)
            for record_id, path in zip(records.index, records["path"], strict=True)
        ]

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        """Files of field 20205 whose names are not UK Biobank's, and further ones of a visit, of which the first is read;
        none of participants who have withdrawn."""
        known, withdrawn = set(self._recordings().values()), read_withdrawn(withdrawal_lists(self.root))
        return sorted(
            path
            for path in self.root.rglob("*_20205_*")
            if path.is_file() and path not in known and path.name.partition("_")[0] not in withdrawn
        )

    @staticmethod
    def read(file: RecordFile) -> Recording:
        resting = read_resting_ecg(file.path)
        return Recording(resting.signal, resting.fs, median_beat=resting.median_beat)

    def image_files(self, records: pd.DataFrame) -> list[RecordFile | None]:
        return [
            RecordFile(record_id, self.root / path) if path and (self.root / path).is_file() else None
            for record_id, path in zip(records.index, records["image_path"], strict=True)
        ]

    @staticmethod
    def read_image(file: RecordFile, size: int) -> np.ndarray:
        return read_three_phases(file.path, size)

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """All recordings of participants whom MMCL's partition neither tests nor validates on; its validation part."""
        parts = records.groupby("patient_id")["mmcl_partition"].transform(lambda own_parts: max(own_parts, key=_rank))
        return {
            "train": (~parts.isin(["validation", "test"])).to_numpy(),
            "validation": (parts == "validation").to_numpy(),
        }

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        from tasks.datasets.simulated.ukb import simulate_ukb

        simulate_ukb(destination, n_records, seed)

    # -- parts of the records -----------------------------------------------------------------------------------------

    def _recordings(self) -> dict[tuple[str, int], Path]:
        """(eid, instance) -> file; of several arrays of one visit the first."""
        recordings: dict[tuple[str, int], Path] = {}
        for path in sorted(self.root.rglob("*_20205_*.xml")):
            match = _XML.match(path.name)
            if match:
                recordings.setdefault((match[1], int(match[2])), path)
        return recordings

    def _withdrawn(self, recordings: Iterable[tuple[str, int]]) -> set[str]:
        """Who has withdrawn. Their number is reported, not who they are."""
        lists = withdrawal_lists(self.root)
        withdrawn = read_withdrawn(lists)
        if lists:
            left_out = len({eid for eid, _ in recordings} & withdrawn)
            self.findings.remark(
                f"{left_out:,} participants with an ECG are left out, since they have withdrawn; "
                f"{len(withdrawn):,} are in {', '.join(path.relative_to(self.root).as_posix() for path in lists)}"
            )
        elif not (self.root / UKB_TRUTH).is_file():
            self.findings.remark(
                f"no list of withdrawn participants ({NAMES}) is in {self.root}, so nobody is left out. Put the latest one "
                f"that UK Biobank mailed to your project there"
            )
        return withdrawn

    def _remark_tables(self) -> None:
        read = set(self.index_files())
        names = [path.relative_to(self.root).as_posix() for path in tables(self.root) if path not in read]
        if names:
            self.findings.remark(
                f"not read, since no heading is a field such as 31-0.0 or p31: {counted(len(names), 'table')} in {self.root}",
                names,
            )

    def _people(
        self, table: MainTable, eids: list[str], instances: np.ndarray, taken: list[Any]
    ) -> dict[str, np.ndarray]:
        import pandas as pd

        def at_visit(field: int) -> np.ndarray:
            values = np.full(len(eids), np.nan)
            for instance in np.unique(instances):
                here = instances == instance
                values[here] = table.number(field, int(instance)).reindex(np.array(eids, object)[here]).to_numpy()
            return values

        visit = pd.Series(pd.NaT, index=range(len(eids)), dtype="datetime64[ns]")
        for instance in np.unique(instances):
            here = np.flatnonzero(instances == instance)
            dates = table.date(VISIT_DATE, int(instance)).reindex([eids[k] for k in here])
            visit.iloc[here] = dates.to_numpy(dtype="datetime64[ns]")
        recorded = pd.Series(pd.to_datetime(pd.Series(taken, dtype="object"), errors="coerce"))
        date = visit.fillna(recorded.dt.normalize().astype("datetime64[ns]"))
        sex = table.text(SEX).reindex(eids).map({"1": "male", "0": "female", "Male": "male", "Female": "female"})
        return {
            "ecg_date": date.to_numpy(),
            "age": at_visit(AGE_AT_VISIT),
            "sex": sex.fillna("").astype(str).to_numpy(dtype=object),
            "height": at_visit(HEIGHT),
            "weight": at_visit(WEIGHT),
        }

    def _history(self, table: MainTable, endpoints: dict[str, Endpoint], eids: list[str]) -> dict[str, Any]:
        import pandas as pd

        columns: dict[str, Any] = {}
        for name, endpoint in endpoints.items():
            first = first_dates(endpoint, table).reindex(eids)
            columns[f"{name}_date"] = first["date"].to_numpy(dtype="datetime64[ns]")
            columns[f"{name}_undated"] = first["undated"].to_numpy(bool)
        columns["death_date"] = table.date(DEATH).reindex(eids).to_numpy(dtype="datetime64[ns]")
        columns["lost_date"] = table.date(LOST).reindex(eids).to_numpy(dtype="datetime64[ns]")
        columns["end_of_follow_up"] = np.full(len(eids), pd.Timestamp(self._end()).to_datetime64())
        return columns

    def _end(self) -> str:
        import datetime

        import yaml

        from bench.reading.yaml_file import read_yaml

        path = self.root / FOLLOW_UP
        if not path.is_file():
            return END_OF_FOLLOW_UP
        try:
            content = read_yaml(path)
            end = content["end"]
            return (end if isinstance(end, datetime.date) else datetime.date.fromisoformat(str(end))).isoformat()
        except (yaml.YAMLError, OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: {error}; expected one line such as 'end: 2022-10-31'.") from error

    def _images(self, table: MainTable, rows: list[tuple[str, int]]) -> dict[str, Any]:
        available: dict[tuple[str, int], Path] = {}
        folders = [self.root / name for name in (str(CINE), "cine", "Bulk") if (self.root / name).is_dir()]
        for suffix in SUFFIXES:
            for folder in folders:
                for path in sorted(folder.rglob(f"*{suffix}")):
                    match = _CINE.match(path.name.removesuffix(suffix))
                    if match:
                        available.setdefault((match[1], int(match[2] or 2)), path)
        paths = [available.get(row) for row in rows]
        listed = np.array([path is not None for path in paths], bool)
        if table.has(CINE):  # the main data set knows who was imaged, also where the images are not available
            at_visit = {instance: _filled(table, instance) for instance in table.instances(CINE)}
            listed |= np.array([eid in at_visit.get(instance, ()) for eid, instance in rows], bool)
        return {
            "imaged": listed,
            "image_path": ["" if path is None else path.relative_to(self.root).as_posix() for path in paths],
        }


def _filled(table: MainTable, instance: int) -> set[str]:
    """Participants with a cine of that visit."""
    values = table.text(CINE, instance)
    return set(table.eids[(values.notna() & (values.str.strip() != "")).to_numpy(bool)])


def _all_facts(paths: list[Path]) -> list[dict[str, Any]]:
    if len(paths) < _MANY or (os.cpu_count() or 1) == 1:
        return [_facts(path) for path in paths]
    from joblib.externals.loky import get_reusable_executor  # the pool in which stores are prepared

    return list(get_reusable_executor(max_workers=os.cpu_count()).map(_facts, paths, chunksize=64))


def _facts(path: Path) -> dict[str, Any]:
    """What the recorder reports; nothing for a file that cannot be read, which makes itself known again when its signal
    is read, where the user may skip it."""
    try:
        return read_facts(path)
    except Exception:
        return {**dict.fromkeys(COLUMNS, float("nan")), "statements": [], "taken": None}


def _mmcl_partition(records: pd.DataFrame) -> np.ndarray:
    """The part of each recording; later visits and those without a cine are in none."""
    parts = np.full(len(records), "", dtype=object)
    order = records.assign(_place=np.arange(len(records))).sort_values(["ecg_date", "instance", "_place"])
    first = np.sort(order.drop_duplicates("patient_id")["_place"].to_numpy())
    chosen = first[records["imaged"].to_numpy(bool)[first]]
    ever = {
        name: (records[f"{name}_date"].notna() | records[f"{name}_undated"]).to_numpy(bool)
        for name in MMCL_ENDPOINTS
        if f"{name}_date" in records
    }
    labels = [[name for name in ever if ever[name][row]] for row in chosen]
    if len(chosen):
        parts[chosen] = stratified_parts(records.index[chosen].tolist(), labels, SIZES, "mmcl")
    return parts.astype(str)


def _rank(part: str) -> int:
    return ("", "train", "validation", "test").index(part)


__all__ = ("PHENOTYPES", "UKBiobank")
