import pytest
import torch
from torch import nn

from methods.losses.siamese import BarlowTwins, byol, ema_momentum, simsiam, update_target


def test_byol(golden):
    stored = golden("byol.npz")
    loss = byol(stored["p1"], stored["p2"], stored["z0"], stored["z1"])
    assert loss.item() == pytest.approx(stored["solo_sym"], abs=1e-9)


def test_simsiam_halves_the_two_directions(golden):
    stored = golden("simsiam.npz")
    loss = simsiam(stored["p1"], stored["p2"], stored["z0"], stored["z1"])
    assert loss.item() == pytest.approx(stored["half_sum"], abs=1e-9)


@pytest.mark.parametrize("loss", [byol, simsiam])
def test_no_gradient_reaches_the_targets(loss):
    predictions = [torch.randn(4, 8, requires_grad=True) for _ in range(2)]
    targets = [torch.randn(4, 8, requires_grad=True) for _ in range(2)]
    loss(*predictions, *targets).backward()
    assert all(p.grad.abs().sum() > 0 for p in predictions)
    assert all(t.grad is None for t in targets)


def test_momentum_follows_the_cosine(golden):
    stored = golden("byol.npz")
    values = [ema_momentum(step, stored["tau_max_steps"]) for step in stored["tau_steps"].tolist()]
    assert values == pytest.approx(stored["tau_values"].tolist(), abs=1e-12)


def test_the_target_moves_by_one_minus_momentum_and_keeps_its_statistics():
    online, target = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) for _ in range(2))
    before = [p.clone() for p in target.parameters()]
    online(torch.randn(8, 2))
    update_target(target, online, 0.9)
    for slow, old, fast in zip(target.parameters(), before, online.parameters(), strict=True):
        torch.testing.assert_close(slow, 0.9 * old + 0.1 * fast)
    assert torch.equal(target[1].running_mean, torch.zeros(2))


def test_barlow_twins_in_training_and_evaluation(golden):
    stored = golden("barlow_twins.npz")
    loss = BarlowTwins(32).double()
    assert loss(stored["z0"], stored["z1"]).item() == pytest.approx(stored["mmcl_train"], abs=1e-9)
    torch.testing.assert_close(loss.standardise.running_mean, stored["bn_running_mean_after"])
    torch.testing.assert_close(loss.standardise.running_var, stored["bn_running_var_after"])
    evaluated = loss.eval()(stored["z0"], stored["z1"]).item()
    assert evaluated == pytest.approx(stored["mmcl_eval_after_one_train_step"], abs=1e-9)


@pytest.mark.parametrize(
    ("options", "key"),
    [({"scale": 0.025}, "solo_default_scale0_025"), ({"off_diagonal": 0.0051}, "solo_lamb_0_0051_scale1")],
)
def test_barlow_twins_weights(golden, options, key):
    stored = golden("barlow_twins.npz")
    value = BarlowTwins(32, **options).double()(stored["z0"], stored["z1"]).item()
    assert value == pytest.approx(stored[key], rel=1e-6)
