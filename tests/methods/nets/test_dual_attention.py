"""The network behind LLM-DAN, held to its release and to what the paper says of it."""

import pytest
import torch

from bench.errors import ConfigError
from methods.nets.checkpoint_names import DAN
from methods.nets.dual_attention import (
    BatchwiseDropout,
    BeatDecoder,
    DualAttentionEncoder,
    RiskHead,
    centred,
    padded_length,
)


def autoencoder(samples=608, **options):
    parts = {"encoder": DualAttentionEncoder(samples, **options)}
    parts["decoder"] = BeatDecoder(samples, as_released=options.get("as_released", False))
    return torch.nn.ModuleDict(parts)


@pytest.fixture(scope="module")
def released(golden, recipe, load_published):
    net = autoencoder(as_released=True).eval()
    weights = {
        name: torch.zeros((), dtype=torch.long)
        if name.endswith("num_batches_tracked")
        else torch.from_numpy(recipe.fill(name, tuple(shape), recipe.kind_of(name, tuple(shape))))
        for name, shape in golden("dan_608_shapes.json")
    }
    load_published(net, weights, DAN)
    return net


def test_every_step_is_that_of_the_release(released, golden):
    stored = golden("dan_608.npz")
    encoder = released["encoder"]
    with torch.no_grad():
        close(encoder.input_conv(stored["x"])[:, :, ::38], stored["input_conv_slice"])
        features = encoder.features(stored["x"])
        close(features, stored["res"])
        _, leads, times = encoder.attend(features)
        close(leads, stored["lead_attention"])
        close(times[:, 0], stored["time_attention_lead0"])
        z = encoder(stored["x"])
        close(z, stored["z"])
        close(released["decoder"](z)[:, :, ::16], stored["recon_slice"])


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("samples", "options", "encoder", "whole"),
    [
        (608, {"as_released": True}, 1_274_536, 1_385_106),
        (1024, {"as_released": True}, 3_313_976, 3_579_142),
        # without lead attention the release keeps one LayerNorm of 2 * 304 that nothing calls
        (608, {"as_released": True, "lead_attention": False}, 162_200 - 608, 272_770 - 608),
        (608, {"as_released": True, "time_attention": False}, 1_235_176, 1_345_746),
        (608, {"as_released": True, "time_attention": False, "lead_attention": False}, 122_840 - 608, 233_410 - 608),
        (608, {}, 1_274_536 - 48 * 44 * 5, None),
    ],
)
def test_parameter_counts(samples, options, encoder, whole):
    with torch.device("meta"):
        net = autoencoder(samples, **options)
    assert sum(p.numel() for p in net["encoder"].parameters()) == encoder
    if whole is not None:
        assert sum(p.numel() for p in net.parameters()) == whole


@pytest.mark.parametrize("as_released", [False, True])
def test_a_lead_keeps_to_itself_unless_as_released(as_released):
    torch.manual_seed(0)
    net = DualAttentionEncoder(96, as_released=as_released).eval()
    ecg = torch.randn(1, 12, 96)
    other = ecg.clone()
    other[:, 4] += 1
    with torch.no_grad():
        changed = (net.features(ecg) - net.features(other)).abs().amax((0, 1, 3)) > 1e-6
    assert changed.all() if as_released else changed.nonzero().flatten().tolist() == [4]


@pytest.mark.parametrize("options", [{}, {"lead_attention": False}, {"time_attention": False}])
def test_attention_matrices_are_distributions_and_absent_ones_none(options):
    net = DualAttentionEncoder(96, **options).eval()
    with torch.no_grad():
        _, leads, times = net.attend(net.features(torch.randn(2, 12, 96)))
    for name, weights, shape in (("lead", leads, (2, 12, 12)), ("time", times, (2, 12, 3, 3))):
        if not options.get(f"{name}_attention", True):
            assert weights is None
        else:
            assert weights.shape == shape
            torch.testing.assert_close(weights.sum(-1), torch.ones(shape[:-1]))


def test_batchwise_dropout_drops_the_same_in_every_record():
    dropped = BatchwiseDropout(0.5).train()(torch.ones(4, 64))
    assert (dropped == dropped[0]).all()
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_beats_are_padded_on_both_sides():
    assert padded_length(600) == 608
    assert centred(torch.ones(1, 12, 600), 608)[0, 0].nonzero().flatten()[[0, -1]].tolist() == [4, 603]
    with pytest.raises(ConfigError, match="do not fit"):
        centred(torch.ones(1, 12, 600), 512)
    with pytest.raises(ConfigError, match="multiple of 32"):
        DualAttentionEncoder(600)


def test_the_risk_head_is_that_of_table_a4():
    assert RiskHead(512, 1)(torch.randn(5, 512)).shape == (5, 1)
    assert sum(p.numel() for p in RiskHead(512, 1).parameters()) == 2 * 512 + 513 * 3 + 2 * 3 + 4
