import torch

from methods.losses.adversarial import reverse_gradient
from methods.nets.learned_views import OPERATIONS, LearnedViews


def recordings() -> torch.Tensor:
    seconds = torch.linspace(0, 4, 200)
    return torch.stack([(1 + torch.sin(6.28 * hertz * seconds)) / 2 for hertz in torch.linspace(1, 3, 24)]).view(
        2, 12, -1
    )


def test_views_stay_in_range_and_differ():
    torch.manual_seed(0)
    module, ecg = LearnedViews(12, 200), recordings()
    first, second = module(ecg), module(ecg)
    assert first.shape == ecg.shape
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6
    assert not torch.allclose(first, second)


def test_everything_learned_receives_a_gradient():
    torch.manual_seed(0)
    module = LearnedViews(12, 200)
    (module(recordings()) * torch.randn(200)).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_closed_gates_leave_the_recording():
    torch.manual_seed(0)
    module, ecg = LearnedViews(12, 200), recordings()
    with torch.no_grad():
        module.use.fill_(-100.0)
        changed = (module(ecg) - ecg).abs().mean()
        module.use.fill_(100.0)
        assert len(module.use) == len(OPERATIONS)
        assert changed < (module(ecg) - ecg).abs().mean() / 3


def test_what_comes_before_a_reversal_climbs():
    weight = torch.tensor(2.0, requires_grad=True)
    head = torch.tensor(3.0, requires_grad=True)
    passed = reverse_gradient(weight * 5, 0.5)
    (passed * head).backward()
    assert passed.item() == 10
    assert head.grad.item() == 10
    assert weight.grad.item() == -0.5 * 15
