"""Low-rank additions change the output and no weight."""

import pytest
import torch
from torch import nn

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method
from bench.seeding import seeded
from bench.signals.input_spec import InputSpec
from bench.training.low_rank import add_low_rank


def batch() -> ECGBatch:
    ecg = torch.randn(4, 12, 50, generator=torch.Generator().manual_seed(0))
    return ECGBatch(ecg, torch.ones(4, 12, dtype=torch.bool), torch.arange(4))


class Mixed(Method):
    """Convolution, norm, attention and a layer that encode does not use. Source: this test."""

    name = "mixed"
    input = InputSpec(fs=50, seconds=1)

    def build(self, config):
        self.convolution, self.norm = nn.Conv1d(12, 8, 5), nn.BatchNorm1d(8)
        self.attention, self.last, self.unused = (
            nn.MultiheadAttention(8, 2, batch_first=True),
            nn.Linear(8, 3),
            nn.Linear(8, 9),
        )

    def encode(self, batch):
        x = self.norm(self.convolution(batch.ecg)).transpose(1, 2)
        return self.last(self.attention(x, x, x)[0].mean(1))


def test_additions_train_and_the_frozen_bits_stay_equal():
    with seeded(0):
        method = Mixed()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    start = method.eval().encode(batch()).detach()
    added = add_low_rank(method, batch(), rank=2, alpha=4.0)
    assert len(added) == 2 * 4  # the convolution, two weights of the attention and the last layer
    assert {id(p) for p in method.parameters() if p.requires_grad} == {id(p) for p in added}
    assert torch.equal(method.encode(batch()), start)
    optimiser = torch.optim.SGD(added, lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        method.encode(batch()).square().sum().backward()
        optimiser.step()
    assert not torch.allclose(method.encode(batch()), start)
    after = method.state_dict()
    for name, value in before.items():
        stem, _, last = name.rpartition(".")
        frozen = f"{stem}.parametrizations.{last}.original"
        assert torch.equal(after.get(name, after.get(frozen)), value), name


def test_the_addition_is_alpha_over_rank_times_the_product():
    with seeded(0):
        method = Mixed()
    weight = method.last.weight.detach().clone()
    add_low_rank(method, batch(), rank=2, alpha=6.0)
    addition = method.last.parametrizations.weight[0]
    with torch.no_grad():
        addition.up.fill_(0.5)
    torch.testing.assert_close(method.last.weight, weight + 3.0 * addition.up @ addition.down)


def test_an_encoder_without_such_weights_is_refused_by_name():
    class Loudness(Method):
        """Of each lead. Source: this test."""

        name = "loudness"
        input = InputSpec(fs=50, seconds=1)

        def encode(self, batch):
            return batch.ecg.std(dim=-1)

    with pytest.raises(
        ConfigError, match="lora cannot adapt loudness: its encode uses no linear or convolutional weights"
    ):
        add_low_rank(Loudness(), batch(), 2, 4.0)
