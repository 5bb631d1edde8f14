"""ECG-JEPA's encoder against numbers of its released code."""

import pytest
import torch

from bench.errors import ConfigError
from methods.nets.ecg_jepa import ECG_JEPA, ECGJEPAEncoder, sincos_positions, visible_tokens

STAGES = {f"encoder_blocks.blocks.{i}": f"blocks.{i}" for i in (0, 1, 5, 11)} | {"W_P": "embed", "norm": "norm"}


def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage):
    stored = released("ecg_jepa")
    with torch.device("meta"):
        net = ECGJEPAEncoder()
        tensors = {name: torch.zeros(shape) for name, shape in stored.shapes.items()}
    refuses_damage(net, tensors, ECG_JEPA)
    assert sum(p.numel() for p in net.parameters()) == stored.parameters == 85_374_720
    assert {norm.eps for norm in net.modules() if isinstance(norm, torch.nn.LayerNorm)} == {1e-5}


def test_positions_and_visible_tokens_are_those_of_the_release(released):
    arrays = released("ecg_jepa").arrays
    stored = arrays["sincos_pos_embed_slice"]
    rounding = 49 * torch.finfo(torch.float32).eps  # of angles up to 49 radians
    torch.testing.assert_close(sincos_positions()[::37, ::29].to(stored), stored, atol=2 * rounding, rtol=0)
    seen = visible_tokens(8, 50).sum(1)
    assert torch.equal(seen[::37].double(), arrays["attention_mask_row_sums"].double())


@pytest.mark.slow
def test_features_are_those_of_the_release(released):
    stored = released("ecg_jepa")
    net = ECGJEPAEncoder()
    stored.load(net, stored.tensors(), ECG_JEPA)
    ecg, arrays = stored.ecg(250), stored.arrays
    with stored.watched(net, STAGES), torch.no_grad():
        tokens = net.encode_tokens(ecg)
        torch.testing.assert_close(tokens[:, ::37, ::29], arrays["tokens_slice"], atol=2e-5, rtol=0)
        torch.testing.assert_close(net(ecg), arrays["pooled"], atol=2e-5, rtol=0)
        torch.testing.assert_close(net(ecg[:, :1], [0]), arrays["pooled_lead_I_only"], atol=2e-5, rtol=0)


def test_a_token_does_not_see_other_times_of_other_leads():
    torch.manual_seed(0)
    net = ECGJEPAEncoder(16, 2, 1).eval()
    ecg = torch.randn(1, 8, 2500)
    changed = ecg.clone()
    changed[:, 3, 500:550] += 1  # patch 10 of lead V2
    with torch.no_grad():
        difference = (net.encode_tokens(changed) - net.encode_tokens(ecg)).abs().amax(-1).unflatten(1, (8, 50))[0]
    expected = torch.zeros(8, 50, dtype=torch.bool)
    expected[3], expected[:, 10] = True, True
    assert torch.equal(difference > 0, expected)


def test_leads_and_length_are_those_of_its_positions():
    net = ECGJEPAEncoder(16, 2, 1)
    for shape in ((1, 12, 2500), (1, 8, 5000)):
        with pytest.raises(ConfigError, match="250 Hz"):
            net(torch.zeros(shape))
