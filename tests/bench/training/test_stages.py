"""Pretraining in stages: each begins with the weights of the one before, and an interrupted one is taken up again."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from bench.batch import ECGBatch
from bench.loading import spread_evenly
from bench.method import Corpus, Method, MethodConfig
from bench.training import loop
from bench.training.checkpoint import CheckpointSpec, pretrain
from bench.training.config import PretrainConfig


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
    spec = CheckpointSpec(TwoStages, TwoStages.Config(), {"dataset": "made-up"})
    return lambda: pretrain(spec, tmp_path, corpus, Source(), np.arange(8), np.arange(0))


def test_stages_follow_each_other_and_are_told_apart(run):
    folder = run()
    history = pd.read_csv(folder / "history.csv")
    assert list(history["stage"]) == ["first"] * 2 + ["second"] * 3
    assert history["second"].dropna().iloc[0] < history["first"].dropna().iloc[0]  # it goes on where the first ended


def test_an_interrupted_second_stage_is_taken_up_again(run, monkeypatch, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    whole = (run() / "model.safetensors").read_bytes()
    import shutil

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
    assert (run() / "model.safetensors").read_bytes() == whole
    assert calls == ["first", "first", "second", "second", "second"]


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
