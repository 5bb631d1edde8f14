"""Checks of the dataset contract, on a small simulated copy."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.checks.check import Broken, Check, DoesNotApply, collected
from bench.dataset import Dataset
from bench.errors import ConfigError, DataError
from bench.signals.bounds import Bounds
from bench.signals.quality import repair
from bench.storage.artifacts import file_digest

CHECKS: list[Check] = []
RECORDS = 60


@dataclass(frozen=True)
class DatasetSubject:
    """A dataset and, where it can simulate itself, a small copy."""

    cls: type[Dataset]
    folder: Path
    copy: Dataset | None
    records: Any  # pandas.DataFrame | None

    @classmethod
    def of(cls, dataset: type[Dataset], folder: Path) -> DatasetSubject:
        root = folder / "copy"
        if "simulate" not in vars(dataset) and dataset.simulate.__func__ is Dataset.simulate.__func__:  # type: ignore[attr-defined]
            return cls(dataset, folder, None, None)
        dataset.simulate(root, RECORDS, 0)
        copy = dataset(root)
        copy.check()
        return cls(dataset, folder, copy, copy.records())

    def simulated(self) -> tuple[Dataset, Any]:
        if self.copy is None:
            raise DoesNotApply(f"{self.cls.name} has no simulation; bench data prepare checks it")
        return self.copy, self.records


@collected(CHECKS, "its publication is stated", "Set title, url and fetch as class attributes.")
def says_where_it_is_published(subject: DatasetSubject) -> None:
    for field in ("title", "url"):
        if not getattr(subject.cls, field, ""):
            raise Broken(
                f"{field} is empty.", f"Set {field} = '...' in the class: it is printed when files are missing."
            )
    if not subject.cls.fetch and subject.cls.publication is None:
        raise Broken("how to get the files is not stated.", "Set fetch to the command or the steps.")


@collected(CHECKS, "a folder without its files is refused with the fix", "check() must raise DataError.")
def an_empty_folder_is_refused(subject: DatasetSubject) -> None:
    empty = subject.folder / "empty"
    empty.mkdir(exist_ok=True)
    try:
        subject.cls(empty).check()
    except DataError as error:
        if str(empty) not in str(error):
            raise Broken("the error of check() names no folder.", "Name the missing file with its path.") from error
        return
    raise Broken("check() accepts an empty folder.", "Raise DataError that names the missing file and how to get it.")


@collected(CHECKS, "its simulation is reproducible", "simulate(destination, n_records, seed) writes its own format.")
def simulates_itself_to_the_byte(subject: DatasetSubject) -> None:
    if subject.copy is None:
        raise Broken(
            f"{subject.cls.name} has no simulate, so nothing can be tried without its files.",
            "Write a few recordings in the publisher's format from bench.simulate.",
        )
    again = subject.folder / "again"
    subject.cls.simulate(again, RECORDS, 0)
    root = subject.copy.root
    first, second = ({p.relative_to(r): file_digest(p) for p in r.rglob("*") if p.is_file()} for r in (root, again))
    different = sorted(str(p) for p in first.keys() | second.keys() if first.get(p) != second.get(p))
    if different:
        raise Broken(f"simulated twice with one seed, {different[0]} differs.", "Draw from default_rng(seed) only.")


@collected(CHECKS, "its records are a table with the index record_id", "records() must return one row per recording.")
def records_are_a_table(subject: DatasetSubject) -> None:
    _, records = subject.simulated()
    if len(records) != RECORDS:
        raise Broken(f"simulate was asked for {RECORDS} recordings, records() has {len(records)}.", "Make them agree.")
    if records.index.name != "record_id" or not records.index.is_unique:
        raise Broken(
            f"the index is {records.index.name!r}, unique: {records.index.is_unique}.", "Index by a unique record_id."
        )
    if not all(isinstance(i, str) for i in records.index):
        raise Broken("a record_id is not text.", "records.index = records.index.astype(str)")
    if "patient_id" not in records or not all(isinstance(p, str) for p in records["patient_id"]):
        raise Broken(
            "the column patient_id is missing or not text.",
            "Add it as str; use the record_id where the patient is unknown.",
        )
    path = subject.folder / "records.parquet"
    try:
        records.to_parquet(path)
    except Exception as error:
        raise Broken(f"parquet cannot keep the records ({error}).", "Use one type in a column.") from error


@collected(CHECKS, "every recording can be read, also in a worker process", "read(file) must be static and picklable.")
def recordings_can_be_read(subject: DatasetSubject) -> None:
    dataset, records = subject.simulated()
    files = dataset.files(records)
    if [file.record_id for file in files] != list(records.index):
        raise Broken("files() does not list the records in their order.", "One RecordFile for each row of records.")
    read = pickle.loads(pickle.dumps(type(dataset).read))  # what a worker process does with it
    bounds = Bounds.of(dataset)
    for file in pickle.loads(pickle.dumps(files[:5])):
        try:
            recording = read(file)
            bounds.check(recording, file)
            signal, _ = repair(recording.signal, recording.fs)
            if doubt := bounds.doubt(signal, recording.gain, file):
                raise DataError(doubt)
        except DataError as error:
            raise Broken(
                f"record {file.record_id} is refused: {error}",
                "Return 12 leads in mV, or the publisher's integers with gain in units per mV, ordered with "
                "bench.signals.leads.lead_order; list every sampling rate that occurs in rates.",
            ) from error


@collected(
    CHECKS, "texts and partitions have a row for each record", "text() and pretraining_partition() keep the order."
)
def texts_and_partitions_fit(subject: DatasetSubject) -> None:
    _, records = subject.simulated()
    for source in subject.cls.text_sources:
        text = subject.cls.text(records, source)
        if len(text) != len(records) or not all(isinstance(t, str) for t in text):
            raise Broken(f"text source {source!r} does not give one text for each record.", "'' where there is none.")
    masks = subject.cls.pretraining_partition(records)
    if set(masks) != {"train", "validation"} or any(np.asarray(m).shape != (len(records),) for m in masks.values()):
        raise Broken("pretraining_partition does not give two masks over the records.", "Return train and validation.")
    if (masks["train"] & masks["validation"]).any():
        raise Broken("a record is in both pretraining parts.", "Make the masks exclude each other.")


@collected(CHECKS, "unknown names are refused", "text() must raise ConfigError for an unknown source.")
def unknown_text_is_refused(subject: DatasetSubject) -> None:
    _, records = subject.simulated()
    try:
        subject.cls.text(records, "no-such-text")
    except ConfigError:
        return
    except Exception as error:
        raise Broken(
            f"an unknown text source raises {type(error).__name__}.", "Raise ConfigError with the known names."
        ) from error
    raise Broken("an unknown text source is accepted.", "Raise ConfigError that lists text_sources.")
