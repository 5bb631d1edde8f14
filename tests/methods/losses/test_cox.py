import pytest
import torch

from bench.training.objective import cox_loss


def case(stored):
    return (stored[key].squeeze(1) for key in ("theta", "time", "event"))


def test_loss_and_gradient(golden):
    stored = golden("cox_cindex.npz")
    risk, time, event = case(stored)
    loss = cox_loss(risk.requires_grad_(), time, event.bool())
    loss.backward()
    assert loss.item() == pytest.approx(stored["cox_loss"], rel=1e-6)
    gradient = stored["grad"].squeeze(1)  # sums to 0
    torch.testing.assert_close(risk.grad, gradient, atol=1e-5 * gradient.abs().max().item(), rtol=1e-5)


def test_ties_follow_breslow_by_definition():
    risk = torch.tensor([0.3, -0.2, 1.0, 0.5, 0.0]).double()
    time = torch.tensor([2.0, 3.0, 2.0, 1.0, 3.0])
    event = torch.tensor([True, False, True, True, True])
    terms = [torch.logsumexp(risk[time >= time[i]], 0) - risk[i] for i in range(5) if event[i]]
    torch.testing.assert_close(cox_loss(risk, time, event), torch.stack(terms).mean())


def test_it_does_not_depend_on_order_or_on_a_common_shift(golden):
    risk, time, event = case(golden("cox_cindex.npz"))
    event, order = event.bool(), torch.randperm(20)
    expected = cox_loss(risk, time, event)
    torch.testing.assert_close(cox_loss(risk[order], time[order], event[order]), expected)
    torch.testing.assert_close(cox_loss(risk + 500, time, event), expected)


def test_without_events_loss_and_gradient_are_zero():
    risk = torch.randn(4, requires_grad=True)
    loss = cox_loss(risk, torch.arange(4.0), torch.zeros(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(risk.grad, torch.zeros(4))
