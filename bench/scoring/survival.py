"""Metrics of survival: Harrell's and Uno's C, time-dependent AUC, Brier score.

Times are in one unit throughout (years in this project), events are 1 where the event was seen and 0 where the
follow-up was censored, and a higher log-risk means an earlier event. Harrell's C is computed here, for many
bootstrap weightings at once; what needs the censoring distribution is scikit-survival's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float, Shaped

from bench.errors import DataError

#: Log-risks closer than this are tied, as in scikit-survival.
TIED_RISK = 1e-8

#: Rows of the pair matrix held at once, in numbers of float64.
_PAIRS_HELD = 2**22

Times = Float[np.ndarray, "record"]
Events = Shaped[np.ndarray, "record"]
Risks = Float[np.ndarray, "record"]
TrainTimes = Float[np.ndarray, "train"]
TrainEvents = Shaped[np.ndarray, "train"]
TrainRisks = Float[np.ndarray, "train"]


def harrell_c(times: Times, events: Events, log_risk: Risks) -> float:
    """Harrell's concordance: of the pairs whose order in time is known, the share that the risk orders alike.

    A pair is comparable when the earlier time is an event; at equal times, when exactly one of the two is an event
    (that one came first). Tied risks count one half. NaN without a comparable pair. Harrell et al., JAMA 1982.
    """
    return float(weighted_harrell_c(times, events, log_risk, np.ones((len(times), 1)))[0])


def weighted_harrell_c(
    times: Times, events: Events, log_risk: Risks, weights: Float[np.ndarray, "record replicate"]
) -> Float[np.ndarray, " replicate"]:
    """Harrell's C for every replicate; a pair counts as often as the product of its two weights.

    Costs events x records x replicates multiplications, in blocks of bounded size.
    """
    event = events != 0
    cases = np.flatnonzero(event)
    concordant = np.zeros(weights.shape[1])
    comparable = np.zeros(weights.shape[1])
    block = max(1, _PAIRS_HELD // max(len(times), weights.shape[1]))
    for start in range(0, len(cases), block):
        case = cases[start : start + block]
        later = (times > times[case, None]) | ((times == times[case, None]) & ~event)
        ahead = log_risk[case, None] - log_risk
        tied = np.abs(ahead) <= TIED_RISK
        credit = np.where(tied, 0.5, ahead > 0) * later
        concordant += np.einsum("er,er->r", weights[case], credit @ weights)
        comparable += np.einsum("er,er->r", weights[case], later.astype(float) @ weights)
    return np.divide(concordant, comparable, out=np.full(len(comparable), np.nan), where=comparable > 0)


def uno_c(
    train_times: TrainTimes,
    train_events: TrainEvents,
    times: Times,
    events: Events,
    log_risk: Risks,
    tau: float | None = None,
) -> float:
    """Uno's concordance, which weights pairs by the training set's censoring and so does not depend on it.

    ``tau`` (years) truncates the follow-up; without it, all times must lie within the training set's. Uno et al.,
    Stat Med 2011, as scikit-survival computes it, also with ties: a record censored at the time of an event counts as later
    than it; two events at one time are not compared; risks within ``TIED_RISK`` count half. An event at t weighs
    1 / G(t)², where G, the Kaplan-Meier estimate of being uncensored, includes censorings at t itself, and at one time
    events come before censorings.
    """
    from sksurv.metrics import concordance_index_ipcw

    train, test = _outcomes(train_times, train_events), _outcomes(times, events)
    with _explained("Uno's C"):
        return float(concordance_index_ipcw(train, test, log_risk, tau=tau, tied_tol=TIED_RISK)[0])


def time_dependent_auc(
    train_times: TrainTimes,
    train_events: TrainEvents,
    times: Times,
    events: Events,
    log_risk: Risks,
    at: Float[np.ndarray, " time"],
) -> tuple[Float[np.ndarray, " time"], float]:
    """Cumulative/dynamic AUC at each of ``at`` (years), and its mean weighted by the events between them.

    A case at time t has had the event by t; a control is still without it. Uno et al. 2007, Hung and Chiang 2010, as
    scikit-survival computes it.
    """
    from sksurv.metrics import cumulative_dynamic_auc

    train, test = _outcomes(train_times, train_events), _outcomes(times, events)
    with _explained("time-dependent AUC"):
        auc, mean = cumulative_dynamic_auc(train, test, log_risk, at, tied_tol=TIED_RISK)
    return auc, float(mean)


def breslow_survival(
    train_times: TrainTimes,
    train_events: TrainEvents,
    train_log_risk: TrainRisks,
    log_risk: Risks,
    at: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "record time"]:
    """The probability of no event by each of ``at`` (years), from log-risks and Breslow's baseline of the training set.

    The baseline is 0 before the first training event and constant after the last.
    """
    order = np.argsort(train_times, kind="stable")
    times, events = train_times[order], (train_events != 0)[order]
    # Shifting both log-risks by one constant cancels out, and keeps exp within range.
    shift = train_log_risk.max()
    relative = np.exp(train_log_risk[order] - shift)
    at_risk = np.cumsum(relative[::-1])[::-1]
    first_of_tie = np.searchsorted(times, times, "left")
    hazard = np.concatenate([[0.0], np.cumsum(events / at_risk[first_of_tie])])
    baseline = hazard[np.searchsorted(times, at, "right")]
    return np.exp(-np.exp(log_risk - shift)[:, None] * baseline)


def integrated_brier(
    train_times: TrainTimes,
    train_events: TrainEvents,
    times: Times,
    events: Events,
    survival: Float[np.ndarray, "record time"],
    at: Float[np.ndarray, " time"],
) -> float:
    """The Brier score of the predicted survival (:func:`breslow_survival`), averaged over ``at`` (years).

    Lower is better. Weighted by the inverse probability of censoring. Graf et al., Stat Med 1999, as scikit-survival
    computes it.
    """
    from sksurv.metrics import integrated_brier_score

    train, test = _outcomes(train_times, train_events), _outcomes(times, events)
    with _explained("integrated Brier score"):
        return float(integrated_brier_score(train, test, survival, at))


def _outcomes(times: Times, events: Events) -> np.ndarray:
    return np.array(list(zip(events != 0, times, strict=True)), dtype=[("event", bool), ("time", float)])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """scikit-survival's refusals, as errors that a user can act on."""
    try:
        yield
    except ValueError as error:
        raise DataError(
            f"{what} cannot be computed: {error}. Its times must lie within the follow-up of the test records, and the "
            "test records' follow-up within that of the training records; choose earlier times or a tau."
        ) from error
