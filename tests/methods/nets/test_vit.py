import pytest
import torch

from bench.errors import ConfigError
from methods.nets.backbones import backbone
from methods.nets.transformer import DropPath, SelfAttention, TransformerBlock
from methods.nets.vit import ViT

COUNTS = {"tiny": 5_473_152, "small": 21_563_136, "middle": 38_188_032, "base": 85_593_600}


@pytest.mark.parametrize("size", COUNTS)
def test_parameter_counts_are_those_of_merl(size):
    with torch.device("meta"):
        net = backbone(f"vit-{size}")
    assert sum(p.numel() for p in net.parameters()) == COUNTS[size]


def test_pooling_takes_the_mean_before_the_norm():
    net = ViT(samples=200, patch=50, dim=16, heads=2, depth=2)
    ecg = torch.randn(3, 12, 200)
    assert net.features(ecg).shape == (3, 16, 4)
    torch.testing.assert_close(net(ecg), net.norm(net.features(ecg).mean(-1)))


def test_bad_sizes_and_lengths_are_refused():
    with pytest.raises(ConfigError, match="1030 samples"):
        ViT(samples=1030)
    with pytest.raises(ConfigError, match="received 400"):
        ViT(samples=200, dim=16, heads=2, depth=1)(torch.zeros(1, 12, 400))


def test_a_masked_token_changes_nothing_for_the_others():
    block = TransformerBlock(16, 2)
    x = torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    noisy = x.clone()
    noisy[1, 3:] = 100.0
    torch.testing.assert_close(block(x, mask)[1, :3], block(noisy, mask)[1, :3])
    torch.testing.assert_close(block(x, mask)[1, :3], block(x[1:, :3])[0])


def test_attention_equals_its_definition():
    attention = SelfAttention(8, 2)
    x = torch.randn(1, 4, 8)
    q, k, v = (t.view(1, 4, 2, 4).transpose(1, 2) for t in attention.qkv(x).split(8, dim=-1))
    weights = (q @ k.transpose(-1, -2) / 2.0).softmax(-1)
    torch.testing.assert_close(attention(x), attention.proj((weights @ v).transpose(1, 2).reshape(1, 4, 8)))


def test_drop_path_drops_whole_records_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = DropPath(0.25)
    out = drop(torch.ones(4000, 3))
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert (out[:, 0] == out[:, 2]).all()
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(drop.eval()(torch.ones(5, 3)), torch.ones(5, 3))
