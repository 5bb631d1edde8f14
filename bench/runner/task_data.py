"""A task on a prepared store: its examples, targets and partitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import kinds
from bench.errors import DataError
from bench.progress import say
from bench.splitting.rules import Partition
from bench.splitting.split import Split, split_of
from bench.storage.artifacts import digest
from bench.task import Examples, Task

if TYPE_CHECKING:
    import pandas as pd

    from bench.signals.store import SignalStore


@dataclass(frozen=True)
class TaskData:
    """A task over a prepared store."""

    task: Task
    store: SignalStore
    examples: Examples
    rows: np.ndarray  # of the store, one an example
    split: Split
    complete: bool  # whether the store is the complete publication
    _partitions: dict[int, Partition] = field(default_factory=dict)
    _digests: dict[int, str] = field(default_factory=dict)

    def partition(self, fold: int) -> Partition:
        """Rows of ``examples`` in each part of a fold, drawn once."""
        if fold not in self._partitions:
            self._partitions[fold] = self.split.partition(self.examples, fold)
        return self._partitions[fold]

    def split_digest(self, fold: int) -> str:
        """Digest of who is in which part, with which labels."""
        if fold not in self._digests:
            parts = [[name, self.split.digest(self.examples, rows)] for name, rows in self.partition(fold).items()]
            self._digests[fold] = digest([self.split.name, parts])
        return self._digests[fold]

    @property
    def split_name(self) -> str:
        """Name of the split, which a result states."""
        return self.split.name

    @property
    def tested_dataset(self) -> str:
        """The dataset of the test records."""
        return self.task.dataset

    @property
    def tested_store(self) -> SignalStore:
        """The store of the test records; their ``rows`` are rows of it."""
        return self.store

    def dataset_facts(self) -> dict[str, Any]:
        """What a result states of the recordings."""
        return store_facts(self.task.dataset, self.store)

    @property
    def expected_counts(self) -> dict[str, int] | None:
        """Records of each part of the complete publication, where they are known."""
        complete = self.split.content.complete
        return {name: facts.records for name, facts in complete.partitions.items()} if complete else None


def store_facts(dataset: str, store: SignalStore) -> dict[str, Any]:
    """Name, version and digest of the recordings of a store, and what is unusual about them."""
    facts = {"name": dataset, "version": store.manifest["version"], "digest": store.digest}
    facts |= {name: store.manifest[name] for name in ("fs", "n_skipped", "n_nan", "n_flat") if name in store.manifest}
    facts |= {name: store.manifest[name] for name in ("n_absent", "n_doubtful") if store.manifest.get(name)}
    return facts | ({"unit": store.unit} if store.unit != "mV" else {})


def checked_examples(task: Task, records: pd.DataFrame) -> tuple[Examples, Split]:
    """The task's examples among the records of a store, and their split; the flow of a cohort is printed.

    Raises:
        DataError: there is no example, or one whose target the task's kind cannot have.
    """
    examples = task.examples(records)
    if not len(examples):
        raise DataError(f"task {task.name}: none of the {len(records):,} recordings of {task.dataset} has a label.")
    check_targets(task, examples)
    if examples.cohort is not None:
        say("\n".join(examples.cohort.lines()))
    return examples, split_of(task, examples)


def check_targets(task: Task, examples: Examples) -> None:
    """Refuse examples whose targets the task's kind cannot have, before anything is trained on them.

    Raises:
        DataError: the first of them, by record and class.
    """
    kind, classes = kinds.load(task.kind), list(task.classes)
    try:
        kind.check_targets(examples.targets, len(classes), examples.record_ids, kind.target_columns(classes))
    except DataError as error:
        raise DataError(f"task {task.name}: {error}") from error
