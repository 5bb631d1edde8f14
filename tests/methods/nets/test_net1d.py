"""ECGFounder's and CLEF's network against numbers of their released code."""

import pytest
import torch

from methods.nets.net1d import CLEF, CLEF_FILE, ECGFOUNDER, LARGE, MEDIUM, SMALL, Net1D

NETS = {
    "ecgfounder_12lead": (MEDIUM, 12, ECGFOUNDER),
    "ecgfounder_1lead": (MEDIUM, 1, ECGFOUNDER),
    "clef_small": (SMALL, 1, CLEF),
    "clef_medium": (MEDIUM, 1, CLEF),
    "clef_large": (LARGE, 1, CLEF),
}
QUICK = ("clef_small", "ecgfounder_12lead")
SLOW = ("ecgfounder_1lead", "clef_medium")


def scaled(ecg: torch.Tensor, over: tuple[int, ...]) -> torch.Tensor:
    ecg = ecg.double()
    return ((ecg - ecg.mean(over, keepdim=True)) / (ecg.std(over, correction=0, keepdim=True) + 1e-8)).float()


@pytest.mark.parametrize("key", NETS)
def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage, key):
    """Counts are those of the release: its BatchNorms and the classifier are in the files, and nothing uses them."""
    size, leads, rules = NETS[key]
    stored = released(key)
    with torch.device("meta"):
        net = Net1D(size, leads)
        tensors = {name: torch.zeros(shape) for name, shape in stored.shapes.items()}
    refuses_damage(net, tensors, rules)
    left_out = sum(
        tensors[name].numel() for name in stored.report(net, tensors, rules).unused if name.endswith(("weight", "bias"))
    )
    assert sum(p.numel() for p in net.parameters()) == stored.parameters - left_out


@pytest.mark.parametrize("key", [*QUICK, *(pytest.param(key, marks=pytest.mark.slow) for key in SLOW)])
def test_features_are_those_of_the_release(released, key):
    size, leads, rules = NETS[key]
    stored = released(key)
    net, tensors = Net1D(size, leads), stored.tensors()
    stored.load(net, tensors, rules)
    ecg = scaled(stored.ecg(500), (1, 2) if key.startswith("ecgfounder") else (2,))
    stages = {f"stage_list.{i}": f"stages.{i}" for i in range(len(size.widths))} | {"first_conv": "first_conv"}
    if key.startswith("ecgfounder"):
        stages["first_activation"] = ("first_conv", torch.nn.functional.silu)
    with stored.watched(net, stages), torch.no_grad():
        features = net(ecg)
        torch.testing.assert_close(features, stored.arrays["features"], atol=2e-5, rtol=0)
        if "dense.weight" in tensors:
            logits = features @ tensors["dense.weight"].T + tensors["dense.bias"]
            torch.testing.assert_close(logits, stored.arrays["logits"], atol=2e-5, rtol=0)


def test_clef_files_have_the_network_behind_a_prefix(released, refuses_damage):
    stored = released("clef_small")
    with torch.device("meta"):
        net = Net1D(SMALL, 1)
        tensors = {f"backbone.{name}": torch.zeros(shape) for name, shape in stored.shapes.items()}
    refuses_damage(net, tensors, CLEF_FILE)
