"""Outputs of blocks are found, arranged and read in one pass."""

import pytest
import torch
from torch import nn

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method
from bench.signals.input_spec import InputSpec
from bench.training.blocks import block_outputs, blocks_of

SPEC = InputSpec(fs=50, seconds=1)


def batch(records: int = 3) -> ECGBatch:
    ecg = torch.randn(records, 12, 50, generator=torch.Generator().manual_seed(0))
    return ECGBatch(ecg, torch.ones(records, 12, dtype=torch.bool), torch.arange(records))


class Convolutions(Method):
    """Two blocks of convolutions. Source: this test."""

    name = "convolutions"
    input = SPEC

    def build(self, config):
        self.calls = 0
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Conv1d(a, b, 5, 2), nn.BatchNorm1d(b)) for a, b in ((12, 6), (6, 8))]
        )

    def encode(self, batch):
        self.calls += 1
        x = batch.ecg
        for block in self.blocks:
            x = block(x)
        return x.mean(-1)


class Tokens(Method):
    """As many tokens as channels, so that the shape does not say which axis is which. Source: this test."""

    name = "tokens"
    input = SPEC

    def build(self, config):
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Linear(50, 12), nn.LayerNorm(12)), nn.Sequential(nn.Linear(12, 12))]
        )

    def encode(self, batch):
        first = self.blocks[0](batch.ecg)
        return self.blocks[1](first).mean(1)


class Windows(Method):
    """Two windows per recording, next to each other in the batch. Source: this test."""

    name = "windows"
    input = SPEC

    def build(self, config):
        self.inner = Convolutions()

    def encode(self, batch):
        windows = batch.ecg.unfold(-1, 25, 25).transpose(1, 2)
        flat = ECGBatch(windows.flatten(0, 1), batch.leads.repeat(2, 1), batch.index.repeat(2))
        return self.inner.encode(flat).unflatten(0, (len(batch), 2)).mean(1)


@pytest.mark.parametrize(
    ("cls", "shapes"),
    [
        (Convolutions, {"blocks.0": (3, 23, 6), "blocks.1": (3, 10, 8)}),
        (Tokens, {"blocks.0": (3, 12, 12), "blocks.1": (3, 12, 12)}),
        (Windows, {"inner.blocks.0": (3, 22, 6), "inner.blocks.1": (3, 8, 8)}),
    ],
)
def test_the_mean_over_positions_of_the_last_block_is_what_encode_gives(cls, shapes):
    method = cls().eval()
    outputs, encoded = block_outputs(method, blocks_of(method, batch()), batch())
    assert {name: tuple(output.shape) for name, output in outputs.items()} == shapes
    torch.testing.assert_close(list(outputs.values())[-1].mean(1), encoded)


def test_one_pass_reads_all_blocks_in_evaluation_mode_and_leaves_no_hook():
    method = Convolutions().train()
    names, before = blocks_of(method, batch()), method.blocks[0][1].running_mean.clone()
    method.calls = 0
    block_outputs(method, names, batch())
    assert method.calls == 1
    assert method.training
    assert torch.equal(method.blocks[0][1].running_mean, before)
    assert not any(module._forward_hooks for module in method.modules())


def test_an_encoder_without_weights_has_no_blocks():
    class Loudness(Method):
        """Of each lead. Source: this test."""

        name = "loudness"
        input = SPEC

        def encode(self, batch):
            return batch.ecg.std(dim=-1)

    with pytest.raises(ConfigError, match="loudness has no blocks to read: its encode calls no module with weights"):
        blocks_of(Loudness(), batch())
