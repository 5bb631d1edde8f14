"""A gradient that is not finite: reported with a fix, or skipped by the loss scaler that made it."""

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from bench.errors import BenchError
from bench.training.clipping import clip_gradients


def stepped(fabric, size):
    """The weight after a step whose gradient has this size."""
    module, optimiser = fabric.setup(
        model := torch.nn.Linear(1, 1, bias=False), torch.optim.SGD(model.parameters(), 1.0)
    )
    torch.nn.init.zeros_(model.weight)
    fabric.backward((module(torch.ones(1, 1)) * size).sum())
    clip_gradients(fabric, module, optimiser, 0.5, "pretrain.lr (now 1)")
    optimiser.step()
    return model.weight.item()


def test_the_norm_is_cut():
    assert stepped(Fabric(accelerator="cpu"), 8.0) == pytest.approx(-0.5, abs=1e-5)


def test_one_that_is_not_finite_is_told_with_the_cure():
    with pytest.raises(BenchError, match=r"lower pretrain.lr \(now 1\)"):
        stepped(Fabric(accelerator="cpu"), float("inf"))


def test_the_scaler_leaves_out_the_step_whose_factor_was_too_large():
    scaler = torch.amp.GradScaler("cpu")
    fabric = Fabric(accelerator="cpu", plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    assert stepped(fabric, 60_000.0) == 0  # times the scaler's first factor it is beyond float16
    assert scaler.get_scale() < 2.0**16
