"""A resolved cell looks up each name once, and planning needs no data."""

import pytest
import torch

from bench import registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.runner.features import features_folder
from bench.runner.session import Session


@pytest.fixture
def session(workspace):
    return Session(DataSource(workspace, simulated_records=120), "smoke")


def test_each_name_is_looked_up_once(session, monkeypatch):
    loads, specs = [], []
    load, spec = registry.load, Session.checkpoint_spec
    monkeypatch.setattr(registry, "load", lambda group, name: loads.append((group, name)) or load(group, name))
    monkeypatch.setattr(Session, "checkpoint_spec", lambda *given: specs.append(given) or spec(*given))
    for seed in (0, 1):
        cell = session.resolve(Cell("random-vit", "ptbxl-super", "linear", seed=seed))
        assert cell.key == cell.folder.name
        features_folder(cell)
        cell.starting_method()
    assert loads.count((registry.METHODS, "random-vit")) == 1
    assert loads.count((registry.TASKS, "ptbxl-super")) == 1
    assert len(specs) == 1


def test_a_cell_is_resolved_without_data(session):
    cell = session.resolve(Cell("random-vit", "ptbxl-super", "linear"))
    assert cell.members == []
    assert cell.config == session.method_config("random-vit")
    assert not session.source.workspace.cache.exists()


def test_a_cell_from_initial_weights_has_no_checkpoint(session):
    cell = session.resolve(Cell("simclr", "ptbxl-super", "scratch"))
    assert cell.spec is None
    assert cell.checkpoint_facts() == {}
    assert cell.inputs["checkpoint"] is None


def test_prompts_are_embedded_once_per_workspace(session, monkeypatch):
    names = ["myocardial infarction", "normal ECG"]
    texts = [session.resolve(Cell("random-vit", "ptbxl-super", "zeroshot")).starting_method().text for _ in range(2)]
    first = texts[0].prompts(names, torch.device("cpu"))
    monkeypatch.setattr(texts[1].encoder.transformer, "forward", None)  # would fail if the encoder were run
    assert torch.equal(texts[1].prompts(names, torch.device("cpu")), first)


@pytest.mark.parametrize("alignment", ["structured", "raw", "classes", "none"])
def test_every_pretraining_task_of_llm_dan_has_one_corpus(session, alignment):
    """UK Biobank's recordings, test records included, are not what its Table II pretrains on."""
    from bench.runner.overrides import parse_overrides

    chosen = session.under(parse_overrides([f"llm-dan.alignment={alignment}"], ["llm-dan"]))
    assert chosen.corpus_name(chosen.method("llm-dan")[0], "ukb") == "ptbxl"
    assert chosen.corpus_name(chosen.method("simclr")[0], "ukb") == "ukb"  # states none
