"""ECG-CPC's encoder against numbers of its released code."""

import numpy as np
import pytest
import torch

from bench.errors import ConfigError
from methods.nets.ecg_cpc import ECG_CPC, ECGCPCEncoder, StateSpaceKernel, unit_roots

STAGES = {
    **{f"encoder.layers.{i}": f"stem.{i}" for i in range(4)},
    **{f"s4_layers.{i}": f"layers.{i}" for i in range(4)},
    **{f"norms.{i}": f"norms.{i}" for i in range(4)},
}


def state_space(fm_recipe):
    """The recipe of the state space: steps, poles and nodes near those of a real initialisation."""

    def fill(name, shape):
        variable = name.rsplit(".", 1)[-1]
        if ".kernel.kernel." not in name and variable != "D":
            return None
        if variable in ("omega", "z"):
            return unit_roots(1200).numpy()  # z is not read
        s = fm_recipe.signed(name, int(np.prod(shape))).reshape(shape)
        if variable == "w":
            imaginary = 3 * (np.arange(shape[1]) + 1) + 0.3 * s[..., 1]
            s = np.stack([-0.5 + 0.1 * s[..., 0], imaginary], axis=-1)
        made = {"log_dt": -4.6 + s, "P": 0.25 * s, "Q": 0.25 * s}.get(variable, s)
        return made.astype(np.float32)

    return fill


def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage):
    stored = released("ecg_cpc")
    net = ECGCPCEncoder()
    refuses_damage(net, {name: torch.zeros(shape) for name, shape in stored.shapes.items()}, ECG_CPC)
    assert sum(p.numel() for p in net.parameters()) == stored.parameters == 2_932_736
    shorter = {name: torch.zeros(shape) for name, shape in stored.shapes.items()}
    shorter |= {name: torch.zeros(301, 2) for name in shorter if name.endswith(".omega")}
    assert not stored.report(net, shorter, ECG_CPC).fits, "its C would be for another length"


def test_features_are_those_of_the_release(released, fm_recipe):
    stored = released("ecg_cpc")
    net = ECGCPCEncoder()
    stored.load(net, stored.tensors(state_space(fm_recipe)), ECG_CPC)
    arrays = stored.arrays
    kernel = net.layers[0].kernel(300)
    torch.testing.assert_close(kernel[::64, :40].detach(), arrays["kernel0_slice"], atol=2e-5, rtol=0)
    ecg = stored.ecg(240)
    with stored.watched(net, STAGES), torch.no_grad():
        tokens = net.encode_tokens(ecg)
        torch.testing.assert_close(tokens[:, ::25, ::19], arrays["tokens_slice"], atol=2e-5, rtol=0)
        torch.testing.assert_close(net(ecg), arrays["pooled"], atol=2e-5, rtol=0)


@pytest.mark.slow
def test_features_of_ten_seconds_are_those_of_the_release(released, fm_recipe):
    stored = released("ecg_cpc")
    net = ECGCPCEncoder()
    stored.load(net, stored.tensors(state_space(fm_recipe)), ECG_CPC)
    with torch.no_grad():
        whole = net(stored.ecg(240, samples=2400))
    torch.testing.assert_close(whole, stored.arrays["pooled_10s"], atol=2e-5, rtol=0)


def test_the_response_is_that_of_the_discretised_state_space():
    """The recurrence itself, with all states and without a transform."""
    torch.manual_seed(0)
    kernel, length = StateSpaceKernel(3, 20), 20
    kernel.load_state_dict(kernel.state_dict() | {"log_dt": torch.tensor([-2.0, -1.0, -0.5])})
    b, c, p, q = (torch.view_as_complex(getattr(kernel, name).data.double())[0] for name in "BCPQ")
    w = torch.view_as_complex(kernel.w.double().contiguous())
    response = kernel(12).detach()
    for channel, dt in enumerate(kernel.log_dt.double().exp()):
        all_b, all_c, all_p, all_q, poles = (
            torch.cat([values[channel], values[channel].conj()]) for values in (b, c, p, q, w)
        )
        a, one = torch.diag(poles) - all_p[:, None] * all_q, torch.eye(8, dtype=torch.complex128)
        step = torch.linalg.solve(one - dt / 2 * a, one + dt / 2 * a)
        enters = torch.linalg.solve(one - dt / 2 * a, dt * all_b)
        leaves = torch.linalg.solve((one - torch.linalg.matrix_power(step, length)).T, all_c)
        made = torch.stack([leaves @ torch.linalg.matrix_power(step, n) @ enters for n in range(12)])
        rounding = (
            64 * torch.finfo(response.dtype).eps * made.real.abs().max().item()
        )  # of sums over states, in float32
        torch.testing.assert_close(response[channel].double(), made.real, atol=rounding, rtol=0)


def test_a_shorter_response_is_the_beginning_of_a_longer_one():
    kernel = StateSpaceKernel(4, 30)
    torch.testing.assert_close(kernel(7), kernel(30)[:, :7])
    with pytest.raises(ConfigError, match="crop"):
        kernel(31)


def test_positions_do_not_depend_on_later_samples():
    torch.manual_seed(0)
    net = ECGCPCEncoder(2, 8, 2, 40).eval()
    ecg = torch.randn(1, 2, 80)
    changed = ecg.clone()
    changed[..., 42:] += 1
    with torch.no_grad():
        difference = (net.encode_tokens(changed) - net.encode_tokens(ecg)).abs().amax(-1)[0]
    assert difference[:21].max() < 1e-3 < difference[21]


def test_the_trained_part_of_a_kernel_gets_a_gradient():
    net = ECGCPCEncoder(2, 8, 2, 40)
    net(torch.randn(2, 2, 80)).square().sum().backward()
    assert all(layer.kernel.C.grad.abs().sum() > 0 for layer in net.layers)
