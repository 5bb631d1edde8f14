"""Cox proportional hazards as a loss."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def cox_partial_likelihood(
    risk: Float[Tensor, " record"], time: Float[Tensor, " record"], event: Bool[Tensor, " record"]
) -> Float[Tensor, ""]:
    """Minus the log partial likelihood with Breslow's ties, averaged over events.

    The risk set of an event at time t holds every record with time >= t. Used by LLM-DAN (IEEE TBD 2024) within the
    batch. A batch without an event has loss zero and zero gradients.

    Args:
        risk: log hazard.
        time: to the event or to censoring, in any unit.
        event: true where the event was seen, false where censored.
    """
    if not event.any():
        return 0.0 * risk.sum()
    order = time.argsort(descending=True)
    risk, time, event = risk[order], time[order], event[order]
    log_sums = risk.logcumsumexp(0)
    # The last record of equal time closes the risk set of all of them.
    last = torch.searchsorted(-time, -time, right=True) - 1
    return (log_sums[last] - risk)[event].mean()
