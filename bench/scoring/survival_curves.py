"""Kaplan-Meier curves, risk groups and the log-rank test.

Curves and tests are scikit-survival's; times are in years, events 1 where the event was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from bench.errors import DataError
from bench.scoring.survival import (
    Events,
    Risks,
    Times,
    TrainEvents,
    TrainRisks,
    TrainTimes,
    breslow_survival,
    integrated_brier,
    time_dependent_auc,
    uno_c,
)

HORIZON = 5.0
"""Years at which the predicted risk is compared with the observed one."""


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve: right after each of ``times``, the share still without the event.

    ``low`` and ``high`` are its 95 % interval, symmetric on the log-log scale; ``at_risk`` counts who was followed up to
    that time.
    """

    times: Float[np.ndarray, " time"]
    survival: Float[np.ndarray, " time"]
    low: Float[np.ndarray, " time"]
    high: Float[np.ndarray, " time"]
    at_risk: Int[np.ndarray, " time"]

    def at(self, years: float) -> float:
        """The share without the event at that time; NaN beyond the last follow-up."""
        if not len(self.times) or years > self.times[-1]:
            return math.nan
        before = np.searchsorted(self.times, years, "right") - 1
        return 1.0 if before < 0 else float(self.survival[before])


def kaplan_meier(times: Times, events: Events) -> Curve:
    """The curve of some people."""
    from sksurv.nonparametric import kaplan_meier_estimator

    at, survival, interval = kaplan_meier_estimator(events != 0, times, conf_type="log-log")
    return Curve(at, survival, interval[0], interval[1], (times[None] >= at[:, None]).sum(axis=1))


def high_risk(log_risk: Risks, events: Events, share: float | None = None) -> Bool[np.ndarray, " record"]:
    """Who is in the high-risk group: the ``share`` with the highest log-risk.

    By default the share of events, rounded up to a whole percent, as LLM-DAN chose its cut-offs: the 98th percentile
    where 1.4 % have the event, the 96th where 4.0 % have it.
    """
    if share is None:
        share = math.ceil(round(100 * float(np.mean(events != 0)), 9)) / 100
    return log_risk > np.quantile(log_risk, 1 - share) if 0 < share < 1 else np.full(len(log_risk), share >= 1)


def log_rank(times: Times, events: Events, group: Shaped[np.ndarray, " record"]) -> float:
    """The p value of no difference in survival between groups; NaN where no event had both at risk."""
    from sksurv.compare import compare_survival

    if len(np.unique(group)) < 2 or not (events != 0).any():
        return math.nan
    outcome = np.array(list(zip(events != 0, times, strict=True)), dtype=[("event", bool), ("time", float)])
    try:
        return float(compare_survival(outcome, group)[1])
    except np.linalg.LinAlgError:  # nobody is left to compare with at any event
        return math.nan


def secondary(
    times: Times, events: Events, log_risk: Risks, baseline: tuple[TrainTimes, TrainEvents, TrainRisks] | None = None
) -> dict[str, float]:
    """What a survival result reports in addition to Harrell's C; NaN for what these records do not allow.

    ``uno_c``, ``td_auc``
        weighted by these records' own censoring; the AUC over the quartiles of the event times.
    ``log_rank_p``
        between the groups of :func:`high_risk`.
    ``integrated_brier``, ``predicted_5y``, ``observed_5y``
        of survival predicted with Breslow's ``baseline`` hazard, which comes from (times, events, log-risks) of
        validation records: those of training records are too well known to the model.
    """
    names = ("uno_c", "td_auc", "log_rank_p", "integrated_brier", "predicted_5y", "observed_5y")
    measures = dict.fromkeys(names, math.nan)
    seen = times[events != 0]
    if not len(seen):
        return measures
    own = (times, events)
    within = np.unique(np.quantile(seen, [0.25, 0.5, 0.75]))
    within = within[(within > times.min()) & (within < times.max())]
    measures["uno_c"] = _or_nan(lambda: uno_c(*own, *own, log_risk, tau=float(seen.max())))
    measures["log_rank_p"] = log_rank(times, events, high_risk(log_risk, events))
    measures["observed_5y"] = 1 - kaplan_meier(times, events).at(HORIZON)
    if len(within):
        measures["td_auc"] = _or_nan(lambda: time_dependent_auc(*own, *own, log_risk, within)[1])
    if baseline is None or not (baseline[1] != 0).any():
        return measures
    if baseline[0].max() >= HORIZON:
        measures["predicted_5y"] = float(np.mean(1 - breslow_survival(*baseline, log_risk, np.array([HORIZON]))))
    if len(within) > 1:
        curves = breslow_survival(*baseline, log_risk, within)
        measures["integrated_brier"] = _or_nan(lambda: integrated_brier(*own, *own, curves, within))
    return measures


def _or_nan(compute: Callable[[], float]) -> float:
    """What scikit-survival refuses (no comparable pair, censoring at the very end) has no value here."""
    try:
        return compute()
    except (DataError, ValueError):
        return math.nan
