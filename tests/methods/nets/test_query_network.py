import pytest
import torch

from bench.errors import ConfigError
from methods.nets.lead_vit import TokenFeatures
from methods.nets.query_network import QueryNetwork


def small(**options) -> QueryNetwork:
    torch.manual_seed(0)
    return QueryNetwork(query_dim=12, memory_dim=16, dim=8, layers=2, heads=2, **options).eval()


def test_one_logit_for_each_record_and_name():
    memory = TokenFeatures(torch.randn(3, 7, 16), None)
    assert small()(torch.randn(5, 12), memory).shape == (3, 5)


def test_each_answer_depends_on_its_own_question_only():
    queries, memory = torch.randn(5, 12), TokenFeatures(torch.randn(3, 7, 16), None)
    net = small()
    torch.testing.assert_close(net(queries, memory)[:, 2:3], net(queries[2:3], memory))
    coupled = small(self_attention=True)
    assert not torch.allclose(coupled(queries, memory)[:, 2:3], coupled(queries[2:3], memory), atol=1e-4)


def test_padding_tokens_have_no_say():
    queries, tokens = torch.randn(4, 12), torch.randn(2, 7, 16)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    net = small()
    expected = net(queries, TokenFeatures(tokens[1:, :4], None))
    torch.testing.assert_close(net(queries, TokenFeatures(tokens, mask))[1:], expected)


def test_the_answer_depends_on_the_ecg_and_on_the_question():
    net = small()
    queries = torch.randn(4, 12) * 10
    logits = net(queries, TokenFeatures(torch.randn(2, 7, 16), None))
    assert not torch.allclose(logits[0], logits[1], atol=1e-4)
    assert not torch.allclose(logits[:, 0], logits[:, 1], atol=1e-4)


def test_it_learns_which_token_means_yes():
    torch.manual_seed(1)
    net = small().train()
    queries, patterns = torch.randn(3, 12), torch.randn(3, 16)
    labels = torch.rand(64, 3) < 0.5
    noise = 0.3 * torch.randn(64, 6, 16)
    noise[:, :3] += labels[..., None] * patterns
    memory = TokenFeatures(noise, None)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(queries, memory), labels.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_published_size_and_bad_width():
    with torch.device("meta"):
        net = QueryNetwork()
    assert len(net.layers) == 4
    assert net.layers[0].cross_attention.heads == 4
    assert QueryNetwork(8, 6, dim=10, layers=1, heads=3).layers[0].cross_attention.query.out_features == 9
    with pytest.raises(ConfigError, match="width 2"):
        QueryNetwork(dim=2, heads=3)
