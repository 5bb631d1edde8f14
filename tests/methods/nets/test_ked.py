"""KED's encoder, whose counts and shapes are known and whose outputs are not."""

import torch

from methods.nets.ked import KEDNet


def test_counts_and_shapes_are_those_of_the_released_code():
    net = KEDNet().eval()
    assert sum(parameter.numel() for parameter in net.parameters()) == 7_865_984
    assert net.features(torch.zeros(1, 12, 1000)).shape == (1, 768, 32)
    assert net(torch.zeros(1, 12, 1000)).shape == (1, net.dim)
