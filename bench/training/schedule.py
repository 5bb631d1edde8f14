"""Learning-rate factors, step by step."""

from __future__ import annotations

import math


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


SCHEDULES = {"cosine": warmup_cosine, "constant": warmup_constant, "thirds": warmup_thirds}
