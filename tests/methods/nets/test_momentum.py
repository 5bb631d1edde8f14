import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from methods.nets.momentum import MomentumCopy, PretrainingClock, cosine_to_one

CORPUS = Corpus("made-up", pd.DataFrame(index=range(70)), np.arange(70) < 64, np.arange(70) >= 64)


def clock_of(steps: int) -> PretrainingClock:
    clock = PretrainingClock()
    clock.prepare(CORPUS, PretrainConfig(epochs=5, batch_size=16, min_steps_per_epoch=1))
    for _ in range(steps):
        clock.tick()
    return clock


def test_the_clock_counts_training_steps_only():
    clock = clock_of(0)
    assert clock.steps == 20
    clock.eval()
    clock.tick()
    assert clock.fraction() == 0
    clock.train()
    for _ in range(11):
        clock.tick()
    assert clock.fraction() == pytest.approx(0.5)


def test_the_clock_is_part_of_the_state():
    resumed = clock_of(0)
    resumed.load_state_dict(clock_of(7).state_dict())
    assert resumed.begun() == 6


def test_momentum_rises_to_one():
    values = [cosine_to_one(clock_of(step), 0.9) for step in (1, 11, 20, 21)]
    assert values == pytest.approx([0.9, 0.95, 0.9994, 1.0], abs=1e-4)
    assert cosine_to_one(PretrainingClock(), 0.9) == 0.9


def test_the_copy_follows_in_training_only():
    online = nn.Linear(3, 2)
    slow = MomentumCopy(online)
    begun = copy.deepcopy(slow.net.weight)
    slow.follow(online, 0.9)
    assert torch.equal(slow.net.weight, begun)  # nothing to take in yet
    with torch.no_grad():
        online.weight.add_(1.0)
    slow.eval().follow(online, 0.9)
    assert torch.equal(slow.net.weight, begun)
    slow.train().follow(online, 0.9)
    torch.testing.assert_close(slow.net.weight, begun + 0.1)
    assert not any(p.requires_grad for p in slow.parameters())
    assert not slow(torch.randn(4, 3)).requires_grad
