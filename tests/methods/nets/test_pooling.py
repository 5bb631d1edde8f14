import pytest
import torch

from bench.errors import ConfigError
from methods.nets.pooling import AttentionPool


def test_merl_pool_learns_314_positions_for_5000_samples():
    pool = AttentionPool(256, 313)
    assert pool.positions.shape == (1, 314, 256)
    assert pool(torch.randn(2, 256, 313)).shape == (2, 256)


def test_the_class_position_counts_twice():
    pool = AttentionPool(8, 5)
    features = torch.randn(3, 8, 5)
    first = pool.class_token.expand(3, 1, 8) + 2 * pool.positions[:, :1]
    tokens = torch.cat([first, features.transpose(1, 2) + pool.positions[:, 1:]], 1)
    expected = pool.project(pool.attention(tokens[:, :1], tokens, tokens)[0][:, 0])
    torch.testing.assert_close(pool(features), expected)


def test_another_length_is_refused_with_both_lengths():
    with pytest.raises(ConfigError, match="313 positions and received 157"):
        AttentionPool(16, 313)(torch.randn(1, 16, 157))
