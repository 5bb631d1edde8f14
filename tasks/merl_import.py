"""MERL's released split files: checked against the numbers in ``splits/``, their defects reported, their lists imported.

The partitions of CPSC2018 and CSN were drawn at random and exist only as these lists (``finetune/data_split`` of the
MERL repository). Records are joined by name and label columns by their headings: both change their order in places.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DataError
from bench.reading.publisher_csv import read_table
from bench.splitting.released_partitions import write_imported
from bench.splitting.rules import ColumnRule
from bench.splitting.split import Split, load_split
from bench.task import Examples

if TYPE_CHECKING:
    import pandas as pd

PARTITION_FILES = {"train": "train", "validation": "val", "test": "test"}
HINT = "Fetch the file again from the MERL repository (finetune/data_split)."


@dataclass(frozen=True)
class ImportedSet:
    """One set of three files, held against one of our splits; ``differences`` are in words, none if all agrees."""

    split: str
    counts: dict[str, int]
    differences: list[str]


@dataclass(frozen=True)
class MerlImport:
    """What was found: sets that agree or not, defects of the files that any user of them should know, files written."""

    sets: list[ImportedSet] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not any(imported.differences for imported in self.sets)

    def lines(self) -> list[str]:
        """The whole report, for the terminal."""
        lines = []
        for imported in self.sets:
            counts = " / ".join(f"{n:,}" for n in imported.counts.values())
            lines.append(
                f"{imported.split}: {counts} records, {'; '.join(imported.differences) or 'counts and digests agree'}"
            )
        lines += [f"defect: {text}" for text in self.defects]
        return lines + [f"imported: {path}" for path in self.written]


@dataclass(frozen=True)
class _Source:
    """How one set of files names its records and patients, and the splits that its labels are held against."""

    stem: str  # of the file names
    identity: str  # column that names the record
    record_id: Callable[[str], str | None]
    splits: tuple[str, ...]
    patient: str | None = None
    further: tuple[str, ...] = ()  # columns required in addition to the labels
    dataset: str | None = None  # whose records the lists partition, where no published rule does


def _ptbxl_record(text: str) -> str | None:
    return text if re.fullmatch("[0-9]+", text) else None


def _cpsc_record(text: str) -> str | None:
    return text if re.fullmatch(r"A\d{4}", text) else None


def _csn_record(text: str) -> str | None:
    match = re.fullmatch(r"(?:.*/)?(JS\d{5})\.mat", text)
    return match[1] if match else None


_PTBXL = [
    _Source(f"ptbxl_{name}", "ecg_id", _ptbxl_record, (split,), patient="patient_id", further=("patient_id",))
    for name, split in (
        ("super_class", "ptbxl-super"),
        ("sub_class", "ptbxl-sub"),
        ("form", "ptbxl-form"),
        ("rhythm", "ptbxl-rhythm"),
    )
]
_CPSC = _Source("icbeb", "filename", _cpsc_record, ("cpsc2018-merl",), dataset="cpsc2018")
_CSN = _Source(
    "chapman", "ecg_path", _csn_record, ("csn-merl-substring", "csn-merl"), further=("diagnose",), dataset="csn"
)


def import_merl(folder: Path, destination: Path | None = None) -> MerlImport:
    """Check all six sets of MERL's files below ``folder``, and keep the two random partitions.

    Args:
        folder: holds ``ptbxl_super_class_train.csv`` and the other 17, at any depth.
        destination: the folder of imported columns (:func:`bench.splitting.released_partitions.write_imported`); None only
            checks. A set that does not agree with our numbers is not written.

    Raises:
        DataError: a file is missing, or one cannot be read for what it should be.
    """
    report = MerlImport()
    for source in (*_PTBXL, _CPSC, _CSN):
        table = _read_set(Path(folder), source, report.defects)
        checked = [_check(table, split, source) for split in source.splits]
        report.sets.extend(checked)
        if source is _CSN:
            report.defects.extend(_substring_defect(table))
        if source.dataset and destination is not None and not any(imported.differences for imported in checked):
            columns = table.set_index("record_id").rename(columns={"diagnose": "merl_acronyms"})
            partition_columns = [c for c in ("merl_partition", "merl_order", "merl_acronyms") if c in columns]
            report.written.append(write_imported(destination, source.dataset, columns[partition_columns]))
    return report


def _read_set(folder: Path, source: _Source, defects: list[str]) -> pd.DataFrame:
    """The three files of a set as one table, with ``record_id``, ``merl_partition`` and ``merl_order``."""
    import pandas as pd

    labels = load_split(source.splits[0]).content.classes
    parts = []
    order: list[str] = []
    for partition, suffix in PARTITION_FILES.items():
        path = _find(folder, f"{source.stem}_{suffix}.csv")
        required = [source.identity, *source.further, *labels]
        table = read_table(path, required, HINT, keep_default_na=False)
        mine = [column for column in table if column in labels]
        order = order or mine
        if mine != order:
            wrong = [k for k, (a, b) in enumerate(zip(mine, order, strict=True)) if a != b]
            defects.append(
                f"{path.name}: the label columns are not in the order of {source.stem}_train.csv: positions "
                f"{', '.join(map(str, wrong))} hold {', '.join(mine[k] for k in wrong)}, where the training file has "
                f"{', '.join(order[k] for k in wrong)}. Columns are joined by name here; code that pairs them by "
                f"position scores these classes against each other's labels."
            )
        table["record_id"] = [source.record_id(text.strip()) for text in table[source.identity]]
        unreadable = table["record_id"].isna().to_numpy(bool)
        if unreadable.any():
            row = int(unreadable.argmax())
            raise DataError(
                f"{path}: line {row + 2} has {source.identity} {table[source.identity].iloc[row]!r}, which names no "
                f"record. {HINT}"
            )
        for label in labels:
            odd = ~table[label].isin(("0", "1")).to_numpy(bool)
            if odd.any():
                row = int(odd.argmax())
                raise DataError(
                    f"{path}: line {row + 2} has {label} {table[label].iloc[row]!r}; expected 0 or 1. {HINT}"
                )
        parts.append(table.assign(merl_partition=partition, merl_order=np.arange(len(table))))
    records = pd.concat(parts, ignore_index=True)
    twice = records["record_id"].duplicated().to_numpy(bool)
    if twice.any():
        raise DataError(
            f"{folder}: record {records['record_id'].iloc[int(twice.argmax())]} stands twice in the files of "
            f"{source.stem}; expected each record in one of train, val and test. {HINT}"
        )
    return records


def _check(table: pd.DataFrame, split: str, source: _Source) -> ImportedSet:
    """The table held against the stated numbers of one of our splits."""
    content = load_split(split).content
    targets = table[content.classes].to_numpy(dtype=str) == "1"
    if split == "csn-merl":
        tokens = [set(text.split(",")) for text in table["diagnose"]]
        targets = np.array([[label in acronyms for label in content.classes] for acronyms in tokens])
    patients = table["record_id"]
    if source.patient:
        patients = table[source.patient].str.removesuffix(".0")
    examples = Examples(
        record_ids=table["record_id"].to_numpy(dtype=str),
        patient_ids=patients.to_numpy(dtype=str),
        targets=targets.astype(np.uint8),
        columns=table,
    )
    parts: dict[str, Any] = {name: [name] for name in PARTITION_FILES}
    rule = ColumnRule(kind="column", column="merl_partition", **parts)
    verification = Split(split, content.model_copy(update={"rule": rule})).verify(examples, complete=True)
    return ImportedSet(
        split, {name: facts.records for name, facts in verification.found.items()}, verification.differences
    )


def _substring_defect(table: pd.DataFrame) -> list[str]:
    """CSN's labels as released against the same labels by whole acronyms, class by class."""
    labels = load_split("csn-merl").content.classes
    tokens = [set(text.split(",")) for text in table["diagnose"]]
    affected = []
    for label in labels:
        released = int((table[label] == "1").sum())
        exact = sum(label in acronyms for acronyms in tokens)
        if released != exact:
            others = sorted(
                {acronym for acronyms in tokens for acronym in acronyms if label in acronym and acronym != label}
            )
            affected.append(f"{label} {released:,} instead of {exact:,} (also given for {', '.join(others)})")
    if not affected:
        return []
    text = (
        f"chapman_*.csv: a class was given to every recording whose text of acronyms contains its acronym anywhere, "
        f"so {len(affected)} of {len(labels)} classes have false positives: {'; '.join(affected)}. Task csn has the labels "
        f"rebuilt from whole acronyms (column diagnose); task csn-merl keeps these, for comparison with published "
        f"numbers only."
    )
    return [text]


def _find(folder: Path, name: str) -> Path:
    paths = sorted(folder.rglob(name)) if folder.is_dir() else []
    if len(paths) != 1:
        problem = f"{len(paths)} files named {name} lie below it" if paths else f"no file {name} lies below it"
        raise DataError(
            f"{folder}: {problem}; expected one. Name the folder finetune/data_split of a checkout of the MERL "
            f"repository (https://github.com/cheliu-computation/MERL-ICML2024)."
        )
    return paths[0]
