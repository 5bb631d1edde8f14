"""The contract of a task: a dataset, a target per recording, a split and the metrics.

A multilabel task on an existing dataset is about ten lines::

    class Infarction(MultilabelTask):
        '''Myocardial infarction among the diagnostic superclasses of PTB-XL.'''

        name = "ptbxl-infarction"
        dataset = "ptbxl"
        split = "ptbxl-super"
        column = "superclass"
        classes = {"NORM": "normal ECG", "MI": "myocardial infarction"}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bench import kinds, registry
from bench.errors import DataError
from bench.renamed import renamed_attribute

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pandas as pd


class ClassName(str):
    """A class in words ("inferior myocardial infarction"), which also knows its short name in the task ("IMI").

    ``original`` is the name that the dataset publishes, which is the words unless the task describes the class.
    """

    code: str
    original: str

    def __new__(cls, words: str, code: str, original: str | None = None) -> ClassName:
        name = super().__new__(cls, words)
        name.code, name.original = code, original or words
        return name


@dataclass(frozen=True)
class Exclusion:
    """One exclusion: what it asks, how many it removed, how many are left."""

    reason: str
    removed: int
    left: int


@dataclass
class CohortFlow:
    """The flow chart of a cohort.

    Attributes:
        title: of the cohort.
        start: how many there were, and what they are.
        steps: in order.
        notes: what else is worth knowing before a number is read.
    """

    title: str
    start: int
    unit: str = "recordings"
    steps: list[Exclusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The chart as text, one line per step."""
        text = [f"{self.title}", f"  {self.start:>9,}  {self.unit} available"]
        text += [f"  {-step.removed:>9,}  {step.reason} ({step.left:,} left)" for step in self.steps if step.removed]
        return [*text, f"  {self.left:>9,}  take part", *(f"  {note}" for note in self.notes)]

    @property
    def left(self) -> int:
        return self.steps[-1].left if self.steps else self.start

    def to_dict(self) -> dict[str, Any]:
        """As JSON, for the record of a result."""
        return {
            "title": self.title,
            "start": self.start,
            "unit": self.unit,
            "steps": [vars(step) for step in self.steps],
            "left": self.left,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Examples:
    """What a task asks: example by example. The row order is the identity of an example within a task version.

    Attributes:
        record_ids: str [example], into the store; a record may serve several examples (windows of one recording).
        patient_ids: str [example], the clusters of every interval and the unit no split may cut.
        targets: multilabel uint8 [example, class]; multiclass and identification int64 [example]; survival float64
            [example, 2] = (years, event); regression float64 [example, target]. Single targets of multilabel (then float32)
            and regression tasks may be unknown, NaN: they take no part in training, selection and scores.
        start: seconds into the recording where the example begins, float [example], or None for the whole recording.
        seconds: the length of each example, or None for what the method's InputSpec asks.
        columns: the record's columns that the split rule reads (folds, dates), one row an example.
        cohort: how the examples were chosen among the records, where exclusions need telling.
        truth: of a simulated cohort, what its simulator knows of each example, shaped as scores are: what no method can
            be expected to beat. It is scored next to the results (the ceiling) and shown to no method.
    """

    record_ids: np.ndarray
    patient_ids: np.ndarray
    targets: np.ndarray
    columns: pd.DataFrame
    start: np.ndarray | None = None
    seconds: float | None = None
    cohort: CohortFlow | None = None
    truth: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.record_ids)


class Task(ABC):
    """One question asked of the recordings of a dataset. Metadata only, and a function from records to targets."""

    name: ClassVar[str]
    """Its name in commands and tables: small letters, digits and hyphens, such as ``ptbxl-super``."""
    dataset: ClassVar[str]
    """The registered dataset whose recordings are asked about (``bench data status``)."""
    kind: ClassVar[str]
    """The name of what is asked (:mod:`bench.kinds`): multilabel, multiclass, identification, survival, regression, or a
    plugin's."""
    split: ClassVar[str]
    """Name of a YAML in a ``bench.splits`` package."""
    released_split: ClassVar[str | None] = None
    """The split of the published numbers where its lists are not ours to ship: used instead of ``split`` as soon as a
    user has imported them (:mod:`bench.splitting.released_partitions`)."""
    classes: ClassVar[dict[str, str]] = {}
    """Class (or target) name -> its full words, which are the zero-shot prompts. The order is the column order."""
    in_words: ClassVar[bool] = True
    """Whether ``classes`` describes the classes in words. Of codes alone (False) nobody can be asked zero-shot."""
    original_names: ClassVar[dict[str, str]] = {}
    """Class -> the name that the dataset publishes, where ``classes`` describes the class instead; also for prompts."""
    meanings: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Class -> the findings that it means, one of several, by which a probe is tested on another dataset
    (:mod:`bench.transfer`). ``?af`` is a finding that the class may mean but is no safe word for. Built-in tasks take
    them from ``tasks/class_vocabulary.csv``."""
    wordings: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Class -> other words for it, of one number for all, by which ``bench prompts`` measures how much words matter."""
    groups: ClassVar[dict[str, list[str]]] = {}
    """Group -> some of the classes (or targets), over which means are reported too."""
    version: ClassVar[int] = 1
    """Raise it whenever the examples or targets change: old results then never mix with new ones."""
    source: ClassVar[str] = ""
    """Where the question and its labels come from: authors, venue and year, shown by ``bench tasks``."""

    @abstractmethod
    def examples(self, records: pd.DataFrame) -> Examples:
        """The examples and targets of this task among a dataset's records; rows without a target are left out.

        Args:
            records: one row per recording, index ``record_id`` (str), column ``patient_id`` (str), and the columns that
                the documentation of :meth:`bench.dataset.Dataset.records` of the dataset lists.

        Returns:
            record ids, patient ids and targets, one row per example, and the columns that the split reads::

                chosen = records[records["age"].between(18, 89)]
                return Examples(
                    record_ids=chosen.index.to_numpy(dtype=str),
                    patient_ids=chosen["patient_id"].to_numpy(dtype=str),
                    targets=chosen[["age"]].to_numpy(np.float64),
                    columns=chosen.reset_index(drop=True),
                )
        """

    @classmethod
    def datasets(cls) -> tuple[str, ...]:
        """The datasets whose recordings it reads; a transferred task reads two."""
        return (cls.dataset,)

    @property
    def class_names(self) -> list[ClassName]:
        """The classes as a method is asked for them."""
        return [ClassName(words, code, self.original_names.get(code)) for code, words in self.classes.items()]

    @property
    def metric(self) -> str:
        """The metric used for selection on validation data, and shown first."""
        return kinds.load(self.kind).selection_metric


class MultilabelTask(Task):
    """Classes read from a list-valued column of the records: any may hold, and records without one are dropped."""

    kind: ClassVar[str] = "multilabel"
    column: ClassVar[str]
    """The records' column that lists the classes of each recording."""

    def examples(self, records: pd.DataFrame) -> Examples:
        import numpy as np

        from bench.storage.large_array import large_array

        _require_columns(self, records, [self.column])
        position = {name: i for i, name in enumerate(self.classes)}
        present = [[position[label] for label in labels if label in position] for labels in records[self.column]]
        chosen = records[[bool(columns) for columns in present]]
        targets = large_array((len(chosen), len(position)), np.uint8)  # a thousand classes of a million records
        targets[:] = 0
        for row, columns in enumerate(filter(None, present)):
            targets[row, columns] = 1
        return Examples(
            record_ids=chosen.index.to_numpy(dtype=str),
            patient_ids=chosen["patient_id"].to_numpy(dtype=str),
            targets=targets,
            columns=chosen.reset_index(drop=True),
        )


class ColumnTask(Task):
    """Targets that are columns of the records, one per class: flags (multilabel) or values (regression), NaN where unknown.

    A record of which no target is known takes no part; one without a positive label does.
    """

    kind: ClassVar[str] = "multilabel"

    def examples(self, records: pd.DataFrame) -> Examples:
        import numpy as np

        _require_columns(self, records, self.classes)
        try:
            values = records[list(self.classes)].to_numpy(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"task {self.name}: columns {', '.join(self.classes)}: {error}; expected numbers, NaN where unknown. Convert "
                f"them in records() of {self.dataset}."
            ) from error
        known = ~np.isnan(values)
        chosen = records[known.any(axis=1)]
        targets = values[known.any(axis=1)]
        if kinds.load(self.kind).several_at_once:
            wrong = known & (values != 0) & (values != 1)
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise DataError(
                    f"task {self.name}: record {records.index[row]}, column {list(self.classes)[column]} is "
                    f"{values[row, column]:g}; expected 0, 1, or NaN where unknown."
                )
            targets = targets.astype(np.float32 if np.isnan(targets).any() else np.uint8)
        return Examples(
            record_ids=chosen.index.to_numpy(dtype=str),
            patient_ids=chosen["patient_id"].to_numpy(dtype=str),
            targets=targets,
            columns=chosen.reset_index(drop=True),
        )


class SingleLabelTask(Task):
    """One class of several, read from a list-valued column: only records with exactly one of the classes take part."""

    kind: ClassVar[str] = "multiclass"
    column: ClassVar[str]
    """The records' column that lists the classes of each recording."""

    def examples(self, records: pd.DataFrame) -> Examples:
        import numpy as np

        _require_columns(self, records, [self.column])
        position = {name: i for i, name in enumerate(self.classes)}
        known = [[position[label] for label in labels if label in position] for labels in records[self.column]]
        single = np.array([len(positions) == 1 for positions in known], bool)
        chosen = records[single]
        return Examples(
            record_ids=chosen.index.to_numpy(dtype=str),
            patient_ids=chosen["patient_id"].to_numpy(dtype=str),
            targets=np.array([positions[0] for positions in known if len(positions) == 1], np.int64),
            columns=chosen.reset_index(drop=True),
        )


def _require_columns(task: Task, records: pd.DataFrame, columns: Iterable[str]) -> None:
    missing = [column for column in columns if column not in records]
    if missing:
        raise DataError(
            f"task {task.name}: no column {', '.join(missing)} in the records of {task.dataset}; found: "
            f"{', '.join(map(str, records))}."
        )


def _selection_metrics() -> dict[str, str]:
    return {kind: kinds.load(kind).selection_metric for kind in registry.entries(registry.KINDS)}


def __getattr__(name: str) -> Any:
    replaced = {
        "SELECTION_METRIC": ("bench.kinds.load(kind).selection_metric", _selection_metrics),
        "Kind": ("str, the name of a kind", lambda: str),
    }
    return renamed_attribute(__name__, name, replaced)
