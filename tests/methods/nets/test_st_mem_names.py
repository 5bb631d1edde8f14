"""ST-MEM's released encoder in our network, against numbers of its released code."""

import pytest
import torch

from methods.nets.spatiotemporal_mae import SpatioTemporalViT
from methods.nets.st_mem_names import ENCODER, WHOLE, convert

STAGES = {f"block{i}": f"blocks.{i}" for i in (0, 1, 5, 11)} | {"to_patch_embedding": "embed"}


@pytest.mark.parametrize(("key", "rules"), [("st_mem_vit_base", ENCODER), ("st_mem_full", WHOLE)])
def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage, key, rules):
    with torch.device("meta"):
        net = SpatioTemporalViT()
        tensors = {name: torch.zeros(shape) for name, shape in released(key).shapes.items()}
        refuses_damage(net, tensors, rules, convert)
    assert sum(p.numel() for p in net.parameters()) == released("st_mem_vit_base").parameters == 85_150_614


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.encoder."])
def test_lead_vectors_are_stacked_in_the_order_of_their_numbers(prefix):
    names = [f"{prefix}lead_embeddings.{lead}" for lead in (0, 1, 10, 11, *range(2, 10))]
    tensors = {name: torch.tensor([float(name.rsplit(".")[-1])]) for name in names}
    (name, stacked), *others = convert(tensors).items()
    assert not others and name == f"{prefix}lead_embeddings"
    assert stacked.flatten().tolist() == list(range(12))
    del tensors[f"{prefix}lead_embeddings.3"]
    assert convert(tensors) == tensors


@pytest.mark.slow
def test_features_are_those_of_the_release(released):
    stored = released("st_mem_vit_base")
    net = SpatioTemporalViT()
    stored.load(net, convert(stored.tensors()), ENCODER)
    ecg, arrays = stored.ecg(250).double(), stored.arrays
    ecg = ((ecg - ecg.mean((1, 2), keepdim=True)) / ecg.std((1, 2), correction=0, keepdim=True)).float()
    with stored.watched(net, STAGES), torch.no_grad():
        torch.testing.assert_close(net(ecg), arrays["pooled"], atol=2e-5, rtol=0)
    with torch.no_grad():
        tokens = net.encode_tokens(ecg).flatten(1, 2)
        torch.testing.assert_close(tokens[:, ::37, ::29], arrays["tokens_slice"], atol=2e-5, rtol=0)
        for leads, name in ((1, "pooled_lead_I_only"), (6, "pooled_six_limb_leads")):
            present = (torch.arange(12) < leads).expand(2, 12)
            torch.testing.assert_close(net(ecg, present), arrays[name], atol=2e-5, rtol=0)
    short = SpatioTemporalViT(600)
    state = net.state_dict()
    state["positions"] = state["positions"][:, [*range(9), 31]]  # the right separator keeps the last position
    short.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(short.eval()(ecg[..., :600]), arrays["pooled_first_600_samples"], atol=2e-5, rtol=0)
