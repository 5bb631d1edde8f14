"""The encoders of CLOCS and TS-TCC against numbers of their released code."""

import pytest
import torch
from torch import nn

from bench.errors import ConfigError
from methods.nets.conv_blocks import ClocsCNN, TSTCCEncoder


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_clocs_is_that_of_the_release(golden, closed_form, closed_form_input):
    net = ClocsCNN(2500, 1, 128).eval()
    released = golden("encoder_param_names.json")["clocs_cnn_E128"]
    own = [*net.named_parameters(), *((n, b) for n, b in net.named_buffers() if b.is_floating_point())]
    assert [tuple(t.shape) for _, t in own] == [tuple(shape) for _, shape in released]
    with torch.no_grad():
        for (_, tensor), (name, shape) in zip(own, released, strict=True):
            tensor.copy_(closed_form(name, tuple(shape)))
        views = closed_form_input(golden("param_counts.json")["clocs_cnn_E128"]["input"])
        made = torch.stack([net(view) for view in views.unbind(-1)], dim=-1)
    torch.testing.assert_close(made.double(), golden("encoder_forward.npz")["clocs_cnn_E128"], atol=1e-5, rtol=1e-4)


def test_clocs_parameter_counts(golden):
    counts = golden("param_counts.json")
    for dim in (128, 256):
        assert count(ClocsCNN(2500, 1, dim)) == counts[f"clocs_cnn_E{dim}"]["total"]


def test_clocs_says_which_length_it_serves():
    net = ClocsCNN(2500)
    with pytest.raises(ConfigError, match="built for 2500 samples and received 2000"):
        net(torch.zeros(1, 1, 2000))
    with pytest.raises(ConfigError, match="at least"):
        ClocsCNN(50)


def test_ts_tcc_parameters_and_positions(golden):
    stored = golden("param_counts.json")
    classifier = 127 * 128 * 5 + 5  # of the released SleepEDF network: one lead, 3000 samples, 5 classes
    assert count(TSTCCEncoder(leads=1)) + classifier == stored["tstcc_base_sleepedf"]["total"]
    net = TSTCCEncoder().eval()
    for samples, positions in stored["tstcc_sleep_cfg_12lead_features_len"].items():
        assert net.features(torch.zeros(1, 12, int(samples))).shape == (1, net.dim, positions)


def test_the_shortest_clocs_window_is_as_stated():
    assert ClocsCNN(388)(torch.zeros(2, 1, 388)).shape == (2, 128)
    with pytest.raises(ConfigError, match="388"):
        ClocsCNN(387)
