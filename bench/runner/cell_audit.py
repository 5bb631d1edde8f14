"""Audit a cell: compare its test recordings with those that its checkpoint was pretrained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contamination.audit import Audit, TestRecords, TrainedOn, audit, combined
from bench.contamination.declared import UNKNOWN, declared_corpus
from bench.method import Corpus
from bench.method.independence import is_foreign
from bench.runner.resolved_cell import ResolvedCell
from bench.training.checkpoint_files import read_provenance
from bench.training.import_checkpoint import imported_facts


def audit_cell(cell: ResolvedCell, folds: Sequence[int] = (0,), thorough: bool = False) -> Audit:
    """Compare the test recordings of some folds of a cell's task with the corpus of its checkpoint.

    Args:
        thorough: fingerprint everything that is available, however long it takes; else only what is cheap or already done.
    """
    session, data = cell.session, cell.data
    tested, dataset = _tested(cell, folds), data.tested_dataset
    found = audit(trained_on(cell), tested, dataset, session.source, session.store, thorough)
    if not cell.parts or not cell.mode.uses_labels:
        return found
    return combined(found, _of_labels(cell, tested, thorough))


def _tested(cell: ResolvedCell, folds: Sequence[int] = (0,)) -> TestRecords:
    data = cell.data
    return TestRecords.of([data.partition(fold).test for fold in folds], data.examples, data.rows, data.tested_store)


def _of_labels(cell: ResolvedCell, tested: TestRecords, thorough: bool = False) -> Audit:
    """Compare the test records of a transferred task with the labelled records of the train task; once per session."""

    def compare() -> Audit:
        session, (side, _) = cell.session, cell.parts[0]
        data = side.data
        labelled = np.zeros(len(data.store), bool)
        partition = data.partition(0)
        labelled[data.rows[np.concatenate([partition.train, partition.validation])]] = True
        records = Corpus(data.task.dataset, data.store.records, labelled, np.zeros_like(labelled))
        labels = TrainedOn(cell.cell.task, data.task.dataset, data=session.source.kind, records=records)
        return audit(labels, tested, cell.data.tested_dataset, session.source, session.store, thorough)

    return cell.session.remembered(("audit of labels", cell.cell.task, thorough), compare)


def contamination_of(cell: ResolvedCell) -> Audit:
    """The audit that a result keeps; computed once for each checkpoint, task and fold of a session."""
    fold = cell.cell.fold
    if not cell.mode.uses_checkpoint:
        nothing = Audit("none", None, ["Nothing was pretrained."], len(cell.partition.test), ["declarations"])
        return combined(nothing, _of_labels(cell, _tested(cell))) if cell.parts else nothing
    weights = cell.spec.key if cell.spec else cell.method.name
    audits, key = cell.session.audits, (weights, cell.cell.task, fold, bool(cell.parts and cell.mode.uses_labels))
    if key not in audits:
        audits[key] = audit_cell(cell, (fold,))
    return audits[key]


def trained_on(cell: ResolvedCell) -> TrainedOn:
    """What the weights that a cell starts from were trained on."""
    name, spec = cell.method.name, cell.spec
    if spec is None:
        declared = cell.method.declared_corpora(cell.config)
        corpus = declared_corpus([name for name in declared if name != UNKNOWN]) if declared else None
        foreign = is_foreign(name)
        return TrainedOn(name, corpus, corpus is None, by_checkpoint=False, declared=foreign or corpus is not None)
    return TrainedOn(
        name,
        spec.corpus.get("dataset"),
        untrained=spec.given is None and cell.config.pretrain.epochs == 0,
        data=spec.corpus.get("data", "real"),
        records=cell.session.pretrained_on(spec),
        declared=spec.given is not None and bool(imported_facts(read_provenance(spec.given))),
    )
