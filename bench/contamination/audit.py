"""Compare the test recordings of a cell with its pretraining corpus: by declaration, by ids, and by fingerprint.

``test records``
    at least one test recording was trained on: by its id, where the corpus is the task's own dataset, or by its waveform.
``same dataset``
    the corpus is the task's dataset, or is declared to share recordings with it, and no test recording was found in it.
    Pretraining on the task's own training recordings is of this kind: the same hospital, devices and annotators.
``none``
    nothing was pretrained, or the corpus is another collection, and no test recording was found in it.
``declared``
    the author of a method, or the importer of its weights, states what they were trained on, or that they are initial
    ones; the statement gives ``none``, and no recordings were compared.
``unknown``
    nobody said what the checkpoint was pretrained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench import registry
from bench.contamination import fingerprint
from bench.contamination.declared import OTHER, canonical, collections, files_of, relation
from bench.contamination.match import find_copies
from bench.progress import counted, say
from bench.storage.artifacts import digest, once
from bench.storage.code_digest import module_digest

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bench.data.source import DataSource
    from bench.method import Corpus
    from bench.signals.store import SignalStore
    from bench.task import Examples

Status = Literal["none", "declared", "same dataset", "test records", "unknown"]

CHEAP = 100_000
"""Recordings, those to fingerprint and those to search added up, up to which a run does it by itself: a minute on one core,
compared with the pretraining that came before. More wait for ``bench audit``, which stores its findings for later runs."""

COLUMNS = (
    "record_id",
    "patient_id",
    "by",
    "corpus",
    "corpus_record_id",
    "corpus_patient_id",
    "similarity",
    "lag_seconds",
)


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        contamination: see above.
        corpus: what the checkpoint was pretrained on, or None.
        reasons: why, in sentences; the last ones say what could not be checked.
        tested: test recordings.
        checked: of ``declarations``, ``ids`` and ``fingerprints``, what could be consulted.
        offending: one row for each test recording found in the corpus (``by`` record id or fingerprint), or whose patient
            was (``by`` patient id); see ``COLUMNS``.
    """

    contamination: Status
    corpus: str | None
    reasons: list[str]
    tested: int
    checked: list[str] = field(default_factory=list)
    offending: pd.DataFrame | None = None

    @property
    def records(self) -> list[str]:
        """Test recordings that were pretrained on."""
        if self.offending is None:
            return []
        return sorted(set(self.offending.record_id[self.offending.by != "patient id"]))

    @property
    def patients(self) -> list[str]:
        """Test patients of whom something was pretrained on."""
        return [] if self.offending is None else sorted(set(self.offending.patient_id))

    def evidence(self) -> dict[str, Any]:
        """As JSON, to be kept with a result; of the test records found the first twenty."""
        return {
            "corpus": self.corpus,
            "reasons": self.reasons,
            "checked": self.checked,
            "tested": self.tested,
            "test_records": len(self.records),
            "test_patients": len(self.patients),
            "first": self.records[:20],
        }


@dataclass(frozen=True)
class TrainedOn:
    """What the weights of a method were trained on.

    Attributes:
        corpus: the name of the collection, or of several (:func:`bench.contamination.declared.declared_corpus`).
        untrained: the weights are initial ones.
        by_checkpoint: the weights come from a checkpoint of the harness, not with the method.
        declared: the corpus, or that there is none, is stated by someone; otherwise bench pretrained the weights.
        data: ``real`` or ``simulated``.
        records: the corpus itself, where it is available.
    """

    method: str
    corpus: str | None
    untrained: bool = False
    by_checkpoint: bool = True
    declared: bool = False
    data: str = "real"
    records: Corpus | None = None


@dataclass(frozen=True)
class TestRecords:
    """The test recordings of a task, each once: ids, and rows of the prepared store."""

    __test__ = False  # the class is not a pytest case

    ids: np.ndarray
    patients: np.ndarray
    rows: np.ndarray
    store: SignalStore

    @classmethod
    def of(cls, tested: Sequence[np.ndarray], examples: Examples, rows: np.ndarray, store: SignalStore) -> TestRecords:
        """Args: tested: indices of the tested examples in each fold. rows: of the store, one for each example."""
        chosen = np.unique(np.concatenate(tested))
        _, first = np.unique(examples.record_ids[chosen], return_index=True)  # a recording may have several examples
        chosen = chosen[first]
        return cls(examples.record_ids[chosen], examples.patient_ids[chosen], rows[chosen], store)

    def __len__(self) -> int:
        return len(self.ids)


def audit(
    trained: TrainedOn,
    tested: TestRecords,
    dataset: str,
    source: DataSource,
    open_store: Callable[[str], SignalStore],
    thorough: bool = False,
) -> Audit:
    """Compare the test recordings of a dataset with what a method's weights were trained on.

    Args:
        open_store: opens the prepared store of a dataset of the source.
        thorough: fingerprint everything that is available, however long it takes; else only what is cheap or already done.
    """
    method, corpus = trained.method, trained.corpus
    if trained.untrained:
        reason = f"{method} is not pretrained{', as its author states' if trained.declared else ''}."
        return Audit("declared" if trained.declared else "none", None, [reason], len(tested), ["declarations"])
    names = collections(corpus)
    if not names:
        reason = (
            "The pretraining corpus of its weights is not stated. State it on import: bench checkpoints import "
            f"{method} FILE --corpus NAME (several: NAME,NAME)."
            if trained.by_checkpoint
            else f"It is not stated what the weights of {method} were pretrained on. State it with: --set "
            f"{method}.trained_on=NAME (several: NAME,NAME)."
        )
        return Audit("unknown", corpus, [reason], len(tested))
    if trained.data != source.kind:
        reason = f"Pretrained on {trained.data} recordings, tested on {source.kind} ones."
        return Audit("declared" if trained.declared else "none", corpus, [reason], len(tested), ["declarations"])
    comparison = _Comparison(tested, dataset, source, open_store, thorough)
    for name in names:
        comparison.with_collection(name, trained.records if len(names) == 1 else None)
    return comparison.result(str(corpus), trained.declared)


WORST = ("none", "declared", "same dataset", "unknown", "test records")
"""From the least contamination to the most; what is unknown may be anything but is not known to be the worst."""


def combined(pretraining: Audit, labels: Audit) -> Audit:
    """One audit of what was pretrained on and of the labelled records of another dataset: the worse of the two."""
    import pandas as pd

    tables = [found.offending for found in (pretraining, labels) if found.offending is not None]
    return Audit(
        max((pretraining.contamination, labels.contamination), key=WORST.index),
        pretraining.corpus,
        [*pretraining.reasons, *(f"Labelled records: {reason}" for reason in labels.reasons)],
        pretraining.tested,
        list(dict.fromkeys([*pretraining.checked, *labels.checked])),
        pd.concat(tables, ignore_index=True) if tables else None,
    )


class _Comparison:
    """Of some test recordings with one collection after another."""

    def __init__(
        self,
        tested: TestRecords,
        dataset: str,
        source: DataSource,
        open_store: Callable[[str], SignalStore],
        thorough: bool,
    ):
        self.dataset, self.source, self.open_store, self.thorough = dataset, source, open_store, thorough
        self.ids, self.patients, self.rows, self.store = tested.ids, tested.patients, tested.rows, tested.store
        self.related, self.reasons, self.unchecked = False, [], []  # type: ignore[var-annotated]
        self.checked = {"declarations": True}
        self.found: list[tuple] = []

    def with_collection(self, name: str, corpus: Corpus | None) -> None:
        dataset = self.dataset
        related = relation(name, dataset)
        self.related |= related is not None
        if related is not None:
            name = canonical(name)
        elif name.startswith(OTHER):
            self.reasons.append(f"{name.removeprefix(OTHER)} is stated to share no recordings with {dataset}.")
            return
        if related is None:
            self.reasons.append(f"{name} and {dataset} are not declared to share recordings.")
        elif related.kind == "same":
            self.reasons.append(f"The corpus is {dataset} itself.")
        else:
            self.reasons.append(f"{related.why[0].upper()}{related.why[1:]}.")
        if corpus is None and related is not None:
            self.unchecked.append(f"Which recordings of {name} were trained on is not recorded with the checkpoint.")
        same_ids = name == dataset or (self.source.kind == "real" and files_of(name) == files_of(dataset))
        if corpus is not None and same_ids:
            self._by_ids(name, corpus)
        if corpus is not None or related is None or related.kind == "overlap":
            self._by_fingerprint(name, corpus)

    def _by_ids(self, name: str, corpus: Corpus) -> None:
        self.checked["ids"] = True
        trained = corpus.records[corpus.train]
        own = np.isin(self.ids, trained.index.to_numpy(dtype=str))
        shared = np.isin(self.patients, trained["patient_id"].to_numpy(dtype=str)) & ~own
        by_patient = dict(zip(trained["patient_id"].astype(str), trained.index.astype(str), strict=True))
        for record, patient in zip(self.ids[own], self.patients[own], strict=True):
            self.found.append((record, patient, "record id", name, record, patient, None, None))
        for record, patient in zip(self.ids[shared], self.patients[shared], strict=True):
            self.found.append((record, patient, "patient id", name, by_patient[patient], patient, None, None))
        of_patients = len(set(self.patients[own | shared]))
        self.reasons.append(
            f"Trained on, by id: {_count(int(own.sum()), 'test recording')} and {_count(of_patients, 'test patient')}."
        )

    def _by_fingerprint(self, name: str, corpus: Corpus | None) -> None:
        store = self._store(name, corpus)
        if store is None:
            self.unchecked.append(f"No fingerprints were compared: the recordings of {name} are not available.")
            return
        rows = np.arange(len(store)) if corpus is None else np.flatnonzero(corpus.train)
        pairs = self._pairs(store, rows)
        if pairs is None:
            self.unchecked.append(
                f"No fingerprints were compared: {len(rows):,} recordings of {name} are too many for a run; bench "
                "audit compares them."
            )
            return
        self.checked["fingerprints"] = True
        known = {(entry[0], entry[4]) for entry in self.found}
        records = store.records
        tested = set()
        for query, row, lag, similarity in pairs:
            record, other = str(self.ids[int(query)]), str(records.index[int(row)])
            tested.add(record)
            if (record, other) not in known:
                self.found.append(
                    (record, str(self.patients[int(query)]), "fingerprint", name, other,
                     str(records["patient_id"].iloc[int(row)]), round(float(similarity), 4), round(float(lag), 2))
                )  # fmt: skip
        self.reasons.append(
            f"By waveform, {_count(len(tested), 'test recording')} {'is' if len(tested) < 2 else 'are'} among the "
            f"{counted(len(rows), 'recording')} of {name}{' trained on' if corpus is not None else ''}"
            f"{', under other ids' if store is self.store and tested else ''}."
        )

    def _store(self, name: str, corpus: Corpus | None) -> SignalStore | None:
        source = self.source
        if name not in registry.entries(registry.DATASETS) or not source.has(name):
            return None
        prepared = corpus is not None or source.store_path(source.dataset(name)).is_dir()
        return self.open_store(name) if prepared or self.thorough else None

    def _pairs(self, store: SignalStore, rows: np.ndarray) -> np.ndarray | None:
        """float [pair, (query, row of the store, lag, similarity)]: found once, kept in the cache."""
        key = digest(
            [
                self.store.signals_digest,
                store.signals_digest,
                digest([self.rows.tolist(), rows.tolist()]),
                module_digest("bench.contamination.fingerprint"),
                module_digest("bench.contamination.match"),
            ],
            24,
        )
        folder = self.source.workspace.cache / "copies" / key
        stores = {compared.path: compared for compared in (self.store, store)}
        missing = sum(len(compared) for compared in stores.values() if not fingerprint.place(compared).is_dir())
        if not folder.is_dir() and not self.thorough and missing + len(rows) > CHEAP:
            return None
        workers = self.source.workers

        def make(partial: Path) -> None:
            if missing:
                say(
                    f"computing the fingerprints of {counted(missing, 'recording')}, to find test recordings in the corpus"
                )
            queries = fingerprint.of_store(self.store, workers).take(self.rows)
            itself = self.rows if store.path == self.store.path else None
            copies = find_copies(queries, fingerprint.of_store(store, workers), rows, itself)
            np.save(
                partial / "pairs.npy", np.stack([copies.query, copies.found, copies.lag, copies.similarity], axis=1)
            )

        return np.load(once(folder, make, "copies", {"key": key}) / "pairs.npy", allow_pickle=False)

    def result(self, corpus: str, declared: bool = False) -> Audit:
        import pandas as pd

        offending = pd.DataFrame(self.found, columns=list(COLUMNS)).sort_values(["record_id", "by"], kind="stable")
        status: Status = "same dataset" if self.related else "none"
        if status == "none" and declared and not self.checked.keys() & {"ids", "fingerprints"}:
            status = "declared"
        if (offending.by != "patient id").any():
            status = "test records"
        return Audit(status, corpus, self.reasons + self.unchecked, len(self.ids), list(self.checked), offending)


def _count(n: int, what: str) -> str:
    return counted(n, what) if n else f"no {what}"
