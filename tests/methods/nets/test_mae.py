import pytest
import torch
import torch.nn.functional as F

from bench.errors import ConfigError
from bench.method.published_names import Rules, within
from methods.nets.mae import (
    MaskedAutoencoder,
    PatchViT,
    kept_tokens,
    random_masking,
    reconstruction_loss,
    sincos_positions,
)

ROUNDING = 4 * 25 * torch.finfo(torch.float32).eps
"""Of positions: sines and cosines of angles up to 25."""

MMCL_VIT: Rules = (
    (r"cls_token$", "class_token"),
    (r"pos_embed$", "positions"),
    (r"patch_embed\.proj\.", "patch_embedding."),
    (r"blocks\.", "blocks."),
    (r"(?:fc_)?norm\.", "norm."),
    (r"attention_pool\.", "pool.attention."),
    (r"head\.", None),  # the classifier of whatever task it was tuned on
)
"""MMCL's ECG encoder, for :class:`methods.nets.mae.PatchViT`."""

MMCL_MAE: Rules = (
    (r"decoder_embed\.", "embed."),
    (r"mask_token$", "mask_token"),
    (r"decoder_pos_embed$", "positions"),
    (r"decoder_blocks\.", "blocks."),
    (r"decoder_norm\.", "norm."),
    (r"decoder_pred\.", "predict."),
    *within("", "encoder.", MMCL_VIT[:-2]),
)
"""MMCL's masked autoencoder, for :class:`methods.nets.mae.MaskedAutoencoder`."""


@pytest.fixture(scope="module")
def stored(golden):
    return golden("mmcl_mae.npz")


@pytest.fixture(scope="module")
def net(stored, load_published):
    net = MaskedAutoencoder(PatchViT(500, dim=24, heads=3, depth=2), dim=16, heads=2, depth=1).eval()
    weights = {name.removeprefix("w_"): value for name, value in stored.items() if name.startswith("w_")}
    load_published(net, weights, MMCL_MAE)
    return net


def close(actual, expected):
    torch.testing.assert_close(actual.detach(), expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)


@pytest.fixture(scope="module")
def masking(stored, net):
    """Ours, from the release's draw alone: how many tokens stay is computed."""
    return random_masking(stored["noise"], kept_tokens(net.encoder.tokens, stored["mask_ratio"], as_released=True))


@pytest.fixture(scope="module")
def rebuilt(stored, net, masking):
    """Our prediction and our patches, from which losses are computed."""
    ecg = stored["x"][:, 0]
    return net(ecg, masking.visible).detach(), net.encoder.patches(ecg)


def test_encoding_and_prediction_are_those_of_the_release(stored, net, masking):
    ecg = stored["x"][:, 0]
    assert masking.visible.shape[1] == stored["len_keep"]
    assert torch.equal(masking.hidden.float(), stored["mask"])
    latent = net.encode(ecg, masking.visible)
    close(latent, stored["latent"])
    close(net.decode(latent, masking.visible), stored["pred"])
    close(net(ecg, masking.visible), stored["pred"])
    close(net.encoder.norm(net.encoder.encode_tokens(ecg)), stored["latent_all_patches"])
    assert torch.equal(net.encoder.patches(ecg), stored["patches"])


@pytest.mark.parametrize("normalised", [0, 1])
@pytest.mark.parametrize("weight", ["0.0", "0.1"])
def test_reconstruction_losses(stored, rebuilt, normalised, weight):
    loss = reconstruction_loss(*rebuilt, 12, bool(normalised), float(weight))
    assert loss.item() == pytest.approx(stored[f"repo_loss_normpix{normalised}_ncc{weight}"], rel=1e-5)


@pytest.mark.parametrize("normalised", [0, 1])
def test_the_loss_of_hidden_patches_alone(stored, rebuilt, masking, normalised):
    loss = reconstruction_loss(*rebuilt, 12, bool(normalised), hidden=masking.hidden)
    assert loss.item() == pytest.approx(stored[f"NOTREF_masked_only_normpix{normalised}"], rel=1e-5)


def test_hidden_tokens_do_not_reach_the_encoder(stored, net):
    ecg = stored["x"][:, 0]
    masking = random_masking(stored["noise"], 11)
    patches = net.encoder.patches(ecg).clone()
    patches[masking.hidden] = float("nan")
    assert torch.equal(net.encode(patches.view(ecg.shape), masking.visible), net.encode(ecg, masking.visible))


def test_sixty_tokens_stay_and_the_release_keeps_59():
    assert kept_tokens(300, 0.8) == 60
    assert kept_tokens(300, 0.8, as_released=True) == 59
    assert kept_tokens(60, 0.8, as_released=True) == 11


def test_positions(golden):
    stored = golden("mmcl_pos_embed_2d.npz")
    torch.testing.assert_close(sincos_positions(24, 12, 25), stored["pos"], atol=ROUNDING, rtol=0)
    full = sincos_positions(384, 12, 25)[stored["pos_full_row_ids"]]
    torch.testing.assert_close(full, stored["pos_full_rows"], atol=ROUNDING, rtol=0)
    with pytest.raises(ConfigError, match="multiple of 4"):
        sincos_positions(10, 12, 25)


def test_parameter_counts():
    with torch.device("meta"):
        encoder = PatchViT()
        mae = MaskedAutoencoder(encoder)
        attention = PatchViT(pool="attention", trainable_positions=True)

    def trainable(module):
        return sum(p.numel() for p in module.parameters() if p.requires_grad)

    assert trainable(encoder) == 5_363_328
    assert trainable(mae) == 5_363_328 + 1_704_292 + 256
    assert trainable(attention) + 2 * 385 == 6_071_042


def test_the_fine_tuned_encoder_with_attention_pooling(golden, load_published, closed_form, closed_form_input):
    key = "mmcl_vit_tiny_attention_nc2"
    weights = {n: closed_form(n, tuple(s)).float() for n, s in golden("encoder_param_names.json")[key]}
    net = PatchViT(pool="attention", norm_twice=True, trainable_positions=True).eval()
    load_published(net, weights, MMCL_VIT)
    ecg = closed_form_input(golden("param_counts.json")[key]["input"])[0]
    logits = F.linear(net(ecg), weights["head.weight"], weights["head.bias"])
    torch.testing.assert_close(logits.detach().double(), golden("encoder_forward.npz")[key], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "attention", "class"])
def test_each_pool_gives_one_vector(pool):
    net = PatchViT(200, dim=16, heads=2, depth=1, pool=pool)
    assert net(torch.randn(3, 12, 200)).shape == (3, 16)


def test_another_length_is_refused():
    with pytest.raises(ConfigError, match="received 12 of 300"):
        PatchViT(200, dim=16, heads=2, depth=1)(torch.zeros(1, 12, 300))
