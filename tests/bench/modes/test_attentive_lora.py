"""Modes whose learning rate is chosen on validation data."""

import numpy as np
import pytest
import torch

from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.method import Method
from bench.modes.attentive import AttentiveHead, tokens_of
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.scoring import classification
from bench.seeding import seeded
from bench.signals.input_spec import InputSpec


@pytest.mark.parametrize("mode", ["attentive", "lora"])
def test_rate_and_epoch_are_the_best_on_validation_data(workspace, mode):
    small = ["random-vit.depth=1", "random-vit.width=16"]
    settings = [*small, f"{mode}.epochs=2", f"{mode}.lrs=[1e-4,1e-2]", f"{mode}.batch_size=32"]
    options = RunOptions(["random-vit"], ["ptbxl-super"], [mode], overrides=settings, profile="smoke", track=False)
    (result,) = execute.run(options, DataSource(workspace, simulated_records=120)).results
    history = result.history()
    assert [(row["lr"], row["epoch"]) for row in history] == [(1e-4, 1), (1e-4, 2), (1e-2, 3), (1e-2, 4)]
    best = max(history, key=lambda row: row["validation"])
    assert (result.selection["lr"], result.selection["epoch"]) == (best["lr"], best["epoch"])
    predictions = result.predictions().query("partition == 'validation'")
    targets, scores = (predictions.filter(regex=f"^{prefix}_").to_numpy() for prefix in ("target", "score"))
    value = float(classification.macro(classification.auroc(targets, scores)))
    assert value == pytest.approx(best["validation"], rel=1e-6)  # the weights of the best epoch are those that score


def test_the_query_begins_with_the_mean_and_learns_which_token_counts():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(256, 20, 4, generator=generator)
    label = (torch.rand(256, generator=generator) < 0.5).float()
    marked = torch.randint(20, (256,), generator=generator)
    tokens[torch.arange(256), marked, 0] = 6.0  # which token it is
    tokens[torch.arange(256), marked, 1] = 2 * label - 1  # what it says
    with seeded(0):
        head = AttentiveHead(torch.zeros(4), torch.ones(4), 1)
    torch.testing.assert_close(head(tokens), head.linear(tokens.mean(1)))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(head(tokens)[:, 0], label).backward()
        optimiser.step()
    assert head.weights(tokens)[torch.arange(256), marked].mean() > 0.8
    assert ((head(tokens)[:, 0] > 0) == (label > 0)).float().mean() > 0.95


def test_a_method_without_tokens_is_refused_and_one_that_states_them_is_read():
    from bench.batch import ECGBatch

    class Vector(Method):
        """One vector per lead set. Source: this test."""

        name = "vector"
        input = InputSpec(fs=50, seconds=1)

        def build(self, config):
            self.net = torch.nn.Linear(600, 4)

        def encode(self, batch):
            return self.net(batch.ecg.flatten(1))

    class Stated(Vector):
        """States its tokens. Source: this test."""

        def encode_tokens(self, batch):
            return batch.ecg.unflatten(-1, (10, 5)).flatten(1, 2)

    batch = ECGBatch(torch.randn(2, 12, 50), torch.ones(2, 12, dtype=torch.bool), torch.arange(2))
    with pytest.raises(
        ConfigError, match=r"attentive cannot read vector: no block .* Use linear, or a method with tokens, such as "
    ):
        tokens_of(Vector(), batch)
    assert np.prod(tokens_of(Stated(), batch)(batch).shape) == 2 * 120 * 5
