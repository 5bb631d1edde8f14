"""Loss and selection by task kind."""

import numpy as np
import pytest
import torch
from sksurv.metrics import concordance_index_censored

from bench.training.objective import cox_loss, objective_for


def plain_cox(risk, years, event):
    """Breslow's partial likelihood, term by term."""
    terms = [np.log(np.exp(risk[years >= years[i]]).sum()) - risk[i] for i in range(len(risk)) if event[i]]
    return np.mean(terms)


def test_cox_loss_with_ties_is_breslows():
    rng = np.random.default_rng(0)
    risk, years, event = rng.normal(size=40), rng.integers(1, 8, 40).astype(float), rng.random(40) < 0.5
    got = cox_loss(*(torch.from_numpy(x) for x in (risk, years, event.astype(float))))
    assert got.item() == pytest.approx(plain_cox(risk, years, event), abs=1e-12)


def test_a_batch_without_events_has_no_cox_loss_and_a_gradient_of_zero():
    risk = torch.randn(5, requires_grad=True)
    loss = cox_loss(risk, torch.rand(5), torch.zeros(5))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(risk.grad, torch.zeros(5))


@pytest.mark.parametrize("kind", ["multilabel", "multiclass", "identification", "survival", "regression"])
def test_every_kind_learns_a_linear_rule(kind):
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(400, 3)).astype(np.float32))
    truth = {
        "multilabel": (x.numpy()[:, :2] > 0).astype(np.uint8),
        "multiclass": x.numpy().argmax(1),
        "identification": x.numpy().argmax(1),
        "survival": np.stack([np.exp(-x.numpy()[:, 0] + 0.1 * rng.normal(size=400)), np.ones(400)], axis=1),
        "regression": x.numpy()[:, :2] * [1, -2] + 0.0,
    }[kind]
    objective = objective_for(kind, 2 if truth.ndim == 2 else 3)
    head = torch.nn.Linear(3, objective.n_outputs)
    optimiser = torch.optim.Adam(head.parameters(), 0.1)
    for _ in range(60):
        optimiser.zero_grad()
        objective.loss(head(x), torch.from_numpy(truth)).backward()
        optimiser.step()
    assert objective.selection_value(truth, objective.scores(head(x))) > 0.9


def test_selection_by_c_index_is_scikit_survivals():
    rng = np.random.default_rng(2)
    years, event, risk = rng.exponential(size=60), rng.random(60) < 0.6, rng.normal(size=60)
    expected = concordance_index_censored(event, years, risk)[0]
    got = objective_for("survival", 1).selection_value(np.stack([years, event], axis=1), risk)
    assert got == pytest.approx(expected, abs=1e-12)
