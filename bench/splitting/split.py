"""Splits: the training, validation and test examples of a task, by a stated rule, with expected counts and digests.

A split is a YAML file in a package registered under ``bench.splits``. It holds the rule and, for a complete copy of the
data, the expected counts and a digest over sorted (record id, labels); never a record::

    description: Folds 1-8 train, 9 validates, 10 tests.
    source: Wagner et al., Scientific Data 2020
    rule: {kind: column, column: strat_fold, train: [1, 2], validation: [9], test: [10]}
    classes: [HYP, NORM]        # column order of the targets
    complete:
      version: 1.0.3
      digest: 0123...
      partitions:
        train: {records: 17084, patients: 15000, digest: 4567..., classes: {HYP: 2119, NORM: 7596}}

Rules:

``column``
    a column of the examples says it all; one fold. The column is the publisher's, or derived by the dataset's reader,
    or imported by the user (``hint`` says how).
``repeated-stratified-cv``
    ``folds`` folds for each of ``seeds``, stratified on the outcome, patients never across folds; ``validation`` is the
    share of the training part that validates. scikit-learn's ``StratifiedGroupKFold`` draws both.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench import kinds, registry
from bench.errors import ConfigError, DataError, UnknownName
from bench.reading.text_file import said
from bench.reading.yaml_file import read_yaml
from bench.splitting.rules import ColumnRule, Partition, RepeatedStratifiedCV
from bench.splitting.stratify import CHUNK, are_labels

if TYPE_CHECKING:
    from bench.task import Examples, Task

GROUP = "bench.splits"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartitionFacts(_Model):
    """What one partition of a complete copy holds; what is None is not checked."""

    records: int
    patients: int | None = None
    digest: str | None = None
    patients_digest: str | None = Field(None, description="over the sorted (record id, patient id)")
    classes: dict[str, int] | None = Field(None, description="positives of each class")
    known: dict[str, int] | None = Field(None, description="records in which each class is known, where some are not")


def patients_digest(examples: Examples) -> str:
    """BLAKE2b over the sorted (record id, patient id) of some examples."""
    pairs = zip(examples.record_ids, examples.patient_ids, strict=True)
    lines = sorted(f"{record}\t{patient}\n" for record, patient in pairs)
    return hashlib.blake2b("".join(lines).encode(), digest_size=16).hexdigest()


class CompleteFacts(_Model):
    """What a complete copy of the data holds."""

    version: str
    records: int
    digest: str | None = None
    binding: bool = Field(
        True, description="whether a difference refuses the data; false where the numbers rest on an assumption"
    )
    partitions: dict[Literal["train", "validation", "test"], PartitionFacts] = {}


class SplitFile(_Model):
    """A split's YAML."""

    description: str
    source: str
    rule: Annotated[ColumnRule | RepeatedStratifiedCV, Field(discriminator="kind")]
    classes: list[str] = []
    keep_apart: Literal["patient", "record", "example"] = Field(
        "patient", description="what no two partitions share; identification tests other windows of the same recordings"
    )
    complete: CompleteFacts | None = None

    @model_validator(mode="after")
    def _one_partition(self) -> Self:
        if self.rule.n_folds > 1 and self.complete is not None and self.complete.partitions:
            raise ValueError(
                f"complete.partitions: the rule makes {self.rule.n_folds} partitions, one a fold; state records only"
            )
        return self


@dataclass(frozen=True)
class SplitReport:
    """The contents of a split in the available data, and the expected contents.

    Attributes:
        complete: whether the data claim to be complete; only then do the expected numbers apply.
        found: the facts of the available data, partition by partition.
        expected: those of a complete copy, or None if the split states none.
        differences: in words, one a disagreement; empty when incomplete.
    """

    split: str
    complete: bool
    digest: str
    found: dict[str, PartitionFacts]
    expected: CompleteFacts | None
    differences: list[str] = field(default_factory=list)

    @property
    def empty_classes(self) -> dict[str, list[str]]:
        """Partition -> classes without a positive."""
        return {
            name: [label for label, count in (facts.classes or {}).items() if not count]
            for name, facts in self.found.items()
        }

    def raise_if_wrong(self) -> None:
        """Refuse a complete copy that does not hold what was published.

        Raises:
            DataError: with every disagreement.
        """
        if self.complete and self.differences and self.expected is not None and self.expected.binding:
            raise DataError(
                f"split {self.split}: the available data differ from those of the split: {'; '.join(self.differences)}. "
                f"Fetch the publisher's files again, or use the split of the available version."
            )


class Split:
    """A split, loaded.

    Attributes:
        folds: the values :meth:`partition` takes.
        version: of the data for which counts and digests are stated; None if there are none.
    """

    def __init__(self, name: str, content: SplitFile):
        self.name = name
        self.content = content
        self.description, self.source = content.description, content.source
        self.version = content.complete.version if content.complete else None
        self.folds = range(content.rule.n_folds)

    def partition(self, examples: Examples, fold: int = 0) -> Partition:
        """The rows of one fold.

        Raises:
            ConfigError: there is no such fold. DataError: a partition is empty, or two share a record or patient.
        """
        if fold not in self.folds:
            raise ConfigError(f"split {self.name} has folds 0 to {self.folds[-1]}; {fold} is not among them.")
        partition = self.content.rule.partition(examples, fold)
        self._assert_apart(examples, partition)
        for name, rows in partition.items():
            if not len(rows):
                raise DataError(
                    f"split {self.name}: no {name} examples among the {len(examples):,} available "
                    f"({self.description.rstrip('.')}). {self._what_is_needed(examples, name)}"
                )
        return partition

    def _what_is_needed(self, examples: Examples, name: str) -> str:
        rule = self.content.rule
        if not isinstance(rule, ColumnRule):
            return "A larger copy of the data is needed."
        found = list(map(repr, examples.columns[rule.column].unique()[:9].tolist()))
        return (
            f"Its records have {rule.column} {' or '.join(map(repr, getattr(rule, name)))}; found: {', '.join(found[:8])}"
            f"{', ...' if len(found) > 8 else ''}. Correct the column, or get a larger copy of the data."
        )

    def _assert_apart(self, examples: Examples, partition: Partition) -> None:
        units = {"example": np.arange(len(examples))}
        if self.content.keep_apart != "example":
            units["record"] = examples.record_ids
        if self.content.keep_apart == "patient":
            units["patient"] = examples.patient_ids
        for unit, ids in units.items():
            parts = [(name, ids[rows]) for name, rows in partition.items()]
            for i, (name, first) in enumerate(parts):
                for other, second in parts[i + 1 :]:
                    shared = np.intersect1d(first, second)
                    if len(shared):
                        raise DataError(
                            f"split {self.name}: {len(shared)} {unit}s are in both {name} and {other} (first: "
                            f"{shared[0]}); expected none. The metadata are not the publisher's, or the rule does not "
                            f"fit them."
                        )

    def digest(self, examples: Examples, rows: np.ndarray | None = None) -> str:
        """BLAKE2b over the sorted (record id, labels) of the examples; neither their order nor that of the classes
        counts. A label that is unknown is marked, ``?MI``."""
        rows = np.arange(len(examples)) if rows is None else rows
        labels = examples.targets.ndim == 1 or are_labels(examples.targets)
        lines = []
        for row in rows:
            start = "" if examples.start is None else f"@{examples.start[row]:g}"
            lines.append(f"{examples.record_ids[row]}{start}\t{self._label(examples.targets[row], labels)}\n")
        return hashlib.blake2b("".join(sorted(lines)).encode(), digest_size=16).hexdigest()

    def _label(self, target: Any, labels: bool) -> str:
        """Classes by name; by column where the split, being about no labels, names none."""
        if labels and np.issubdtype(np.asarray(target).dtype, np.integer):
            columns = [int(target)] if np.ndim(target) == 0 else np.flatnonzero(target)
            return ",".join(sorted(self._class_name(int(i)) for i in columns))
        if labels and np.ndim(target):
            marks = [("" if target[i] > 0 else "?") + self._class_name(int(i)) for i in np.flatnonzero(target)]
            return ",".join(sorted(marks))
        return ",".join(f"{value:.9g}" for value in np.atleast_1d(target))

    def _class_name(self, column: int) -> str:
        return self.content.classes[column] if self.content.classes else str(column)

    def facts(self, examples: Examples, rows: np.ndarray) -> PartitionFacts:
        """Counts and digest of some rows."""
        names, classes, known = self.content.classes, None, None
        labels, single = are_labels(examples.targets), examples.targets.ndim == 1
        if names and single and np.issubdtype(examples.targets.dtype, np.integer):
            counts = np.bincount(examples.targets[rows], minlength=len(names))
            classes = dict(zip(names, counts.tolist(), strict=True))
        elif names and labels:
            classes = _counts(names, examples.targets, rows, lambda part: part > 0)
            if examples.targets.dtype.kind == "f":
                known = _counts(names, examples.targets, rows, lambda part: part >= 0)
        return PartitionFacts(
            records=len(rows),
            patients=len(np.unique(examples.patient_ids[rows])),
            digest=self.digest(examples, rows),
            classes=classes,
            known=known,
        )

    def verify(self, examples: Examples, complete: bool) -> SplitReport:
        """Compare with what the split states.

        Args:
            complete: whether the data are a complete copy of the version for which the numbers are stated; of an
                incomplete one only counts are reported.

        Raises:
            DataError: partitions share a record or patient. ConfigError: the classes are not those of the task.
        """
        n_classes = len(self.content.classes)
        if are_labels(examples.targets) and n_classes and examples.targets.shape[1] != n_classes:
            raise ConfigError(
                f"split {self.name} lists {n_classes} classes and the task has {examples.targets.shape[1]}; they must "
                f"be the same, in the same order."
            )
        partition = self.partition(examples, 0) if len(self.folds) == 1 else None
        facts = {name: self.facts(examples, rows) for name, rows in partition.items()} if partition else {}
        digest, expected = self.digest(examples), self.content.complete
        differences = []
        if complete and expected is not None:
            if len(examples) != expected.records:
                differences.append(f"{len(examples):,} examples, expected {expected.records:,}")
            for name, stated in expected.partitions.items():
                differences += _differences(name, facts[name], stated)
            if expected.digest is not None and digest != expected.digest:
                differences.append(f"digest {digest}, expected {expected.digest}: record ids or labels differ")
        return SplitReport(self.name, complete, digest, facts, expected, differences)


def _counts(
    names: Sequence[str], targets: np.ndarray, rows: np.ndarray, counted: Callable[[np.ndarray], np.ndarray]
) -> dict[str, int]:
    """Class -> in how many of some rows its target counts."""
    total = np.zeros(len(names), np.int64)
    for first in range(0, len(rows), CHUNK):
        total += np.count_nonzero(counted(targets[rows[first : first + CHUNK]]), axis=0)
    return dict(zip(names, total.tolist(), strict=True))


def _differences(name: str, facts: PartitionFacts, stated: PartitionFacts) -> list[str]:
    differences = []
    for unit in ("records", "patients"):
        expected = getattr(stated, unit)
        if expected is not None and getattr(facts, unit) != expected:
            differences.append(f"{name}: {getattr(facts, unit):,} {unit}, expected {expected:,}")
    for what in ("classes", "known"):
        words = "positives" if what == "classes" else "known labels"
        for label, count in (getattr(stated, what) or {}).items():
            present = (getattr(facts, what) or {}).get(label)
            if present != count:
                differences.append(f"{name}: {present} {words} of {label}, expected {count}")
    if stated.digest is not None and facts.digest != stated.digest and not differences:
        differences.append(f"{name}: the counts agree but the digest is {facts.digest}, expected {stated.digest}")
    return differences


@functools.lru_cache(maxsize=1)
def split_files() -> dict[str, Path]:
    """Name -> file of every split that an installed package offers."""
    files: dict[str, Path] = {}
    for folder in registry.resource_folders(GROUP):
        for path in sorted(folder.glob("*.yaml")):
            other = files.setdefault(path.stem, path)
            if other != path:
                raise ConfigError(f"two splits are named {path.stem!r}: {other} and {path}. Give one another name.")
    return files


def load_split(name: str) -> Split:
    """The split of that name.

    Raises:
        UnknownName: there is none. ConfigError: its file cannot be read.
    """
    files = split_files()
    if name not in files:
        raise UnknownName("split", name, files)
    return read_split(files[name])


def declared_split(task: Task | type[Task]) -> Split:
    """The split that a task declares, whose classes are those of the task. No data are needed.

    A task of a kind without classes may use the records of a split that lists some.

    Raises:
        UnknownName: there is none. ConfigError: its file cannot be read, or it lists other classes or another order.
    """
    split = load_split(task.split)
    of_classes = kinds.load(task.kind).has_classes
    if of_classes and split.content.classes and split.content.classes != list(task.classes):
        raise ConfigError(
            f"{split_files()[task.split]}: classes: {', '.join(split.content.classes)}; expected those of task {task.name} "
            f"in the same order: {', '.join(task.classes)}. Change them there, or remove the line classes."
        )
    return split


def split_of(task: Task | type[Task], examples: Examples) -> Split:
    """The split on which a task's examples are run: the released one where its column is available, else the task's own.

    The two have different names, which every result keeps.
    """
    if task.released_split is not None:
        released = load_split(task.released_split)
        rule = released.content.rule
        if isinstance(rule, ColumnRule) and rule.column in examples.columns:
            return released
    return load_split(task.split)


def read_split(path: Path) -> Split:
    """A split from its file; the name is the file's.

    Raises:
        ConfigError: the file is no split, with every field that is wrong.
    """
    import yaml

    try:
        content = SplitFile.model_validate(read_yaml(path))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {said(error)}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path} is not a split: {wrong}") from error
    return Split(path.stem, content)
