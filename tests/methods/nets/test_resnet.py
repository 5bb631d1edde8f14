import pytest
import torch

from bench.errors import UnknownName
from methods.nets.resnet import ResNet

COUNTS = {18: 3_848_832, 34: 7_223_168, 50: 15_959_168, 101: 28_266_624, 152: 38_405_248}


@pytest.mark.parametrize("depth", COUNTS)
def test_parameter_counts_are_those_of_merl_without_its_unused_linear(depth):
    with torch.device("meta"):
        net = ResNet(depth)
    assert sum(p.numel() for p in net.parameters()) == COUNTS[depth]
    assert net.dim == (512 if depth < 50 else 2048)


@pytest.mark.parametrize("samples", [5000, 2500, 1000, 2501])
def test_output_length_is_the_length_of_the_feature_map(samples):
    net = ResNet(18, widths=(4, 4, 4, 4))
    assert net.features(torch.zeros(1, 12, samples)).shape == (1, 4, net.output_length(samples))


def test_ten_seconds_at_500_hz_keep_313_positions_because_there_is_no_max_pool():
    assert ResNet.output_length(5000) == 313


def test_the_pooled_vector_is_the_time_mean_of_the_features():
    net = ResNet(50, leads=3, widths=(4, 8, 8, 8)).eval()
    ecg = torch.randn(2, 3, 400)
    assert net(ecg).shape == (2, 32)
    torch.testing.assert_close(net(ecg), net.features(ecg).mean(-1))


def test_an_unknown_depth_names_the_known_ones():
    with pytest.raises(UnknownName, match="101"):
        ResNet(102)
