"""The encoders of the PTB-XL benchmark against its released code, on closed-form weights."""

from functools import partial

import pytest
import torch
from torch import nn

from bench.errors import UnknownName
from methods.nets.classifier_head import ClassifierHead
from methods.nets.inception import Inception
from methods.nets.recurrent import LSTMEncoder
from methods.nets.wang import FCN, FixedWidthResNet
from methods.nets.xresnet import XResNet

ENCODERS = {
    "xresnet1d101": partial(XResNet, 101),
    "xresnet1d50": partial(XResNet, 50),
    "resnet1d_wang": partial(FixedWidthResNet, "wang"),
    "resnet1d50_inplanes128": partial(FixedWidthResNet, "50"),
    "lstm": LSTMEncoder,
    "lstm_bidir": partial(LSTMEncoder, bidirectional=True),
    "inception1d": Inception,
    "fcn_wang": FCN,
}


def with_head(name: str, classes: int) -> nn.Sequential:
    encoder = ENCODERS[name]()
    return nn.Sequential(encoder, ClassifierHead(encoder.dim, classes))


def fill_in_order(net: nn.Module, released: list, closed_form) -> None:
    """Both sides list parameters, then buffers, in the order of the forward pass; shapes hold the pairing."""
    own = [*net.named_parameters(), *((n, b) for n, b in net.named_buffers() if b.is_floating_point())]
    assert [tuple(t.shape) for _, t in own] == [tuple(shape) for _, shape in released]
    with torch.no_grad():
        for (_, tensor), (name, shape) in zip(own, released, strict=True):
            tensor.copy_(closed_form(name, tuple(shape)))


@pytest.mark.parametrize("name", ENCODERS)
def test_logits_are_those_of_the_release(golden, closed_form, closed_form_input, name):
    key = f"helme_{name}_nc71"
    net = with_head(name, 71).eval()
    fill_in_order(net, golden("encoder_param_names.json")[key], closed_form)
    ecg = closed_form_input(golden("param_counts.json")[key]["input"])
    with torch.no_grad():
        logits = net(ecg)
    torch.testing.assert_close(logits.double(), golden("encoder_forward.npz")[key], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("classes", [71, 5, 9])
@pytest.mark.parametrize("name", ENCODERS)
def test_parameter_counts(golden, name, classes):
    with torch.device("meta"):
        net = with_head(name, classes)
    expected = golden("param_counts.json")[f"helme_{name}_nc{classes}"]["total"]
    assert sum(p.numel() for p in net.parameters()) == expected


def test_the_bare_xresnet1d101_has_1_804_672_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in XResNet(101).parameters()) == 1_804_672


@pytest.mark.parametrize("name", ENCODERS)
def test_any_length_and_lead_count_is_read(name):
    encoder = ENCODERS[name](leads=2)
    assert encoder(torch.randn(2, 2, 101)).shape == (2, encoder.dim)


def test_weights_start_kaiming_and_batch_norm_passes_through():
    torch.manual_seed(0)
    net = XResNet(50)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d)]
    assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms)
    conv = net.blocks[0].body[1][0]
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 5)) ** 0.5, rel=0.05)


def test_an_unknown_depth_is_named():
    with pytest.raises(UnknownName, match="101"):
        XResNet(18)
