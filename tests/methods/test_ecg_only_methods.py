"""Differences between the ECG-only methods; test_contract.py covers their common behaviour."""

import copy
from dataclasses import replace

import pytest
import torch

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.runner.overrides import method_config, parse_overrides
from methods.astcl import agreement
from methods.byol import BYOL
from methods.clocs import CLOCS
from methods.cpc import CPC
from methods.crt import CRT
from methods.leaves import LEAVES
from methods.losses.contrastive import info_nce
from methods.mae import MAE
from methods.moco_v3 import MoCoV3
from methods.simclr import SimCLR
from methods.ts_tcc import TSTCC


@pytest.fixture
def ready(small_corpus, smallest):
    """``ready(Class, "field=value", ...)``: a small method, prepared, and a batch for it."""

    def make(cls, *settings):
        torch.manual_seed(0)
        method = cls(smallest(method_config(cls, "smoke", parse_overrides(settings, []))))
        corpus, batch = small_corpus(method.input)
        method.prepare_corpus(corpus)
        return method, batch

    return make


def same_draws(method):
    """The next two steps draw the same views and see the same weights."""
    torch.manual_seed(1)
    method.train()


# Any encoder


@pytest.mark.parametrize("encoder", ["convnext-atto", "xresnet1d50", "mmcl-vit", "vit-tiny", "clocs-cnn"])
def test_any_encoder_serves(ready, encoder):
    method, batch = ready(SimCLR, f"encoder={encoder}", "width=8", "view_seconds=5")
    method.train()
    assert torch.isfinite(method.pretraining_loss(batch)["nt_xent"])
    method.eval()
    assert method.encode(batch).shape == (len(batch), method.encoder.dim)


def test_an_encoder_of_one_length_reads_the_recording_in_windows(ready):
    method, batch = ready(SimCLR, "encoder=vit-tiny", "width=24", "depth=1", "view_seconds=5")
    method.eval()
    halves = [method.encoder(batch.ecg[..., part]) for part in (slice(0, 500), slice(500, 1000))]
    torch.testing.assert_close(method.encode(batch), (halves[0] + halves[1]) / 2)


def test_a_method_that_needs_a_feature_map_says_so(ready):
    with pytest.raises(ConfigError, match="feature map"):
        ready(TSTCC, "encoder=mmcl-vit", "width=48")


def test_views_are_chosen_by_name(ready):
    method, batch = ready(SimCLR, "views=[lead-dropout]", "view_seconds=10")
    view = method.view(batch)
    dropped = (view == 0).all(-1)
    assert dropped.any()
    torch.testing.assert_close(view, batch.ecg * ~dropped[..., None])


# Slow copies


@pytest.mark.parametrize(("cls", "slow"), [(BYOL, "target"), (MoCoV3, "keys")])
def test_slow_copies_take_in_the_step_before(ready, cls, slow):
    method, batch = ready(cls, "momentum=0.5")
    method.train()
    copied = getattr(method, slow).net[0]
    method.pretraining_loss(batch)
    begun = copy.deepcopy(copied.stem[0].weight)
    assert torch.equal(begun, method.encoder.stem[0].weight)
    with torch.no_grad():
        method.encoder.stem[0].weight.add_(1.0)
    method.pretraining_loss(batch)
    moved = (copied.stem[0].weight - begun).mean().item()
    assert 0.4 < moved <= 0.5
    method.eval()
    method.pretraining_loss(batch)
    assert (copied.stem[0].weight - begun).mean().item() == moved


def test_byol_compares_across_views(ready):
    """With one view in both places the loss is that of a prediction of itself; across views it is larger."""
    method, batch = ready(BYOL)
    method.train()
    shared = method.view(batch)
    alike = copy.deepcopy(method)
    alike.view = lambda batch: shared
    first, second = shared, method.view(batch)
    views = iter([first, second])
    across = copy.deepcopy(method)
    across.view = lambda batch: next(views)
    online = torch.nn.Sequential(method.encoder, method.projector)
    expected = 4.0
    for view, other in ((first, second), (second, first)):
        prediction, target = method.predictor(online(view)), online(other)
        expected = expected - 2 * torch.cosine_similarity(prediction, target).mean()
    torch.testing.assert_close(across.pretraining_loss(batch)["byol"], expected, rtol=1e-4, atol=1e-4)
    assert not torch.isclose(alike.pretraining_loss(batch)["byol"], expected, rtol=1e-4)


def test_moco_weighs_by_twice_the_temperature(ready):
    method, batch = ready(MoCoV3, "temperature=0.3")
    method.train()
    view = method.view(batch)
    method.view = lambda batch: view
    queries = method.predictor(method.projector(method.encoder(view)))
    loss = info_nce(queries, method.keys(view), 0.3, directions="row")
    torch.testing.assert_close(method.pretraining_loss(batch)["moco"], 2 * 0.3 * 2 * loss)


# CLOCS


def test_clocs_attracts_recordings_of_one_patient(ready):
    method, batch = ready(CLOCS)
    same_draws(method)
    paired = method.pretraining_loss(batch)["clocs"]
    method._patients = None
    same_draws(method)
    assert not torch.isclose(method.pretraining_loss(batch)["clocs"], paired)


@pytest.mark.parametrize(("contrast", "views"), [("cmsc", 2), ("cmlc", 4), ("cmsmlc", 8)])
def test_clocs_views(ready, monkeypatch, contrast, views):
    method, batch = ready(CLOCS, f"contrast={contrast}", "encoder=clocs-cnn", "width=8", "fs=250")
    seen = []
    monkeypatch.setattr("methods.clocs.clocs", lambda v, *_: seen.append(v) or v[0].sum())
    method.train()
    method.pretraining_loss(batch)
    assert [view.shape for view in seen[0]] == [(len(batch), 8)] * views
    method.eval()
    assert method.encode(batch).shape == (len(batch), 8 * (1 if contrast == "cmsc" else 12))


def test_clocs_as_released_keeps_the_last_pair(ready):
    method, batch = ready(CLOCS, "contrast=cmlc", "pairs=as_released")
    mean, _ = ready(CLOCS, "contrast=cmlc")
    same_draws(method)
    released = method.pretraining_loss(batch)["clocs"]
    same_draws(mean)
    assert not torch.isclose(released, mean.pretraining_loss(batch)["clocs"])


# The others


def test_cpc_has_the_parameters_of_the_release():
    with torch.device("meta"):
        method = CPC()
    assert sum(p.numel() for p in method.parameters()) == 5_261_312


def test_ts_tcc_as_released_doubles_the_signal(ready):
    method, batch = ready(TSTCC, "weak=as_released", "sigma_scale=0.0")
    torch.testing.assert_close(method.weak(batch.ecg), 2 * batch.ecg)
    method, batch = ready(TSTCC, "sigma_scale=0.0", "sigma_jitter=0.0")
    torch.testing.assert_close(method.weak(batch.ecg), batch.ecg)


def test_agreement_is_over_pairs_of_one_patient():
    draw = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    cosine = torch.nn.functional.cosine_similarity(draw[:, None], draw[None], dim=-1)
    torch.testing.assert_close(agreement(draw, draw, same), -cosine[same].mean())


def test_leaves_view_modules_climb_while_the_encoder_descends(ready):
    method, batch = ready(LEAVES)
    method.train()
    torch.manual_seed(2)
    method.pretraining_loss(batch)["nt_xent"].backward()
    encoder, views = method.encoder.stem[0].weight.grad.clone(), method.first.sigma.grad.clone()
    method.zero_grad()
    forward, _ = ready(LEAVES, "adversary=2.0")
    forward.load_state_dict(method.state_dict())
    forward.train()
    torch.manual_seed(2)
    forward.pretraining_loss(batch)["nt_xent"].backward()

    def largest(gradient):
        return gradient.abs().max().item()

    torch.testing.assert_close(forward.encoder.stem[0].weight.grad, encoder, rtol=1e-3, atol=1e-4 * largest(encoder))
    torch.testing.assert_close(forward.first.sigma.grad, 2 * views, rtol=1e-3, atol=1e-3 * largest(views))


@pytest.mark.parametrize("scale", ["as_released", "unit", "log"])
def test_crts_domains_have_one_size_unless_released(scale):
    method = CRT(CRT.Config(fs=100, dim=16, depth=1, heads=1, head_dim=8, domain_scale=scale))
    ecg = 0.2 * torch.randn(3, 12, 1000)
    ecg[:, 0] *= 5  # leads keep their relative size
    ecg[2] = 0.0  # flat
    time, magnitude, phase = method.domains(ecg).split((1000, 500, 500), dim=-1)
    sizes = torch.stack([part.square().mean(dim=(1, 2)) for part in (time, magnitude, phase)])
    if scale == "as_released":
        assert sizes[1, 0] / sizes[0, 0] == pytest.approx(
            1000, rel=0.05
        )  # Parseval: as many times as there are samples
    else:
        torch.testing.assert_close(sizes[:, :2], torch.ones(3, 2))
    assert not sizes[:, 2].any()
    assert time[0, 0].std() / time[0, 1].std() == pytest.approx(5, rel=0.2)
    assert torch.isfinite(
        method.eval().encode(ECGBatch(ecg, torch.ones(3, 12, dtype=torch.bool), torch.arange(3)))
    ).all()


def test_crt_hides_more_as_training_goes_on(ready, monkeypatch):
    method, batch = ready(CRT)
    method.clock.steps = 10
    shares = []
    monkeypatch.setattr(method.net, "forward", lambda domains, share: shares.append(share) or {})
    for _ in range(12):
        method.pretraining_loss(batch)
    assert shares == pytest.approx([0.3] * 4 + [0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8])


@pytest.mark.parametrize(
    ("loss", "terms"),
    [("paper", {"reconstruction"}), ("hidden", {"reconstruction"}), ("as_released", {"reconstruction", "cosine"})],
)
def test_mae_losses(ready, loss, terms):
    method, batch = ready(MAE, f"loss={loss}")
    method.train()
    assert method.keep == (59 if loss == "as_released" else 60)
    made = method.pretraining_loss(batch)
    assert made.keys() == terms
    assert all(torch.isfinite(term) for term in made.values())


def test_mae_has_the_parameters_of_the_paper():
    method = MAE()
    encoder = method.net.encoder
    learned = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert learned == 5_363_328
    assert encoder.tokens == 300


def test_lead_order_matters_to_clocs_lead_by_lead(ready):
    method, batch = ready(CLOCS, "contrast=cmlc", "contrast_leads=[I, v6]")
    assert method.rows == [0, 11]
    method.eval()
    turned = replace(batch, ecg=batch.ecg.flip(1))
    dim = method.encoder.dim
    torch.testing.assert_close(method.encode(turned)[:, :dim], method.encode(batch)[:, -dim:], rtol=1e-4, atol=1e-5)
