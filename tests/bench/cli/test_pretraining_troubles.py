"""Errors before and during pretraining are reported, with nothing half-written."""

import pytest

from bench.runner.overrides import parse_overrides
from tasks.datasets.ptbxl import PTBXL

DOWN = '{url: "http://127.0.0.1:9/v1", model: m, attempts: 1}'


@pytest.mark.parametrize("setting", ["esi.cqa.endpoint", "kmerl.entities.endpoint"])
def test_an_endpoint_that_is_down(bench, workspace, setting):
    method = setting.partition(".")[0]
    done = bench("pretrain", method, "--set", f"{setting}={DOWN}")
    assert done.code == 2
    assert "run again when it is available, or name another endpoint" in done.err
    assert not list(workspace.checkpoints.glob("[!.]*"))
    assert not list(workspace.checkpoints.glob(".*.partial"))


def test_a_password_in_a_setting_is_refused_since_results_would_keep_it(bench, workspace):
    down = DOWN.replace("127", "lab:hunter2@127")
    done = bench("pretrain", "kmerl", "--set", f"kmerl.entities.endpoint={down}")
    assert done.code == 2
    assert "--set kmerl.entities.endpoint=...: the URL holds a password" in done.err
    assert "hunter2" not in done.err
    (override,) = parse_overrides(["encoder.path=hf:lab/model@main"], ["encoder"])  # a revision is no password
    assert override.value == "hf:lab/model@main"


def test_a_corpus_without_text(bench, workspace, monkeypatch):
    monkeypatch.setattr(PTBXL, "text_sources", ())
    done = bench("pretrain", "merl", "--corpus", "ptbxl")
    assert done.code == 2
    assert "merl learns from reports, and ptbxl has none. Choose a corpus with text" in done.err
    assert not workspace.checkpoints.exists()


def test_a_corpus_whose_texts_are_empty(bench, workspace, monkeypatch):
    monkeypatch.setattr(PTBXL, "text", classmethod(lambda cls, records, source: [" "] * len(records)))
    done = bench("pretrain", "etp")
    assert done.code == 2
    assert "needs at least 2 recordings; the corpus has 0" in " ".join(done.err.split())
    assert not list(workspace.checkpoints.glob("[!.]*"))


def test_more_processes_than_devices(bench, workspace, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")  # torchrun --nproc-per-node 8
    done = bench("pretrain", "merl")
    assert done.code == 2
    assert "8 processes were started, but --devices 1 --nodes 1 expects one" in " ".join(done.err.split())
    assert not workspace.checkpoints.exists()


def test_a_loss_that_is_not_finite(bench, small, workspace):
    done = bench("pretrain", "small", "--set", "pretrain.lr=1e30")
    assert done.code == 2
    assert "the loss is not finite at epoch 1" in done.err
    assert "Nothing was kept; lower pretrain.lr" in done.err
    assert not list(workspace.checkpoints.glob("[!.]*"))
