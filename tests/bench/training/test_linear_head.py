"""The compiled linear head takes the steps that PyTorch takes."""

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.training.linear_head import LinearHead
from bench.training.objective import objective_for

TARGETS = {
    "multilabel": lambda rng: rng.integers(0, 2, (70, 5)).astype(np.uint8),
    "multiclass": lambda rng: rng.integers(0, 5, 70),
    "regression": lambda rng: rng.normal(size=(70, 5)),
    "survival": lambda rng: np.c_[rng.integers(1, 9, 70), rng.random(70) < 0.3].astype(np.float64),  # with many ties
}


@pytest.mark.parametrize("kind", TARGETS)
def test_steps_equal_those_of_torch(kind):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(70, 12)).astype(np.float32)
    targets = TARGETS[kind](rng)
    objective = objective_for(kind, 5)
    head = LinearHead(12, objective.n_outputs, objective.loss_name, torch.Generator().manual_seed(3))
    plain = torch.nn.Linear(12, objective.n_outputs)
    with torch.no_grad():
        plain.weight.copy_(torch.from_numpy(head.weight))
        plain.bias.copy_(torch.from_numpy(head.bias))
    optimiser = torch.optim.AdamW(plain.parameters(), lr=1.0, weight_decay=0.1)

    for epoch in range(3):
        order = np.random.default_rng(epoch).permutation(70)
        rates = np.linspace(0.01, 0.02, 5) / (epoch + 1)  # 70 records in batches of 16: the last holds 6
        total = 0.0
        for step, rate in enumerate(rates):
            rows = order[step * 16 : (step + 1) * 16]
            optimiser.param_groups[0]["lr"] = rate
            loss = objective.loss(plain(torch.from_numpy(features[rows])), torch.from_numpy(targets[rows]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        mean = head.train_epoch(features, targets, order, 16, rates, 0.1)

        assert mean == pytest.approx(total / 70, rel=1e-5)
        np.testing.assert_allclose(head.weight, plain.weight.detach().numpy(), atol=2e-5)
        if kind != "survival":  # a Cox model has no bias: its gradient is rounding, which AdamW makes steps of
            np.testing.assert_allclose(head.bias, plain.bias.detach().numpy(), atol=2e-5)


def test_a_loss_that_is_not_finite_is_told():
    features = np.full((8, 3), 1e30, np.float32)
    head = LinearHead(3, 2, "squared", torch.Generator().manual_seed(0))
    with pytest.raises(BenchError, match="not finite"):
        head.train_epoch(features, np.zeros((8, 2)), np.arange(8), 4, np.full(2, 1e-3), 0.0)
