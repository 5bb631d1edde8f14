"""MMCL: stages, switches, both sides downstream, fine-tuning as published."""

import json
from dataclasses import replace

import pytest
import torch

from bench.errors import ConfigError
from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from methods.image_augment import augmented_image, colour_jitter, heart, moved
from methods.mae import MAE
from methods.mmcl import MMCL
from methods.nets.image_encoders import image_encoder


def config(profile="smoke", **fields):
    return method_config(MMCL, profile, parse_overrides([f"{k}={json.dumps(v)}" for k, v in fields.items()], ["mmcl"]))


def built(**fields):
    with seeded(0):
        return MMCL(config(**fields))


@pytest.fixture
def batch(small_corpus):
    return small_corpus(MMCL.input_for(config()))[1]


@pytest.mark.parametrize(
    ("fields", "stages"),
    [
        ({}, ["image", "mdm", "contrast"]),
        ({"mdm": False}, ["image", "contrast"]),
        ({"contrast": False}, ["mdm"]),
        ({"image_pretraining": "none"}, ["mdm", "contrast"]),
        ({"pretrain.epochs": 0}, ["contrast"]),
    ],
)
def test_stages(fields, stages, batch):
    method = built(**fields)
    assert list(method.stages(method.config)) == stages
    for stage, terms in zip(
        stages, ({"image": "simclr", "mdm": "reconstruction"}.get(s, s) for s in stages), strict=True
    ):
        method.begin_stage(stage)
        with seeded(1):
            assert set(method.pretraining_loss(batch)) == {terms}


def test_a_stage_without_images_needs_none(small_corpus):
    settings = config(contrast=False)
    spec = MMCL.input_for(settings)
    assert spec.modalities == ()
    method = MMCL(settings)
    method.begin_stage("mdm")
    method.pretraining_loss(small_corpus(spec)[1])


def test_the_image_side_answers_if_asked(batch):
    method = built(downstream="image").eval()
    assert MMCL.input_for(method.config).downstream == ("image",)
    assert method.encode(batch).shape == (len(batch), 64)
    assert torch.equal(method.encode(replace(batch, ecg=batch.ecg * 0)), method.encode(batch))
    with pytest.raises(ConfigError, match="needs the stages with images"):
        config(downstream="image", contrast=False)
    with pytest.raises(ConfigError, match="nothing is left"):
        config(mdm=False, contrast=False)


def test_the_contrast_can_be_learned_and_vectors_do_not_all_point_one_way(batch):
    method = built(dim=32, depth=1, augment=False).train()
    method.begin_stage("contrast")
    optimiser = torch.optim.AdamW((p for p in method.parameters() if p.requires_grad), lr=3e-3)
    losses = []
    with seeded(0):
        for _ in range(40):
            losses.append(method.pretraining_loss(batch)["contrast"])
            optimiser.zero_grad()
            losses[-1].backward()
            optimiser.step()
    assert losses[-1] < 0.25 * losses[0]
    method.eval()
    vectors = torch.nn.functional.normalize(method.project_ecg(method.encode(batch)), dim=1)
    assert (vectors @ vectors.T).mean() < 0.8


@pytest.mark.parametrize("how", ["paper", "soft", "none"])
def test_images_of_the_contrast_are_augmented_as_asked_and_those_of_simclr_always(how, batch):
    method = built(augment_images=how).train()
    plain = heart(batch.image)
    for stage in ("image", "contrast"):
        method.begin_stage(stage)
        with seeded(0):
            changed = not torch.equal(method.image_view(batch), plain)
        assert changed == (stage == "image" or how != "none")
    assert torch.equal(method.eval().image_view(batch), plain)


def test_contrast_moves_both_encoders_and_nothing_else(batch):
    method = built().train()
    method.begin_stage("contrast")
    with seeded(0):
        method.pretraining_loss(batch)["contrast"].backward()
    moved = {name.split(".")[0] for name, p in method.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"net", "image", "project_ecg", "project_image"}
    assert not any(p.grad is not None for p in method.net.blocks.parameters())  # the decoder of the masked stage


def test_fine_tuning_pools_by_attention_frees_positions_and_drops_paths():
    method = built()
    encoder = method.net.encoder
    assert not encoder.positions.requires_grad
    assert encoder.pool is None
    method.begin_finetuning()
    assert encoder.positions.requires_grad
    assert encoder.pool is not None
    assert [block.drop_path.rate for block in encoder.blocks] == pytest.approx([0, 0.05, 0.1])


def test_published_sizes():
    with torch.device("meta"):
        method = MMCL(MMCL.Config())
    encoder = sum(p.numel() for p in method.net.encoder.parameters() if p.requires_grad)
    assert encoder == 5_363_328
    count = {
        name: sum(p.numel() for p in getattr(method, name).parameters())
        for name in ("image", "project_ecg", "project_image")
    }
    assert count == {"image": 23_508_032, "project_ecg": 262_784, "project_image": 1_114_752}
    with torch.device("meta"):
        released = MMCL(MMCL.Config(projector_width=2048))
    assert sum(p.numel() for p in released.project_ecg.parameters()) == 1_050_752


@pytest.mark.slow
def test_vit_b_16_reads_the_images():
    net = image_encoder("vit_base_patch16").eval()
    with torch.no_grad():
        assert net(torch.rand(1, 3, 210, 210)).shape == (1, 768)
        assert net.features(torch.rand(1, 3, 210, 210)).shape == (1, 768, 14, 14)


def test_absent_leads_stay_absent_in_views(batch):
    present = torch.zeros_like(batch.leads)
    present[:, [0, 6]] = True
    fewer = replace(batch, ecg=batch.ecg * present[..., None], leads=present)
    seen = built().train().augment_finetuning(fewer).ecg
    assert not seen[~present].any()
    assert not torch.equal(seen, fewer.ecg)


def test_the_similarity_grid_is_a_cosine(batch):
    grid = built().eval().similarity(batch)
    assert grid.shape == (len(batch), 2, 2)
    assert grid.abs().max() <= 1 + 1e-6


def test_the_heart_is_cut_out_as_in_the_release():
    image = torch.zeros(1, 3, 210, 210)
    image[..., 44:123, 68:147] = 1
    assert heart(image).min() > 0.99
    assert heart(torch.zeros(2, 3, 64, 64)).shape == (2, 3, 64, 64)


def test_image_augmentations_stay_in_range_differ_by_record_and_keep_a_plain_image():
    ramp = torch.linspace(0, 1, 64).expand(6, 3, 64, 64)
    with seeded(0):
        seen = augmented_image(ramp)
    assert seen.shape == ramp.shape
    assert 0 <= seen.min() <= seen.max() <= 1
    assert not torch.allclose(seen[0], seen[1])
    with seeded(0):
        still = moved(ramp, rotated=0.0, scale=(1.0, 1.0))
    for record in still:  # only flips are left, and crops of another shape
        assert torch.isfinite(record).all()
        assert record[0, 0].diff().abs().max() < 0.05
    with seeded(0):
        torch.testing.assert_close(colour_jitter(torch.zeros(2, 3, 8, 8)), torch.zeros(2, 3, 8, 8))


def test_mae_is_its_masked_stage_alone(batch):
    assert MMCL.Config().mdm_pretrain == MAE.Config().pretrain
    with seeded(0):
        ours = built(contrast=False)
        ours.begin_stage("mdm")
    with seeded(0):
        mae = MAE(method_config(MAE, "smoke", parse_overrides(["patch=50"], [])))
    with seeded(3):
        first = ours.pretraining_loss(batch)["reconstruction"]
    with seeded(3):
        assert torch.equal(first, mae.pretraining_loss(batch)["reconstruction"])


def test_the_rates_of_pretraining_are_those_of_the_release(golden):
    """The release steps by fractions of epochs from zero; ours by step, from one step on."""
    from bench.training.schedule import warmup_cosine

    stored = golden("mmcl_lr_schedule_layer_decay.json")["mae_lr"]
    ours = MAE.Config().pretrain
    steps = 100
    for epoch, value in zip(stored["at"], stored["value"], strict=True):
        step = round(epoch * steps) - (epoch < ours.warmup_epochs)
        if step >= 0:
            found = ours.lr * warmup_cosine(step, ours.epochs * steps, ours.warmup_epochs * steps)
            assert found == pytest.approx(value, rel=1e-9, abs=1e-15)


def test_both_methods_clean_and_fine_tune_as_published():
    for method in (MAE, MMCL):
        assert method.input_for(method.Config()).crop == "random-in-pretraining"
        assert method.input_for(method.Config(crop_finetuning=True)).crop == "random"
        assert method.input.filters == ("clip:4", "als:1e7:0.3:5", "zscore-groups")
        assert method.protocols["finetune"]["layer_decay"] == 0.75
        assert method.protocols["finetune"]["decayed"] == "matrices"


def test_similarity_lies_over_the_image_that_was_seen(batch):
    found = built().eval().attributions(batch, lambda z: z[:, 0])
    assert torch.equal(found.image, heart(batch.image))
    assert found.similarity.shape == (len(batch), 2, 2)
    assert built().attributions(replace(batch, image=None), lambda z: z[:, 0]).similarity is None
