"""Losses of the exact probe with gradient and curvature, written so that records that are all but certain keep digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.errors import DataError


@dataclass(frozen=True)
class Loss:
    """A loss as a function of outputs [record, problem, column] and the problems' numbers.

    Attributes:
        values: sums over records [problem], gradient, mean curvatures [problem].
        turned: change of that gradient along a direction of the outputs, as a function of the direction.
    """

    values: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
    turned: Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]


def loss_of(loss_name: str, targets: Tensor) -> tuple[Loss, Tensor, int]:
    """The loss of this name, which outputs are learned, and how many of them one problem has."""
    if loss_name == "binary":
        rate = targets.double().mean(0)
        learned = torch.nonzero((rate > 0) & (rate < 1))[:, 0]
        return _binary(targets[:, learned].double()), learned, 1
    if loss_name == "cox":
        return _cox(targets.double()), torch.zeros(1, dtype=torch.int64), 1
    learned, class_index = torch.unique(targets.long(), return_inverse=True)
    return _softmax(class_index), learned, len(learned)


def bias_of_unlearned(loss_name: str, targets: Tensor, n_outputs: int, known: Tensor) -> Tensor:
    """The bias of each output as if nothing were known of it but that half a record in all would have it, or lack it."""
    rare = -math.log(2 * len(targets) + 1)
    if loss_name == "binary":
        return torch.where(targets.double().mean(0) > 0.5, -rare, rare).double()
    return (known.min() + rare).repeat(n_outputs)


def _binary(labels: Float[Tensor, "record problem"]) -> Loss:
    signs = 2 * labels - 1

    def margin(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        sign = signs if len(which) == signs.shape[1] else signs[:, which]
        return sign, sign * outputs[..., 0]  # it keeps its digits where a record is all but certain

    def values(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sign, by = margin(outputs, which)
        wrong = torch.sigmoid(-by)
        curvature = (wrong * (1 - wrong)).mean(0)
        return torch.nn.functional.softplus(-by).sum(0), (-sign * wrong)[..., None], curvature

    def turned(outputs: Tensor, which: Tensor) -> Callable[[Tensor], Tensor]:
        _, by = margin(outputs, which)
        curvature = (torch.sigmoid(-by) * torch.sigmoid(by))[..., None]
        return lambda direction: curvature * direction

    return Loss(values, turned)


def _softmax(classes: Shaped[Tensor, " record"]) -> Loss:
    def chances(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Losses of the records, chances of wrong classes (the right one's is zero), their sum."""
        # By the distance to the right class's output, which keeps its digits where a record is all but certain.
        ahead = outputs[:, 0] - outputs[:, 0].gather(1, classes[:, None])
        top = ahead.amax(1, keepdim=True)
        others = torch.exp(ahead - top).scatter(1, classes[:, None], 0.0)
        mass = torch.log1p(others.sum(1, keepdim=True) + torch.expm1(-top))
        p = others / mass.exp()
        return top + mass, p, p.sum(1, keepdim=True)

    def values(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        losses, p, wrong = chances(outputs)
        # One curvature for all classes: steps then leave the sum of their weights at zero, where the optimum has it.
        curvature = ((p * (1 - p)).sum() + (wrong * (1 - wrong)).sum()) / p.numel()
        slope = p.scatter(1, classes[:, None], -wrong)
        return losses.sum()[None], slope[:, None], curvature[None]

    def turned(outputs: Tensor, which: Tensor) -> Callable[[Tensor], Tensor]:
        _, p, _ = chances(outputs)

        def change(direction: Tensor) -> Tensor:
            # Relative to the right class, whose chance near 1 would cost the others' digits.
            ahead = direction[:, 0] - direction[:, 0].gather(1, classes[:, None])
            of_wrong = p * (ahead - (p * ahead).sum(1, keepdim=True))
            return of_wrong.scatter(1, classes[:, None], -of_wrong.sum(1, keepdim=True))[:, None]

        return change

    return Loss(values, turned)


def _cox(targets: Float[Tensor, "record 2"]) -> Loss:
    """Breslow's negative log partial likelihood, summed over events."""
    order = torch.argsort(targets[:, 0], descending=True, stable=True)
    years, event = targets[order, 0], (targets[order, 1] > 0).double()
    if not event.any():
        raise DataError(
            f"none of the {len(targets):,} training records has an event, so that no risk can be learned from them. Use a "
            f"larger copy of the data, or a larger fraction of it."
        )
    # Records of one time form a block: all of them are at risk for its events, and its events pass over all of them.
    last = torch.searchsorted(-years, -years, right=True) - 1
    first = torch.searchsorted(-years, -years, right=False)

    def passed(of_events: Tensor) -> Tensor:
        """For each record the sum over the events that it was at risk for."""
        return torch.flip(torch.cumsum(torch.flip(event * of_events, [0]), 0), [0])[first]

    def values(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        risk = outputs[order, 0, 0]
        at_risk = torch.logcumsumexp(risk, 0)[last]
        total = ((at_risk - risk) * event).sum()
        share = torch.exp(risk - risk.max()) * passed(torch.exp(risk.max() - at_risk))  # expected events of each record
        slope = torch.empty_like(risk)
        slope[order] = share - event
        return total[None], slope[:, None, None], share.mean()[None]

    def turned(outputs: Tensor, which: Tensor) -> Callable[[Tensor], Tensor]:
        risk = outputs[order, 0, 0]
        top = risk.max()
        weight, inverse = torch.exp(risk - top), torch.exp(top - torch.logcumsumexp(risk, 0)[last])

        def change(direction: Tensor) -> Tensor:
            along = direction[order, 0, 0]
            mean = torch.cumsum(weight * along, 0)[last] * inverse  # over those at risk
            slope = torch.empty_like(along)
            slope[order] = weight * (along * passed(inverse) - passed(inverse * mean))
            return slope[:, None, None]

        return change

    return Loss(values, turned)
