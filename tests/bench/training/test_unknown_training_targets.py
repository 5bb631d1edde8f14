"""Unknown targets (NaN) in training: a head learns each output from the records in which it is known."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.training.exact_head import exact_path
from bench.training.linear_head import LinearHead
from bench.training.objective import objective_for

N, DIM = 120, 6


@pytest.fixture
def planted():
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(N, DIM)).astype(np.float32))
    values = features[:, :4].double().numpy() + rng.normal(size=(N, 4))
    unknown = rng.random((N, 4)) < [0.0, 0.3, 0.3, 0.7]
    unknown[:, 2] = unknown[:, 1]  # two outputs are unknown of the same records
    return features, values, unknown


@pytest.mark.parametrize("loss", ["binary", "squared"])
def test_the_exact_head_is_that_of_each_outputs_known_records(planted, loss):
    features, values, unknown = planted
    values = (values > 0).astype(float) if loss == "binary" else values
    targets = torch.from_numpy(np.where(unknown, np.nan, values))
    fits = list(exact_path(features, targets, loss, 4, (0.1, 10.0)))
    for k in range(4):
        rows = ~unknown[:, k]
        alone = list(exact_path(features[rows], torch.from_numpy(values[rows, k : k + 1]), loss, 1, (0.1, 10.0)))
        for fit, single in zip(fits, alone, strict=True):
            largest = float(single.weight.abs().max())
            torch.testing.assert_close(fit.weight[k], single.weight[0], rtol=0, atol=1e-6 * largest)
            torch.testing.assert_close(
                fit.bias[k], single.bias[0], rtol=0, atol=1e-6 * max(largest, abs(float(single.bias[0])))
            )


def test_an_output_that_is_never_known_is_not_learned(planted):
    features, values, _ = planted
    targets = torch.from_numpy(np.c_[values[:, 0], np.full(N, np.nan)])
    (fit,) = exact_path(features, targets, "squared", 2, (1.0,))
    assert fit.weight[1].abs().max() == fit.bias[1] == 0
    assert fit.weight[0].abs().max() > 0.1


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_steps_of_the_linear_head_follow_the_loss_over_known_targets(planted, kind):
    features, values, unknown = planted
    values = (values > 0).astype(float) if kind == "multilabel" else values
    targets = np.where(unknown, np.nan, values)
    objective = objective_for(kind, 4, training_targets=targets)
    learned = objective.learned(torch.from_numpy(targets))
    head = LinearHead(DIM, 4, objective.loss_name, torch.Generator().manual_seed(0))
    layer = torch.nn.Linear(DIM, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(head.weight))
        layer.bias.copy_(torch.from_numpy(head.bias))
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.01, weight_decay=0.1)
    order = np.arange(N)
    mean = head.train_epoch(features.numpy(), learned.numpy(), order, 40, np.full(3, 0.01), 0.1)
    losses = []
    for first in range(0, N, 40):
        loss = objective.loss(layer(features[first : first + 40]), torch.from_numpy(targets[first : first + 40]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert mean == pytest.approx(np.mean(losses), rel=1e-5)
    np.testing.assert_allclose(head.weight, layer.weight.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(head.bias, layer.bias.detach().numpy(), atol=1e-5)


def test_the_loss_is_that_of_the_known_targets_and_zero_without_any():
    objective = objective_for("multilabel", 2, label_smoothing=0.2)
    outputs = torch.tensor([[0.5, -1.0], [2.0, 3.0]], requires_grad=True)
    loss = objective.loss(outputs, torch.tensor([[1.0, torch.nan], [torch.nan, 0.0]]))
    expected = binary_cross_entropy_with_logits(torch.tensor([0.5, 3.0]), torch.tensor([0.9, 0.1]))
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    assert outputs.grad[0, 1] == outputs.grad[1, 0] == 0
    nothing = objective.loss(outputs, torch.full((2, 2), torch.nan))
    nothing.backward()
    assert nothing.item() == 0 and torch.isfinite(outputs.grad).all()


def test_regression_is_scaled_and_selected_by_known_values():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [np.nan, 9.0, np.nan], [5.0, 1.0, np.nan]])
    objective = objective_for("regression", 3, training_targets=values)
    scores = objective.scores(torch.zeros(1, 3))
    np.testing.assert_allclose(scores, [[3.0, 5.0, 0.0]])
    predicted = np.array([[1.0, 0, 1], [2, 1, 2], [-50, 2, 3], [3, 0, 4]])
    r = [np.corrcoef([1, 3, 5], [1, 2, 3])[0, 1], np.corrcoef([5, 9, 1], [1, 2, 0])[0, 1]]
    assert objective.selection_value(values, predicted) == pytest.approx(np.mean(r))


def test_records_of_unknown_label_are_a_stratum():
    strata = objective_for("multilabel", 1).strata(np.array([[0.0], [np.nan], [1.0], [np.nan]]))
    assert len(np.unique(strata)) == 3
