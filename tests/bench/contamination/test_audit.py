"""Contamination of a checkpoint and a task: by declaration, by ids, by waveform; and in results and the command."""

import json

import numpy as np
import pytest

from bench import registry
from bench.cells.cell import Cell
from bench.contamination.audit import Audit, combined
from bench.contamination.declared import declared_corpus, relation
from bench.data.source import DataSource
from bench.errors import UnknownName
from bench.runner import execute
from bench.runner.cell_audit import audit_cell
from bench.runner.plan import RunOptions
from bench.runner.session import Session
from bench.storage.artifacts import SEAL

BORROWED = '''
    from tasks.datasets.ptbxl import PTBXL
    from bench.dataset import Dataset

    class Borrowed(PTBXL):
        """The simulated PTB-XL under another name, every recording of it to be pretrained on, patients renamed."""
        name = "borrowed"
        pretraining_partition = Dataset.__dict__["pretraining_partition"]

        def records(self):
            records = super().records()
            records["patient_id"] = "b" + records["patient_id"]
            return records.rename(index=lambda record: f"b{record}")

        def files(self, records, rate=None):
            from dataclasses import replace
            plain = super().records().loc[[record[1:] for record in records.index]]
            return [replace(f, record_id=f"b{f.record_id}") for f in super().files(plain, rate)]
'''
OVERRIDES = ["pretrain.epochs=1", "linear.epochs=1", "random-vit.depth=1", "scratch.epochs=1"]


@pytest.fixture
def borrowed(plugin):
    plugin("borrowed_plugin", BORROWED, "bench.datasets")


def session(workspace, **options) -> Session:
    return Session(DataSource(workspace, simulated_records=120), "smoke", **options)


def found_by(workspace, method="simclr", task="ptbxl-super", **options):
    one = session(workspace, **options)
    return audit_cell(one.resolve(Cell(method, task, "linear")))


# What is declared


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("icbeb", "cpsc2018", "same"),
        ("PTB-XL", "ptbxl", "same"),
        ("chapman", "csn", "overlap"),
        ("csn", "chapman", "overlap"),
        ("cinc2021", "ptbxl", "overlap"),
        ("cinc2020", "csn", None),
        ("other:CODE-15", "code15", "same"),  # declared before the dataset was added
        ("other:code-15", "code15-with-test", "overlap"),
        ("code-full", "code15", "overlap"),
        ("other:heedb", "code15", None),
        ("mimic-iv-ecg", "ptbxl", None),
        ("ptbxl", "csn", None),  # both are part of cinc2021; that makes them no kin
    ],
)
def test_declared_relations_hold_from_either_side_and_go_no_further(one, other, kind):
    found = relation(one, other)
    assert (found.kind if found else None) == kind


def test_a_misspelt_corpus_does_not_read_as_one_that_shares_nothing():
    assert declared_corpus(["ICBEB", "mimic-iv-ecg"]) == "cpsc2018+mimic-iv-ecg"
    assert declared_corpus(["other:heedb"]) == "other:heedb"
    assert declared_corpus(["other:code-15"]) == "code15"
    with pytest.raises(UnknownName, match="Did you mean 'ptbxl'"):
        declared_corpus(["ptbxxl"])


# What is found


def test_the_task_s_own_training_recordings_are_the_same_dataset(workspace):
    found = found_by(workspace)
    assert found.contamination == "same dataset"
    assert found.checked == ["declarations", "ids", "fingerprints"]
    assert found.records == found.patients == []


def test_a_method_that_is_not_pretrained_is_clean(workspace):
    assert found_by(workspace, "random-vit").contamination == "none"


@pytest.mark.parametrize(
    ("declared", "status"),
    [(("unknown",), "unknown"), (("ICBEB", "cinc2021"), "same dataset"), (("other:heedb",), "declared"), ((), "none")],
)
def test_weights_from_elsewhere_are_judged_by_what_their_method_says_of_them(workspace, monkeypatch, declared, status):
    one, method = session(workspace), registry.load(registry.METHODS, "random-vit")
    cell = one.resolve(Cell("random-vit", "ptbxl-super", "linear"))
    assert len(cell.data.examples)
    monkeypatch.setattr(method, "declared_corpora", lambda config: declared)
    monkeypatch.setattr(DataSource, "kind", "real")  # as such weights are; simulated recordings nobody else has
    assert audit_cell(cell).contamination == status


def test_training_on_the_test_fold_is_found_by_id(workspace, monkeypatch):
    ptbxl = registry.load(registry.DATASETS, "ptbxl")
    monkeypatch.setattr(ptbxl, "pretraining_partition", classmethod(lambda cls, r: {
        "train": np.ones(len(r), bool), "validation": np.zeros(len(r), bool)}))  # fmt: skip
    found = found_by(workspace)
    assert found.contamination == "test records"
    assert len(found.records) == found.tested > 5
    assert set(found.offending.by) == {"record id"}


def test_other_recordings_of_test_patients_are_told_of_and_are_no_test_records(workspace, monkeypatch):
    ptbxl = registry.load(registry.DATASETS, "ptbxl")
    monkeypatch.setattr(ptbxl, "pretraining_partition", classmethod(lambda cls, r: {
        "train": (r.strat_fold <= 8).to_numpy(), "validation": np.zeros(len(r), bool)}))  # fmt: skip
    one = session(workspace)
    data = one.task_data("ptbxl-super")
    row = data.partition(0).test[0]
    records = one.records("ptbxl")
    patient = records.patient_id[data.examples.record_ids[row]]
    one.store("ptbxl").records.loc[records.index[records.strat_fold == 1][0], "patient_id"] = patient
    found = audit_cell(one.resolve(Cell("simclr", "ptbxl-super", "linear")))
    assert found.contamination == "same dataset"
    assert found.patients == [patient]
    assert set(found.offending.by) == {"patient id"}


def test_test_recordings_in_a_corpus_of_another_name_are_found_by_waveform(workspace, borrowed):
    found = found_by(workspace, corpus="borrowed")
    assert found.contamination == "test records"
    assert len(found.records) == found.tested
    pairs = found.offending
    assert set(pairs.by) == {"fingerprint"}
    assert (pairs.corpus_record_id == "b" + pairs.record_id).all()
    assert pairs.similarity.min() > 0.999


def test_many_recordings_wait_for_the_audit_and_are_then_known_to_runs(workspace, borrowed, monkeypatch):
    monkeypatch.setattr("bench.contamination.audit.CHEAP", 10)
    before = found_by(workspace, corpus="borrowed")
    assert before.contamination == "none"
    assert "bench audit compares them" in before.reasons[-1]
    one = session(workspace, corpus="borrowed")
    assert (
        audit_cell(one.resolve(Cell("simclr", "ptbxl-super", "linear")), thorough=True).contamination == "test records"
    )
    assert found_by(workspace, corpus="borrowed").contamination == "test records"


# How it is said


def test_an_imported_checkpoint_is_judged_by_what_was_declared_of_it(workspace, small):
    options = RunOptions(["small"], ["ptbxl-super"], ["linear"], overrides=OVERRIDES[:2], track=False)
    (result,) = execute.run(options, DataSource(workspace, simulated_records=120)).results
    folder = workspace.checkpoints / result.checkpoint["name"]
    (folder / SEAL).unlink()
    facts = json.loads((folder / "provenance.json").read_text())
    for corpus, status in {
        "unknown": "unknown",
        "cinc2021": "same dataset",
        "ptbxl+mimic-iv-ecg": "same dataset",
        "other:heedb": "none",
    }.items():
        facts["corpus"] |= {"dataset": corpus, "store": None}  # what an import knows of its corpus
        (folder / "provenance.json").write_text(json.dumps(facts))
        found = found_by(workspace, "small", checkpoints={"small": folder})
        assert found.contamination == status, corpus
        assert status != "unknown" or "--corpus NAME" in found.reasons[0]


def test_every_result_is_stamped(workspace, small):
    options = RunOptions(
        ["small", "random-vit"], ["ptbxl-super"], ["linear", "scratch"], overrides=OVERRIDES, track=False
    )
    report = execute.run(options, DataSource(workspace, simulated_records=120))
    assert {(r.cell.method, r.cell.mode): r.contamination for r in report.results} == {
        ("small", "linear"): "same dataset",
        ("small", "scratch"): "none",
        ("random-vit", "linear"): "none",
        ("random-vit", "scratch"): "none",
    }
    (stamped,) = (r for r in report.results if r.contamination != "none")
    assert stamped.contamination_evidence["checked"] == ["declarations", "ids", "fingerprints"]
    assert stamped.contamination_evidence["tested"] == stamped.counts["test"]


def test_unknown_pretraining_is_not_hidden_by_labels_of_a_known_dataset():
    pretraining, labels = (Audit(status, None, [], 1) for status in ("unknown", "same dataset"))
    assert combined(pretraining, labels).contamination == "unknown"
