"""Learning-rate schedules against torch's own."""

import pytest
import torch

from bench.method.pretrain_config import PretrainConfig
from bench.training.schedule import schedule_of, warmup_restarts


@pytest.mark.parametrize(("lr", "lowest"), [(1e-3, 1e-8), (2e-4, 1e-5)])
def test_restarts_are_torchs_cosine_annealing_with_warm_restarts(lr, lowest):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([weight], lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=50, T_mult=1, eta_min=lowest)
    factor = schedule_of(PretrainConfig(schedule="cosine-restarts", restart_steps=50, min_lr=lowest, lr=lr))
    for step in range(130):
        assert lr * factor(step, 130, 0) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12), step
        optimiser.step()
        scheduler.step()


def test_restarts_begin_after_the_warm_up():
    factors = [warmup_restarts(step, 30, 4, period=10) for step in range(30)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[14] == factors[24] == 1.0
    assert factors[13] < 0.05
