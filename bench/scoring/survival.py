"""How well a risk orders and predicts events in time: Harrell's and Uno's C, time-dependent AUC, Brier score.

Times are in one unit throughout (years in this project), events are 1 where the event was seen and 0 where the
follow-up was censored, and a higher log-risk means an earlier event. Harrell's C is computed here, for many
bootstrap weightings at once; what needs the censoring distribution is scikit-survival's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

#: Log-risks closer than this are tied, as in scikit-survival.
TIED_RISK = 1e-8

#: Rows of the pair matrix held at once, in numbers of float64.
_PAIRS_HELD = 2**22

Times = Float[np.ndarray, "record"]
Events = Shaped[np.ndarray, "record"]
Risks = Float[np.ndarray, "record"]


def harrell_c(times: Times, events: Events, log_risk: Risks) -> float:
    """Harrell's concordance: of the pairs whose order in time is known, the share that the risk orders alike.

    A pair is comparable when the earlier time is an event; at equal times, when exactly one of the two is an event
    (that one came first). Tied risks count one half. NaN without a comparable pair. Harrell et al., JAMA 1982.
    """
    return float(weighted_harrell_c(times, events, log_risk, np.ones((len(times), 1)))[0])


def weighted_harrell_c(
    times: Times, events: Events, log_risk: Risks, weights: Float[np.ndarray, "record replicate"]
) -> Float[np.ndarray, "replicate"]:
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
