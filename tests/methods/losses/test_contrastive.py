import math

import pytest
import torch

from methods.losses.contrastive import clocs, info_nce, merl_losses, nt_xent, weighted_clip

VARIANTS = {
    "sum_of_two_directions": {},
    "mean_of_two_directions": {"directions": "mean"},
    "row_only": {"directions": "row"},
    "positive_excluded_mean": {"directions": "mean", "exclude_positive": True},
    "positive_excluded_row_only": {"directions": "row", "exclude_positive": True},
}


def recipe_pair(recipe, batch, dim):
    return (torch.from_numpy(recipe.fill(f"loss_{side}_{batch}_{dim}", (batch, dim), "unit")) for side in "xy")


@pytest.mark.parametrize("batch", [8, 32])
@pytest.mark.parametrize("variant", VARIANTS)
def test_info_nce_variants(golden, recipe, batch, variant):
    x, y = (side.double() for side in recipe_pair(recipe, batch, 256))
    expected = golden("loss_variants.json")["values"][f"{batch}x256"][variant]
    assert info_nce(x, y, **VARIANTS[variant]).item() == pytest.approx(expected, abs=1e-9)


def test_info_nce_gradients_are_those_of_merl(golden, recipe):
    for case in golden("merl_meta.json")["clip_loss"]:
        x, y = (side.requires_grad_() for side in recipe_pair(recipe, case["N"], case["D"]))
        loss = info_nce(x, y)
        loss.backward()
        assert loss.item() == pytest.approx(case["loss"], rel=1e-6)
        assert x.grad.norm().item() == pytest.approx(case["grad_x_norm"], rel=1e-5)
        assert y.grad.norm().item() == pytest.approx(case["grad_y_norm"], rel=1e-5)
        assert x.grad.flatten()[:4].tolist() == pytest.approx(case["grad_x_first4"], abs=1e-5 * case["grad_x_norm"])


def test_merl_adds_both_directions_of_both_terms():
    ecg, text, first, second = torch.randn(4, 6, 8)
    terms = merl_losses(ecg, text, first, second)
    assert terms["cma"] == info_nce(ecg, text)
    assert terms["uma"] == info_nce(first, second)


def test_a_learnable_temperature_receives_a_gradient():
    scale = torch.tensor(0.07, requires_grad=True)
    info_nce(torch.randn(5, 4), torch.randn(5, 4), scale).backward()
    assert scale.grad.abs() > 0


@pytest.mark.parametrize("temperature", ["0.07", "0.1", "0.2", "0.5"])
def test_nt_xent_and_its_gradient(golden, temperature):
    stored = golden("simclr_ntxent.npz")
    first = stored["z0"].requires_grad_()
    loss = nt_xent(first, stored["z1"], float(temperature))
    loss.backward()
    assert loss.item() == pytest.approx(stored[f"mmcl_T{temperature}"], abs=1e-9)
    torch.testing.assert_close(first.grad, stored[f"mmcl_grad_z0_T{temperature}"])


@pytest.mark.parametrize("temperature", ["0.07", "0.1", "0.2", "0.3"])
@pytest.mark.parametrize("weight", ["0.0", "0.25", "0.5", "0.75", "1.0"])
def test_weighted_clip_puts_its_weight_on_the_image(golden, temperature, weight):
    stored = golden("mmcl_clip.npz")
    loss = weighted_clip(stored["image_proj"], stored["ecg_proj"], float(temperature), float(weight))
    assert loss.item() == pytest.approx(stored[f"loss_T{temperature}_lambda{weight}"], abs=1e-9)


@pytest.mark.parametrize("ids", ["unique", "dup"])
def test_clocs(golden, ids):
    stored = golden("clocs.npz")
    patients = stored[f"pids_{ids}"]
    two, four = (list(stored[f"emb_V{n}"].unbind(-1)) for n in (2, 4))
    assert clocs(two, patients).item() == pytest.approx(stored[f"CMSC_{ids}"], abs=1e-9)
    assert clocs(two, patients, pairs="as_released").item() == pytest.approx(stored[f"CMSC_{ids}"], abs=1e-9)
    assert clocs(four, patients).item() == pytest.approx(stored[f"CMLC_{ids}_NOTREF_mean_over_pairs"], abs=1e-9)
    assert clocs(four, patients, pairs="as_released").item() == pytest.approx(stored[f"CMLC_{ids}"], abs=1e-9)


def test_every_view_learns_unless_the_released_defect_is_asked_for():
    def gradients(pairs):
        views = [torch.randn(5, 4, requires_grad=True) for _ in range(3)]
        clocs(views, "abcda", pairs=pairs).backward()
        return [view.grad is not None and bool(view.grad.abs().sum() > 0) for view in views]

    assert gradients("mean") == [True, True, True]
    assert gradients("as_released") == [False, True, True]


def test_perfectly_aligned_pairs_cost_little_and_random_ones_the_log_of_the_batch():
    x = torch.eye(16)
    assert info_nce(x, x).item() < 1e-4
    torch.manual_seed(0)
    random = info_nce(torch.randn(16, 4096), torch.randn(16, 4096), temperature=1.0, directions="mean")
    assert random.item() == pytest.approx(math.log(16), abs=0.05)
