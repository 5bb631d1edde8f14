"""Layers derived from the order of calls, against MMCL's released layer decay and on the project's own encoders."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.method import Method
from bench.training.layer_decay import layer_factors
from methods.nets.backbones import backbone
from methods.nets.mae import PatchViT

DECAY = 0.75
# Released name -> layer, and [factor, weight decay, tensors] of each parameter group of a 3-block ViT; the file's
# layer_decay_0_75 (tests/golden/README.md).
GOLDEN = Path(__file__).parents[2] / "golden" / "mmcl_lr_schedule_layer_decay.json"


class Encoder(Method):
    """A backbone and what a downstream head does not use. Source: this test."""

    name = "layered"

    def build(self, config):
        self.unused = nn.Linear(3, 3)

    def encode(self, batch):
        return self.net(batch)


def encoder_of(net):
    method = Encoder()
    method.net = net
    return method


def factors(method, example):
    names = {id(p): name for name, p in method.named_parameters()}
    return {names[id(p)]: factor for factor, group in layer_factors(method, example, DECAY) for p in group}


def test_a_vits_layers_are_those_of_the_release():
    released = json.loads(GOLDEN.read_text())["layer_decay_0_75"]
    expected: dict[float, int] = {}
    for factor, _, tensors in released["groups"]:
        expected[factor] = expected.get(factor, 0) + tensors
    expected[1.0] -= 2  # the head, which is no part of the encoder
    expected[DECAY**4] -= 1  # fixed positions, a buffer here
    method = encoder_of(PatchViT(pool="attention"))
    found = factors(method, torch.randn(1, 12, 2500))
    found = {name: factor for name, factor in found.items() if not name.startswith("unused")}
    counts: dict[float, int] = {}
    for factor in found.values():
        counts[factor] = counts.get(factor, 0) + 1
    assert counts == pytest.approx(expected)
    for theirs, layer in released["layer_id"].items():
        if theirs.startswith("blocks."):
            assert DECAY ** (4 - layer) == pytest.approx(found[f"net.{theirs}"]), theirs


@pytest.mark.parametrize(
    ("name", "layers"), [("resnet18", 4), ("vit-tiny", 12), ("convnext-atto", 8), ("xresnet1d50", 19)]
)
def test_every_encoder_has_layers_that_rise_towards_the_head(name, layers):
    width = 24 if name == "vit-tiny" else 16
    method = encoder_of(backbone(name, samples=1000, width=width))
    found = factors(method, torch.randn(1, 12, 1000))
    assert set(found) == {name for name, _ in method.named_parameters()}
    used = [factor for name, factor in found.items() if name.startswith("net.")]
    assert len(set(used)) > 1
    assert max(used) <= 1
    assert found["unused.weight"] == 1
    steps = round(math.log(min(used)) / math.log(DECAY))
    assert steps in (layers, layers + 1)  # a separate stem before the first block, or none


def test_a_method_may_declare_its_layers():
    class Declared(Encoder):
        """Two layers, last first. Source: this test."""

        def layer_groups(self):
            return [list(self.net[1].parameters()), list(self.net[0].parameters())]

    method = Declared()
    method.net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    found = factors(method, torch.randn(1, 4))
    assert (found["net.1.weight"], found["net.0.weight"], found["unused.bias"]) == (DECAY**2, DECAY, 1)
    method.net[0].requires_grad_(False)
    assert "net.0.weight" not in factors(method, torch.randn(1, 4))
