"""Learning-rate factors per step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.method.pretrain_config import PretrainConfig


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Factor on the peak rate at ``step`` of ``total``: linear from 1/warmup to 1, then half a cosine towards 0."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def warmup_constant(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then the peak rate."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def warmup_thirds(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then the peak rate, a tenth of it from a third of the steps on, a hundredth from two thirds."""
    return 0.1 ** (3 * step // total) * warmup_constant(step, total, warmup)


def warmup_restarts(step: int, total: int, warmup: int, period: int = 5000, floor: float = 0.0) -> float:
    """Linear warm-up, then a half cosine from the peak rate to ``floor`` of it, begun again every ``period`` steps.

    torch's CosineAnnealingWarmRestarts with periods of one length (Loshchilov and Hutter, ICLR 2017).
    """
    if step < warmup:
        return (step + 1) / warmup
    return floor + (1 - floor) * 0.5 * (1.0 + math.cos(math.pi * ((step - warmup) % period) / period))


SCHEDULES: dict[str, Callable[[int, int, int], float]] = {
    "cosine": warmup_cosine,
    "constant": warmup_constant,
    "thirds": warmup_thirds,
    "cosine-restarts": warmup_restarts,
}


def schedule_of(config: PretrainConfig) -> Callable[[int, int, int], float]:
    """The schedule that a config names, with what it sets of it: (step, steps in all, steps of warm-up) -> factor."""
    if config.schedule == "cosine-restarts":
        return partial(warmup_restarts, period=config.restart_steps, floor=min(1.0, config.min_lr / config.lr))
    return SCHEDULES[config.schedule]
