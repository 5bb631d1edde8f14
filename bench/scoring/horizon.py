"""An event within some years as a class: who had it, how much each record counts under censoring, and the predicted risk.

A record that was censored before the horizon has no known target. Those that were followed count for it as well: 1 / G(t)
each, where G is the Kaplan-Meier estimate of being uncensored among the scored records, just before the event or at the
horizon (Graf et al., Stat Med 1999). The weights are fixed in the bootstrap, which makes intervals slightly too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from bench.scoring.survival import Events, Risks, Times, breslow_survival

_STEPS = 50


@dataclass(frozen=True)
class AtHorizon:
    """Targets [record, 1] (NaN where unknown), weights [record], and risks [record, 1] or None without validation records."""

    targets: Float[np.ndarray, "record 1"]
    weights: Float[np.ndarray, " record"]
    risks: Float[np.ndarray, "record 1"] | None


def at_horizon(
    times: Times,
    events: Events,
    log_risk: Risks,
    validation: tuple[np.ndarray, np.ndarray] | None,
    years: float,
) -> AtHorizon | None:
    """The event within ``years``; None where nobody was followed as long, or nobody had the event before.

    Args:
        validation: (times and events [record, 2], log-risks) of validation records, on which a Cox regression of the
            log-risk and Breslow's baseline make risks. Without an event or a follow-up of ``years`` there are no risks.
    """
    event = (events != 0) & (times <= years)
    free = times > years
    if not (event.any() and free.any()):
        return None
    censored = Uncensored(times, events)
    weights = np.zeros(len(times))
    weights[event] = 1 / censored(times[event], before=True)
    weights[free] = 1 / censored(np.array([years]), before=False)[0]
    targets = np.where(event, 1.0, np.where(free, 0.0, np.nan))[:, None]
    return AtHorizon(targets, weights, _risks(log_risk, validation, years))


def _risks(log_risk: Risks, validation: tuple[np.ndarray, np.ndarray] | None, years: float) -> np.ndarray | None:
    if validation is None:
        return None
    (times, events), seen = validation[0].T, validation[1]
    if not (events != 0).any() or times.max() < years:
        return None
    slope = cox_slope(times, events, seen)
    if not np.isfinite(slope):
        return None
    return 1 - breslow_survival(times, events, slope * seen, slope * log_risk, np.array([float(years)]))


class Uncensored:
    """The Kaplan-Meier estimate of being uncensored. At one time events come before censorings."""

    def __init__(self, times: Times, events: Events):
        self.times, first = np.unique(times, return_inverse=True)
        count = np.bincount(first)
        lost = np.bincount(first, weights=events == 0)
        had = count - lost
        at_risk = np.cumsum(count[::-1])[::-1] - had
        self.share = np.cumprod(np.where(at_risk > 0, 1 - lost / np.maximum(at_risk, 1), 1.0))

    def __call__(self, at: Shaped[np.ndarray, " time"], before: bool) -> Float[np.ndarray, " time"]:
        """The share that is uncensored after each time, or just ``before`` it."""
        place = np.searchsorted(self.times, at, "left" if before else "right")
        return np.concatenate([[1.0], self.share])[place]


def cox_slope(times: Times, events: Events, log_risk: Risks) -> float:
    """The coefficient of a Cox regression on one variable (Breslow's ties); NaN where no value is best."""
    order = np.argsort(-times, kind="stable")
    times, event = times[order], (events != 0)[order]
    spread = float(log_risk.std())
    if not spread > 0:
        return 0.0
    x = (log_risk[order] - log_risk.mean()) / spread
    last_of_tie = np.searchsorted(-times, -times, "right") - 1
    slope = 0.0
    for _ in range(_STEPS):
        weight = np.exp(slope * x - (slope * x).max())
        sums = [np.cumsum(weight * x**power)[last_of_tie][event] for power in range(3)]
        mean = sums[1] / sums[0]
        gradient = float((x[event] - mean).sum())
        curvature = float((sums[2] / sums[0] - mean**2).sum())
        if not curvature > 1e-10:
            return float("nan")
        step = float(np.clip(gradient / curvature, -1, 1))
        slope += step
        if abs(step) < 1e-12 * max(1.0, abs(slope)):
            break
    return slope / spread
