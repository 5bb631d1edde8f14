import pytest
import torch

from bench.signals.windows import normalise
from methods.nets.backbones import backbone
from methods.nets.checkpoint_names import ESI_CONVNEXT
from methods.nets.convnext import ConvNeXt, TimeNorm

COUNTS = {
    "atto": 3_175_720,
    "femto": 4_561_968,
    "pico": 8_085_568,
    "nano": 14_263_760,
    "tiny": 26_814_144,
    "base": 85_558_528,
    "large": 192_186_240,
}


@pytest.mark.parametrize("size", COUNTS)
def test_parameter_counts_are_those_of_esi_without_its_unused_head(size):
    with torch.device("meta"):
        net = backbone(f"convnext-{size}")
    assert sum(p.numel() for p in net.parameters()) == COUNTS[size]


def test_it_reproduces_esi(golden, recipe, load_published):
    stored = golden("esi_convnext_small.npz")
    shapes = golden("esi_convnext_small_shapes.json")
    weights = {n: torch.from_numpy(recipe.fill(n, tuple(s), recipe.kind_of(n, tuple(s)))) for n, s in shapes.items()}
    net = ConvNeXt((1, 2, 1, 1), (16, 32, 48, 64)).eval()
    load_published(net, weights, ESI_CONVNEXT)
    ecg = golden("inputs_ecg8.npz")["ecg8"][:4]
    x = torch.from_numpy(
        normalise(ecg.numpy(), "zscore")
    )  # the release's is 8e-6 smaller, which the stem's norm undoes
    maps = []
    for stage, downsample in enumerate(net.downsamplers):
        downsample.register_forward_hook(lambda _, __, out, stage=stage: maps.append((stage, out)))
    out = net(x)
    for stage, feature_map in maps:
        length = stored[f"down{stage}_len"]
        assert feature_map.shape[-1] == length
        sampled = feature_map[:, :, :: length // 16].detach()
        torch.testing.assert_close(sampled, stored[f"down{stage}_slice"], atol=5e-6, rtol=1e-5)
    torch.testing.assert_close(out.detach(), stored["out"], atol=5e-6, rtol=1e-5)


def test_ten_seconds_leave_156_positions():
    net = ConvNeXt((1, 1, 1, 1), (4, 4, 4, 8))
    assert net.features(torch.randn(1, 12, 5000)).shape == (1, 8, 156)


def test_the_norm_is_over_time(golden):
    x = torch.arange(24.0).view(2, 3, 4)
    expected = torch.tensor([-1.1618942, -0.3872980, 0.3872980, 1.1618942]).expand(2, 3, 4)
    torch.testing.assert_close(TimeNorm(3)(x).detach(), expected)
