import pytest
import torch

from bench.errors import ConfigError, DataError
from methods.nets.lead_masking import LeadMasking
from methods.nets.lead_vit import LeadViT
from methods.nets.query_network import QueryNetwork


def small(**options) -> LeadViT:
    torch.manual_seed(0)
    return LeadViT(samples=200, segment=20, dim=16, heads=2, depth=2, **options)


def parameters(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_parameter_counts():
    with torch.device("meta"):
        tiny = LeadViT(dim=192, heads=3)
        assert parameters(tiny) == 5_369_856
        assert parameters(tiny.blocks) + parameters(tiny.norm) == 5_338_752
        assert parameters(LeadViT(dim=192, heads=3, lead_embedding=False)) == 5_369_856 - 12 * 192
        assert parameters(LeadViT(dim=192, heads=3, time_embedding=False)) == 5_369_856 - 50 * 192


def test_twelve_full_leads_give_all_tokens_and_no_mask():
    features = small()(torch.randn(3, 12, 200))
    assert features.tokens.shape == (3, 120, 16)
    assert features.mask is None
    torch.testing.assert_close(features.pooled(), features.tokens.mean(1))


def test_absent_leads_are_not_processed_whatever_they_hold():
    net = small()
    ecg = torch.randn(2, 12, 200)
    leads = torch.zeros(2, 12, dtype=torch.bool)
    leads[0, [0, 1, 8]] = True
    leads[1, 4] = True
    spoiled = ecg.masked_fill(~leads[..., None], float("nan"))
    sizes = []
    net.blocks[0].register_forward_hook(lambda block, inputs, output: sizes.append(inputs[0].shape[1]))
    features = net(spoiled, leads)
    assert sizes == [10, 30]
    assert features.mask.sum(1).tolist() == [30, 10]
    assert features.pooled().isfinite().all()
    features.pooled().sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)
    torch.testing.assert_close(features.pooled(), net(ecg, leads).pooled())


def test_padding_changes_no_record():
    net = small()
    ecg = torch.randn(4, 12, 200)
    visible = LeadMasking(segments="any").draw(
        torch.ones(4, 12, dtype=torch.bool), 10, torch.Generator().manual_seed(1)
    )
    together = net(ecg, visible=visible)
    assert together.mask is not None
    for i in range(4):
        alone = net(ecg[i : i + 1], visible=visible[i : i + 1])
        assert alone.mask is None
        assert alone.tokens.shape[1] == visible[i].sum()
        torch.testing.assert_close(together.tokens[i][together.mask[i]], alone.tokens[0])
        torch.testing.assert_close(together.pooled()[i], alone.pooled()[0])


def test_groups_of_equal_length_give_features_and_gradients_of_the_padded_batch():
    ecg = torch.randn(16, 12, 200)
    visible = LeadMasking().draw(torch.ones(16, 12, dtype=torch.bool), 10, torch.Generator().manual_seed(2))
    grouped, padded = small(), small()
    padded.most_groups = 0
    torch.manual_seed(1)
    asking = QueryNetwork(8, 16, 16, layers=2, heads=2)
    queries = torch.randn(5, 8)
    results = []
    for net in (grouped, padded):
        features = net(ecg, None, visible)
        answers = asking(queries, features)
        parameters = [*net.parameters(), *asking.parameters()]
        gradients = torch.autograd.grad((features.pooled() ** 3).sum() + (answers**2).sum(), parameters)
        results.append((features, answers, gradients))
    (one, answers, gradients), (other, expected, wanted) = results
    assert len(one.groups) == 3 and not other.groups
    torch.testing.assert_close(one.tokens[one.mask], other.tokens[other.mask])
    torch.testing.assert_close(answers, expected)
    for gradient, reference in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-5 * reference.abs().max().item())


def test_the_pretraining_batch_is_as_long_as_its_longest_record():
    net = small()
    visible = LeadMasking().draw(torch.ones(8, 12, dtype=torch.bool), 10, torch.Generator().manual_seed(0))
    assert net(torch.randn(8, 12, 200), visible=visible).tokens.shape[1] == visible.sum((1, 2)).max() <= 3 * 8


def test_embeddings_tell_leads_and_times_apart():
    flat = torch.ones(1, 12, 200)

    def distinct(net):
        return len(net(flat).tokens[0].detach().round(decimals=4).unique(dim=0))

    assert distinct(small(embedding_std=1.0)) == 120
    assert distinct(small(embedding_std=1.0, lead_embedding=False)) == 10
    assert distinct(small(embedding_std=1.0, time_embedding=False)) == 12
    assert distinct(small(lead_embedding=False, time_embedding=False)) == 1


def test_joint_tokens_read_all_leads_and_zero_what_is_hidden():
    net = small(tokens="joint")
    assert net.lead_embedding is None
    ecg = torch.randn(2, 12, 200)
    assert net(ecg).tokens.shape == (2, 10, 16)
    leads = torch.zeros(2, 12, dtype=torch.bool)
    leads[:, 2] = True
    torch.testing.assert_close(net(ecg, leads).tokens, net(ecg * leads[..., None]).tokens)
    visible = leads[:, :, None].repeat(1, 1, 10)
    visible[:, :, :4] = False
    assert net(ecg, visible=visible).tokens.shape[1] == 6


def test_bad_input_is_named():
    net = small()
    with pytest.raises(ConfigError, match="received 12 of 400"):
        net(torch.zeros(1, 12, 400))
    with pytest.raises(ConfigError, match="received 3 of 200"):
        net(torch.zeros(1, 3, 200))
    leads = torch.ones(3, 12, dtype=torch.bool)
    leads[1] = False
    with pytest.raises(DataError, match="record 1 of the batch"):
        net(torch.zeros(3, 12, 200), leads)
    with pytest.raises(ConfigError, match="segments of 300"):
        LeadViT(segment=300)
