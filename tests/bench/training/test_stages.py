"""Pretraining in stages: each begins with the weights of the one before, and an interrupted one is taken up again."""

import json
import shutil
import struct
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from bench.batch import ECGBatch
from bench.cells import artifact_index
from bench.method import Corpus, Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.splitting.stratify import spread_evenly
from bench.storage.artifacts import write_json
from bench.storage.workspace import Workspace
from bench.training import loop
from bench.training.checkpoint import CheckpointSpec, pretrain
from bench.training.state_file import discard_if_damaged


class TwoStages(Method):
    """A weight that stage one pulls to 1 and stage two doubles the pull of. Source: this test."""

    name = "two-stages"

    class Config(MethodConfig):
        first: PretrainConfig = PretrainConfig(epochs=2, batch_size=4, lr=0.1, min_steps_per_epoch=1)
        pretrain: PretrainConfig = PretrainConfig(epochs=3, batch_size=2, lr=0.01, min_steps_per_epoch=1)

    def build(self, config):
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.log: list[str] = []

    @classmethod
    def stages(cls, config):
        return {"first": config.first, "second": config.pretrain}

    def begin_stage(self, name):
        self.stage = name

    def pretraining_loss(self, batch):
        self.log.append(self.stage)
        return {self.stage: ((self.weight - 1) ** 2).sum() + 0 * batch.ecg.sum()}


class Source:
    def shuffled(self, rows, batch_size, seed, **_):
        for _ in range(len(rows) // batch_size):
            ecg = torch.zeros(batch_size, 12, 8)
            yield ECGBatch(ecg, torch.ones(batch_size, 12, dtype=torch.bool), torch.arange(batch_size))


@pytest.fixture
def run(tmp_path):
    about = pd.DataFrame({"patient_id": list("abcdefgh")})
    corpus = Corpus("made-up", about, np.ones(8, bool), np.zeros(8, bool))
    spec = CheckpointSpec(TwoStages, TwoStages.Config(), {"dataset": "made-up", "store": "abc"})
    return lambda: pretrain(spec, tmp_path, corpus, Source(), np.arange(8), np.arange(0))


def test_stages_follow_each_other_and_are_told_apart(run):
    folder = run()
    history = pd.read_csv(folder / "history.csv")
    assert list(history["stage"]) == ["first"] * 2 + ["second"] * 3
    assert history["second"].dropna().iloc[0] < history["first"].dropna().iloc[0]  # it goes on where the first ended


def test_weights_are_made_on_the_threads_of_the_config_whatever_the_process_has(run, monkeypatch):
    used = set()
    loss = TwoStages.pretraining_loss
    monkeypatch.setattr(
        TwoStages,
        "pretraining_loss",
        lambda self, batch: used.add((self.stage, torch.get_num_threads())) or loss(self, batch),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(3)  # as a worker of --jobs would have another number
    try:
        folder = run()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert used == {("first", 2), ("second", 2)}
    facts = json.loads((folder / "provenance.json").read_text())
    assert (facts["machine"]["threads"], facts["ran_on"]["threads"]) == (2, 2)


def test_another_number_of_threads_is_another_checkpoint():
    def key(threads):
        config = TwoStages.Config(pretrain=PretrainConfig(threads=threads))
        return CheckpointSpec(TwoStages, config, {"dataset": "made-up", "store": "abc"}).key

    assert key(1) != key(2)


def test_an_interrupted_second_stage_is_taken_up_again(run, monkeypatch, tmp_path):
    whole, calls = interrupted(run, monkeypatch, tmp_path)
    assert (run() / "model.safetensors").read_bytes() == whole
    assert calls == ["first", "first", "second", "second", "second"]


def test_a_state_with_one_flipped_bit_is_made_again(run, monkeypatch, tmp_path):
    whole, calls = interrupted(run, monkeypatch, tmp_path)
    (state,) = tmp_path.glob(".*.partial/second/state.pt")
    content = bytearray(state.read_bytes())
    with zipfile.ZipFile(state) as entries:
        weights = entries.getinfo(next(name for name in entries.namelist() if name.endswith("/data/0")))
    lengths = content[weights.header_offset + 26 : weights.header_offset + 30]  # of name and padding before the data
    content[weights.header_offset + 30 + sum(struct.unpack("<HH", lengths))] ^= 1
    state.write_bytes(bytes(content))
    heard = []
    monkeypatch.setattr("bench.training.state_file.say", heard.append)
    assert (run() / "model.safetensors").read_bytes() == whole
    assert calls == ["first", "first", "second", "second", "second", "second"]
    assert sum("state.pt: damaged on disk" in text for text in heard) == 1


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_no_flipped_bit_of_a_state_changes_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.state_file.say", lambda message: None)
    path = tmp_path / "state.pt"
    state = {"model": {"w": torch.arange(6.0)}, "history": [{"epoch": 1, "loss": 0.5}]}
    loop.save_state(path, state)
    content = path.read_bytes()
    kept = 0
    for position in range(0, len(content), 3):
        changed = bytearray(content)
        changed[position] ^= 1 << position // 3 % 8
        path.write_bytes(bytes(changed))
        discard_if_damaged(path)
        if path.exists():
            kept += 1
            read = torch.load(path, weights_only=True)
            assert read["history"] == state["history"]
            assert torch.equal(read["model"]["w"], state["model"]["w"])
    assert kept < len(content)  # padding, and fields that nobody reads


def test_the_store_of_a_pretraining_in_progress_is_named_as_used(run, monkeypatch, tmp_path):
    interrupted(run, monkeypatch, tmp_path)
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    (workspace.root / "checkpoints").symlink_to(tmp_path)
    (workspace.stores / "made-up-1").mkdir(parents=True)
    write_json(workspace.stores / "made-up-1" / "manifest.json", {"digest": "abc"})
    (store,) = artifact_index.artifacts(workspace, ["store"])
    assert len(store.used_by) == 1
    assert artifact_index.removable(workspace, ["store"], unreferenced=True) == []


def interrupted(run, monkeypatch, tmp_path):
    """Pretrain undisturbed, and again up to the first epoch of the second stage: the weights, and the states written."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    whole = (run() / "model.safetensors").read_bytes()
    for folder in tmp_path.glob("two-stages-*"):
        shutil.rmtree(folder)
    original, calls = loop.save_state, []

    def save(path, state):
        original(path, state)
        calls.append(path.parent.name)
        if calls == ["first", "first", "second"]:
            stop()

    monkeypatch.setattr(loop, "save_state", save)
    with pytest.raises(KeyboardInterrupt):
        run()
    return whole, calls


def test_weight_decay_can_spare_vectors_and_be_a_penalty():
    net = SimpleNamespace(parameters=lambda: [torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))])
    adam = loop.make_optimiser(net, PretrainConfig(decayed="matrices", optimiser="adam", weight_decay=0.5))
    assert type(adam) is torch.optim.Adam
    assert [(group["params"][0].ndim, group["weight_decay"]) for group in adam.param_groups] == [(2, 0.5), (1, 0.0)]


def test_strata_come_at_even_distances():
    strata = np.zeros(1000, int)
    strata[:20] = 1
    order = spread_evenly(strata, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    assert set(strata[order].reshape(-1, 100).sum(1)) <= {1, 2, 3}
    assert (order != spread_evenly(strata, np.random.default_rng(1))).any()
