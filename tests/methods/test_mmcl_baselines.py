"""The baselines of MMCL's Table II against what its IV-C and IV-D.1 state."""

from dataclasses import replace

import pytest
import torch

from bench import registry
from bench.runner.overrides import method_config
from methods.mae import MAE
from methods.mmcl_baselines import MMCLBYOL, MMCLCLOCS, MMCLBarlowTwins, MMCLSimCLR
from methods.nets.backbones import backbone
from methods.nets.families import FAMILIES

STATED = {
    MMCLSimCLR: (3e-3, 1e-4, {"temperature": 0.1}),
    MMCLBYOL: (1e-5, 1e-4, {"momentum": 0.9996}),
    MMCLCLOCS: (3e-4, 1e-4, {"temperature": 0.1}),
    MMCLBarlowTwins: (3e-5, 1.5e-6, {}),
}


@pytest.mark.parametrize("method", STATED)
def test_they_have_the_settings_of_the_paper(method):
    config, (lr, weight_decay, fields) = method.Config(), STATED[method]
    assert (config.pretrain.lr, config.pretrain.weight_decay) == (lr, weight_decay)
    assert {name: getattr(config, name) for name in fields} == fields
    assert (config.encoder, config.view_seconds, config.pool) == ("mmcl-vit", 5, "attention")
    assert method.input.filters == MAE.input.filters
    assert method.protocols["finetune"] == MAE.protocols["finetune"]
    with torch.device("meta"):
        encoder = method(config).encoder
    assert sum(p.numel() for p in encoder.parameters() if p.requires_grad) == 5_363_328


@pytest.mark.parametrize("method", STATED)
def test_downstream_reads_the_first_five_seconds_and_fine_tuning_frees_the_encoder(method, small_corpus):
    config = method_config(method, "smoke")
    made = method(config).eval()
    _, batch = small_corpus(made.input)
    changed = replace(batch, ecg=torch.cat([batch.ecg[..., :500], -batch.ecg[..., 500:]], -1))
    with torch.no_grad():
        assert torch.equal(made.encode(changed), made.encode(batch))
    made.begin_finetuning()
    assert made.encoder.pool is not None
    assert made.encoder.positions.requires_grad
    torch.manual_seed(0)
    seen = made.augment_finetuning(batch).ecg
    assert seen.shape[-1] == 500


@pytest.mark.parametrize("method", STATED)
def test_pretraining_reads_two_views_with_the_augmentations_of_mmcl(method, small_corpus, monkeypatch):
    """Drawn again in each step and for each view, from five seconds of the recording; CLOCS has one of each half."""
    config = method_config(method, "smoke")
    made = method(config).train()
    corpus, batch = small_corpus(made.input)
    made.prepare_corpus(corpus)
    read: list[torch.Tensor] = []
    made.encoder.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    for _ in range(2):
        made.pretraining_loss(batch)
    assert all(view.shape[-1] == 500 for view in read)
    assert not any(torch.equal(one, other) for i, one in enumerate(read) for other in read[:i])

    strengths = []
    monkeypatch.setattr("methods.augment.fourier_surrogate", lambda ecg, phase: strengths.append(phase) or ecg)
    monkeypatch.setattr("methods.augment.jitter", lambda ecg, *noise: strengths.append(noise) or ecg)
    monkeypatch.setattr("methods.augment.scaling", lambda ecg: strengths.append("gain") or ecg)
    read.clear()
    made.pretraining_loss(batch)
    assert set(strengths) == {0.1, (0.25, 0.5), "gain"}
    assert len(strengths) == 6
    windows = batch.ecg.unfold(-1, 500, 1)
    for number, view in enumerate(read[:2]):
        starts = (windows[0] == view[0][:, None]).all(-1).all(0).nonzero().flatten().tolist()
        assert starts
        assert method is not MMCLCLOCS or starts == [500 * number]


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family in ("vit", "mmcl_vit")])
def test_a_transformer_of_any_width_has_heads_that_divide_it(name):
    published = backbone(name, samples=500, depth=1)
    narrow = backbone(name, samples=500, width=16, depth=1)
    assert published.dim % published.blocks[0].attn.heads == 0
    assert 16 % narrow.blocks[0].attn.heads == 0
    assert narrow.blocks[0].attn.heads <= published.blocks[0].attn.heads


def test_the_board_has_these_rows():
    from bench.leaderboard.board import load_board

    rows = {row.method for row in load_board("mmcl_table2").rows}
    assert {method.name for method in STATED} < rows
    assert {method.name for method in STATED} < set(registry.entries(registry.METHODS))
