"""Was what a cell is tested on in what its checkpoint was pretrained on? By declaration, by ids, and by fingerprint.

``test records``
    at least one test recording was trained on: by its id, where the corpus is the task's own dataset, or by its waveform.
``same dataset``
    the corpus is the task's dataset, or is declared to share recordings with it, and no test recording was found in it.
    Pretraining on the task's own training recordings is of this kind: the same hospital, devices and annotators.
``none``
    nothing was pretrained, or the corpus is another collection, and no test recording was found in it.
``unknown``
    nobody said what the checkpoint was pretrained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench import registry
from bench.contamination import fingerprint
from bench.contamination.declared import OTHER, UNKNOWN, collections, declared_corpus, relation
from bench.contamination.match import find_copies
from bench.progress import say
from bench.storage.artifacts import digest, once
from bench.storage.code_digest import module_digest

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bench.method import Corpus, Method
    from bench.runner.session import Session
    from bench.runner.task_data import TaskData
    from bench.signals.store import SignalStore

Status = Literal["none", "same dataset", "test records", "unknown"]

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


def audit(
    session: Session, method: type[Method], data: TaskData, folds: Sequence[int] = (0,), thorough: bool = False
) -> Audit:
    """Hold the test recordings of some folds of a task against the corpus of the checkpoint that would be used.

    Args:
        thorough: fingerprint whatever is available, however long it takes; else only what is cheap or already done.
    """
    rows = np.unique(np.concatenate([data.partition(fold).test for fold in folds]))
    _, first = np.unique(data.examples.record_ids[rows], return_index=True)  # several examples may be of one recording
    rows = rows[first]
    spec = session.checkpoint_spec(method, data.task.dataset)
    config = session.method_config(method.name)
    if spec is not None:
        corpus = spec.corpus.get("dataset")
        untrained = spec.given is None and config.pretrain.epochs == 0
    else:
        brought = method.trained_on(config)
        corpus = declared_corpus([name for name in brought if name != UNKNOWN]) if brought else None
        untrained = corpus is None
    if untrained:
        return Audit("none", None, [f"{method.name} is not pretrained."], len(rows), ["declarations"])
    names = collections(corpus)
    if not names:
        told = (
            "Nobody said what its weights were pretrained on. Say it when importing them: bench checkpoints import "
            f"{method.name} FILE --corpus NAME (several: NAME,NAME)."
            if spec is not None
            else f"Nobody said what the weights of {method.name} were pretrained on. Say it with: --set "
            f"{method.name}.trained_on=NAME (several: NAME,NAME)."
        )
        return Audit("unknown", corpus, [told], len(rows))
    seen = spec.corpus.get("data", "real") if spec is not None else "real"
    if seen != session.source.kind:
        told = f"Pretrained on {seen} recordings, tested on {session.source.kind} ones."
        return Audit("none", corpus, [told], len(rows), ["declarations"])
    comparison = _Comparison(session, data, rows, thorough)
    for name in names:
        comparison.with_collection(name, session.pretrained_on(spec) if spec is not None and len(names) == 1 else None)
    return comparison.result(str(corpus))


def contamination_of(session: Session, method: type[Method], data: TaskData, fold: int, pretrained: bool) -> Audit:
    """What a result is stamped with; worked out once for a checkpoint, task and fold of a session."""
    if not pretrained:
        return Audit("none", None, ["Nothing was pretrained."], len(data.partition(fold).test), ["declarations"])
    spec = session.checkpoint_spec(method, data.task.dataset)
    key = (spec.key if spec else method.name, data.task.name, fold)
    if key not in session.audits:
        session.audits[key] = audit(session, method, data, (fold,))
    return session.audits[key]


class _Comparison:
    """Of some test recordings with one collection after another."""

    def __init__(self, session: Session, data: TaskData, rows: np.ndarray, thorough: bool):
        self.session, self.data, self.thorough = session, data, thorough
        self.ids, self.patients = data.examples.record_ids[rows], data.examples.patient_ids[rows]
        self.rows = data.rows[rows]
        self.related, self.reasons, self.unchecked = False, [], []  # type: ignore[var-annotated]
        self.checked = {"declarations": True}
        self.found: list[tuple] = []

    def with_collection(self, name: str, corpus: Corpus | None) -> None:
        dataset = self.data.task.dataset
        related = relation(name, dataset)
        self.related |= related is not None
        if name.startswith(OTHER):
            self.reasons.append(f"{name.removeprefix(OTHER)} is said to share nothing with {dataset}.")
            return
        if related is None:
            self.reasons.append(f"{name} and {dataset} are not declared to share recordings.")
        elif related.kind == "same":
            self.reasons.append(f"The corpus is {dataset} itself.")
        else:
            self.reasons.append(f"{related.why[0].upper()}{related.why[1:]}.")
        if corpus is None and related is not None:
            self.unchecked.append(f"Which recordings of {name} were trained on is not recorded with the checkpoint.")
        same_ids = name == dataset or (self.session.source.kind == "real" and _files_of(name) == _files_of(dataset))
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
                f"No fingerprints were compared: {len(rows):,} recordings of {name} are many for a run; bench audit does it."
            )
            return
        self.checked["fingerprints"] = True
        known = {(one[0], one[4]) for one in self.found}
        records = store.records
        tested = set()
        for query, found, lag, similarity in pairs:
            record, other = str(self.ids[int(query)]), str(records.index[int(found)])
            tested.add(record)
            if (record, other) not in known:
                self.found.append(
                    (record, str(self.patients[int(query)]), "fingerprint", name, other,
                     str(records["patient_id"].iloc[int(found)]), round(float(similarity), 4), round(float(lag), 2))
                )  # fmt: skip
        self.reasons.append(
            f"By waveform, {_count(len(tested), 'test recording')} {'is' if len(tested) < 2 else 'are'} among the "
            f"{len(rows):,} recordings of {name}{' trained on' if corpus is not None else ''}"
            f"{', under other ids' if store is self.data.store and tested else ''}."
        )

    def _store(self, name: str, corpus: Corpus | None) -> SignalStore | None:
        source = self.session.source
        if name not in registry.entries(registry.DATASETS) or not source.has(name):
            return None
        prepared = corpus is not None or source.store_path(source.dataset(name)).is_dir()
        return self.session.store(name) if prepared or self.thorough else None

    def _pairs(self, store: SignalStore, rows: np.ndarray) -> np.ndarray | None:
        """float [pair, (query, row of the store, lag, similarity)]: found once, kept in the cache."""
        key = digest(
            [
                self.data.store.signals_digest,
                store.signals_digest,
                digest([self.rows.tolist(), rows.tolist()]),
                module_digest("bench.contamination.fingerprint"),
                module_digest("bench.contamination.match"),
            ],
            24,
        )
        folder = self.session.source.workspace.cache / "copies" / key
        stores = {one.path: one for one in (self.data.store, store)}
        missing = sum(len(one) for one in stores.values() if not fingerprint.place(one).is_dir())
        if not folder.is_dir() and not self.thorough and missing + len(rows) > CHEAP:
            return None
        workers = self.session.source.workers

        def make(made: Path) -> None:
            if missing:
                say(
                    f"taking the fingerprints of {missing:,} recordings, to tell whether test recordings were trained on"
                )
            queries = fingerprint.of_store(self.data.store, workers).take(self.rows)
            itself = self.rows if store.path == self.data.store.path else None
            copies = find_copies(queries, fingerprint.of_store(store, workers), rows, itself)
            np.save(made / "pairs.npy", np.stack([copies.query, copies.found, copies.lag, copies.similarity], axis=1))

        return np.load(once(folder, make, "copies", {"key": key}) / "pairs.npy", allow_pickle=False)

    def result(self, corpus: str) -> Audit:
        import pandas as pd

        offending = pd.DataFrame(self.found, columns=list(COLUMNS)).sort_values(["record_id", "by"], kind="stable")
        status: Status = "same dataset" if self.related else "none"
        if (offending.by != "patient id").any():
            status = "test records"
        return Audit(status, corpus, self.reasons + self.unchecked, len(self.ids), list(self.checked), offending)


def _files_of(name: str) -> str:
    """The dataset whose files, and hence record ids, a dataset has."""
    entry = registry.entries(registry.DATASETS).get(name)
    return str((entry.attributes.get("reads_files_of") if entry else None) or name)


def _count(n: int, what: str) -> str:
    return f"no {what}" if not n else f"{n:,} {what}{'' if n == 1 else 's'}"
