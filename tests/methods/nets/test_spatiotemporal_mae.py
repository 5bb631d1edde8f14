"""ST-MEM's network against numbers of its released code."""

import pytest
import torch

from bench.errors import ConfigError
from methods.nets.spatiotemporal_mae import SIZES, SpatioTemporalMAE, SpatioTemporalViT, sincos_positions

BLOCK = {
    "attn.norm": "norm1",
    "attn.fn.to_qkv": "attn.qkv",
    "attn.fn.to_out.0": "attn.proj",
    "ff.norm": "norm2",
    "ff.fn.net.0": "mlp.fc1",
    "ff.fn.net.3": "mlp.fc2",
}


def small(**changes) -> SpatioTemporalViT:
    torch.manual_seed(0)
    return SpatioTemporalViT(**({"samples": 300, "patch": 30, "dim": 32, "heads": 4, "depth": 2} | changes)).eval()


def encoder_state(made: dict[str, torch.Tensor], leads: int, depth: int) -> dict[str, torch.Tensor]:
    """Learned tensors of the encoder by our names; fixed positions are left out."""
    state = {
        "separator": made["sep_embedding"],
        "lead_embedding": torch.stack([made[f"lead_embeddings.{lead}"] for lead in range(leads)]),
    }
    for kind in ("weight", "bias"):
        state |= {f"embed.{i}.{kind}": made[f"to_patch_embedding.{i + 1}.{kind}"] for i in range(3)}
        state |= {
            f"blocks.{i}.{own}.{kind}": made[f"block{i}.{r}.{kind}"] for i in range(depth) for r, own in BLOCK.items()
        }
        state[f"norm.{kind}"] = made[f"norm.{kind}"]
    return state


@pytest.mark.parametrize("dim", [768, 384, 256])
def test_positions_are_those_of_the_release(golden, dim):
    made = sincos_positions(30, dim)
    assert not made[[0, -1]].any()
    rounding = 30 * torch.finfo(torch.float32).eps  # of angles up to 29 radians
    torch.testing.assert_close(made[:, ::29], golden("st_mem_mae.npz")[f"positions_{dim}"], atol=2 * rounding, rtol=0)


def test_the_masked_autoencoder_is_that_of_the_release(golden, recipe):
    """Our positions, masking, normalisations and targets; learned tensors alone are given."""
    stored = golden("st_mem_mae.npz")
    made = {
        name: torch.from_numpy(recipe.fill(name, tuple(shape), recipe.kind_of(name, tuple(shape))))
        for name, shape in golden("st_mem_mae_shapes.json").items()
    }
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in made.items() if name.startswith("encoder.")}
    state = {f"encoder.{name}": tensor for name, tensor in encoder_state(encoder, 3, 2).items()}
    state["mask_token"] = made["mask_embedding"].flatten()
    ours = {"embed": "to_decoder_embedding", "norm": "decoder_norm", "predict": "decoder_head"}
    ours |= {f"blocks.0.{own}": f"decoder_blocks.0.{released}" for released, own in BLOCK.items()}
    for own, released in ours.items():
        state |= {f"{own}.{kind}": made[f"{released}.{kind}"] for kind in ("weight", "bias")}
    net = SpatioTemporalMAE(SpatioTemporalViT(60, 3, 10, 128, heads=2, depth=2), dim=64, heads=1, depth=1)
    computed = {"positions", "encoder.positions"}
    assert set(net.load_state_dict(state, strict=False).missing_keys) == computed

    ecg = torch.from_numpy(recipe.fill("st_mem_mae_input", (2, 3, 60), "unit"))
    visible = torch.from_numpy(recipe.fill("st_mem_mae_noise", (2, 3, 6), "unit")).argsort(-1)[..., :1]
    predictions = net.decode(net.encoder.norm(net.encoder.encode_tokens(ecg, visible=visible)), visible)
    torch.testing.assert_close(predictions.detach(), stored["pred"], atol=2e-5, rtol=1e-5)

    noise = torch.from_numpy(recipe.fill("st_mem_mae_noise", (2, 3, 6), "unit"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *_, **__: noise)
        loss = net(ecg, torch.ones(2, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(stored["loss"], rel=1e-5)
    loss.backward()
    expected = stored["norm_grad"]
    rounding = 1e-4 * expected.abs().max().item()
    torch.testing.assert_close(net.encoder.norm.weight.grad, expected, atol=rounding, rtol=1e-4)


def test_the_encoder_is_that_of_the_release(golden, closed_form, closed_form_input):
    key = "stmem_vit_small_encoder_5cls"
    made = {name: closed_form(name, tuple(shape)) for name, shape in golden("encoder_param_names.json")[key]}
    # These outputs were made with closed-form values for every tensor of the release, positions included, because it keeps
    # them as parameters. That ours are those which the release computes is held by the tests of positions and of the
    # masked autoencoder.
    state = encoder_state(made, 12, 12) | {"positions": made["pos_embedding"]}
    dim, heads = SIZES["small"]
    net = SpatioTemporalViT(dim=dim, heads=heads).eval()
    net.load_state_dict(state)
    with torch.no_grad():
        vectors = net(closed_form_input(golden("param_counts.json")[key]["input"]))
        logits = vectors.double() @ made["head.weight"].T + made["head.bias"]
    torch.testing.assert_close(logits, golden("encoder_forward.npz")[key], atol=1e-4, rtol=1e-4)


def test_epsilons_are_those_of_the_release():
    """1e-6 in the decoder's last norm, the default of LayerNorm in all others, blocks included."""
    net = SpatioTemporalMAE(small(), dim=16, heads=2, depth=2)
    norms = {name: module.eps for name, module in net.named_modules() if isinstance(module, torch.nn.LayerNorm)}
    assert norms.pop("norm") == 1e-6
    assert set(norms.values()) == {1e-5}
    assert {"encoder.norm", "encoder.blocks.0.norm1", "blocks.1.norm2", "encoder.embed.0"} < set(norms)


@pytest.mark.parametrize("size", SIZES)
def test_parameter_counts(golden, size):
    counts = golden("param_counts.json")
    dim, heads = SIZES[size]
    encoder = SpatioTemporalViT(dim=dim, heads=heads)
    whole = SpatioTemporalMAE(encoder)
    for net, key in ((encoder, f"stmem_{size}_encoder"), (whole, f"stmem_{size}_full")):
        assert sum(p.numel() for p in net.parameters()) == counts[key]["total"]
        assert sum(p.numel() for p in net.parameters() if p.requires_grad) == counts[key]["trainable"]


def test_absent_leads_are_not_read():
    net = small()
    ecg = torch.randn(2, 12, 300)
    present = torch.ones(2, 12, dtype=torch.bool)
    present[:, 5:] = False
    with torch.no_grad():
        first = net(ecg, present)
        second = net(ecg.masked_fill(~present[..., None], 3.0), present)
        whole = net(ecg)
    torch.testing.assert_close(first, second)
    assert not torch.allclose(first, whole, atol=1e-3)
    torch.testing.assert_close(net(ecg, torch.ones_like(present)), whole)


def test_hidden_patches_are_not_seen_and_only_they_are_counted():
    """A decoder that rebuilds nothing leaves the variance of normalised targets, whatever the visible patches are."""
    mae = SpatioTemporalMAE(small(), dim=16, heads=2, depth=1).eval()
    with torch.no_grad():
        mae.predict.weight.zero_()
        mae.predict.bias.zero_()
        loss = mae(torch.randn(3, 12, 300), torch.ones(3, 12, dtype=torch.bool))
    assert loss.item() == pytest.approx(29 / 30, rel=1e-3)  # unbiased variance 1


def test_tokens_depend_on_visible_patches_alone():
    net = small()
    ecg = torch.randn(1, 12, 300)
    visible = torch.tensor([4, 1, 7]).expand(1, 12, 3)
    hidden = torch.tensor([i for i in range(10) if i not in (4, 1, 7)])
    other = ecg.clone().unflatten(-1, (10, 30))
    other[:, :, hidden] = 5.0
    with torch.no_grad():
        first = net.encode_tokens(ecg, visible=visible)
        second = net.encode_tokens(other.flatten(2), visible=visible)
    assert first.shape == (1, 12, 5, 32)
    torch.testing.assert_close(first, second)


def test_another_length_is_refused():
    with pytest.raises(ConfigError, match="received 240"):
        small()(torch.zeros(1, 12, 240))
    with pytest.raises(ConfigError, match="divide"):
        small(samples=310)
