"""The optimum of a linear head under an L2 penalty, for all classes at once and along a path of penalties.

What is minimised is scikit-learn's objective: the sum of the records' losses plus |weight|^2 / (2 C), the bias free
(``LogisticRegression``, multinomial for one label of many; ``Ridge`` with alpha = 1 / C; Cox's partial likelihood, Breslow's
ties, for survival). It is strictly convex, so that the answer depends on no seed, order or learning rate.

How. The features are turned to their principal axes once, where the Hessian of every class and penalty is close to a known
diagonal; L-BFGS preconditioned by it takes ten or so iterations where plain L-BFGS takes a hundred, and all classes share
each product with the features. Each penalty starts from the optimum of the next stronger one.
``tests/bench/training/test_exact_head.py`` holds it to scikit-learn and to the gradient by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.errors import BenchError, DataError
from bench.training.objective import SEPARATE

MEMORY = 10
"""Pairs that L-BFGS remembers; scikit-learn's and scipy's number."""

ITERATIONS = 2000
"""More than any of thousands of fits took; one that needs them all is reported, not returned."""

SUFFICIENT = 1e-4
"""Share of the decrease promised by the gradient that a step must deliver (Armijo; Nocedal and Wright, 3.1)."""

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""(outputs [record, problem, column], the problems' numbers) -> sums of losses [problem], gradient, mean curvatures."""


@dataclass(frozen=True)
class Fit:
    """One optimum: outputs are ``features @ weight.T + bias``.

    Attributes:
        c: inverse penalty, as scikit-learn's C.
        loss: the objective there, summed over the classes of a multilabel task.
        iterations: passes over the features that it took, line searches included; 0 in closed form.
    """

    c: float
    weight: Float[Tensor, "output dim"]
    bias: Float[Tensor, " output"]
    loss: float
    iterations: int


def exact_path(
    features: Float[Tensor, "record dim"],
    targets: Shaped[Tensor, "record ..."],
    loss_name: str,
    n_outputs: int,
    cs: Sequence[float],
    tolerance: float = 1e-8,
) -> Iterator[Fit]:
    """The optimum under each penalty, from the strongest (smallest C) to the weakest.

    Args:
        features: any float type, finite; computed in float64. A copy of them is held.
        targets: classes as [record], (years, event) as [record, 2], others as [record, output], NaN where unknown: an
            output is then the optimum over the records in which it is known.
        loss_name: of :class:`bench.training.objective.Objective`.
        n_outputs: classes or values. Labels of which all records have the same value, and classes that no record has, are
            not learned: weight zero, and the bias of half a record's chance.
        tolerance: distance to the optimum as a share of the solution, both in the norm of the Hessian's estimate.

    Raises:
        DataError: survival without an event. BenchError: an optimum was not reached.
    """
    if loss_name in SEPARATE and targets.is_floating_point() and targets.isnan().any():
        yield from _over_known(features, targets, loss_name, cs, tolerance)
        return
    mean = features.double().mean(0)
    centred = features.double() - mean
    axes = _axes(centred)
    rotated = centred @ axes
    spread = rotated.square().sum(0)
    del centred

    def fit(c: float, weight: Tensor, bias: Tensor, loss: float, iterations: int) -> Fit:
        weight = weight @ axes.T
        return Fit(c, weight, bias - weight @ mean, loss, iterations)

    if loss_name == "squared":
        values = targets.double()
        middle = values.mean(0)
        for c in sorted(cs):
            weight = (rotated.T @ (values - middle)).T / (spread + 1 / c)
            residual = values - middle - rotated @ weight.T
            yield fit(c, weight, middle, float((residual.square().sum() + weight.square().sum() / c) / 2), 0)
        return

    loss, learned, columns = _loss_of(loss_name, targets, n_outputs)
    design = torch.cat([rotated, torch.ones(len(rotated), 1, dtype=torch.float64)], 1)
    spread = torch.cat([spread, torch.tensor([float(len(rotated))], dtype=torch.float64)])
    del rotated
    problems = len(learned) if columns == 1 else 1
    start = torch.zeros(problems, columns, design.shape[1], dtype=torch.float64)
    for c in sorted(cs):
        penalty = torch.full_like(spread, 1 / c)
        penalty[-1] = 1e-12 if loss_name == "cox" else 0.0  # the partial likelihood knows no bias: it stays zero
        start, values, passes = _minimise(design, loss, start, spread, penalty, tolerance)
        solution = start.flatten(0, 1)
        weight = torch.zeros(n_outputs, solution.shape[1] - 1, dtype=torch.float64)
        bias = _bias_of_unlearned(loss_name, targets, n_outputs, solution[:, -1])
        weight[learned], bias[learned] = solution[:, :-1], solution[:, -1]
        yield fit(c, weight, bias, float(values.sum()), passes)


def _over_known(
    features: Float[Tensor, "record dim"],
    targets: Float[Tensor, "record output"],
    loss_name: str,
    cs: Sequence[float],
    tolerance: float,
) -> Iterator[Fit]:
    """:func:`exact_path` where targets are unknown: outputs that are known in the same records are solved together. One that
    is known in none has weight and bias zero."""
    masks, pattern = torch.unique(~targets.isnan(), dim=1, return_inverse=True)
    groups = [(torch.nonzero(pattern == k)[:, 0], masks[:, k]) for k in range(masks.shape[1]) if masks[:, k].any()]
    paths = [
        exact_path(features[rows], targets[rows][:, outputs], loss_name, len(outputs), cs, tolerance)
        for outputs, rows in groups
    ]
    for c in sorted(cs):
        weight = torch.zeros(targets.shape[1], features.shape[1], dtype=torch.float64)
        bias = torch.zeros(targets.shape[1], dtype=torch.float64)
        fits = [next(path) for path in paths]
        for (outputs, _), fit in zip(groups, fits, strict=True):
            weight[outputs], bias[outputs] = fit.weight, fit.bias
        yield Fit(c, weight, bias, sum(fit.loss for fit in fits), sum(fit.iterations for fit in fits))


def _axes(centred: Float[Tensor, "record dim"]) -> Float[Tensor, "dim axis"]:
    """Principal axes; of fewer records than dimensions only those that they span, where the optimum must lie."""
    if len(centred) < centred.shape[1]:
        return torch.linalg.svd(centred, full_matrices=False).Vh.T.contiguous()
    return torch.linalg.eigh(centred.T @ centred).eigenvectors


def _minimise(
    design: Float[Tensor, "record axis"],
    loss: Loss,
    start: Float[Tensor, "problem column axis"],
    spread: Float[Tensor, " axis"],
    penalty: Float[Tensor, " axis"],
    tolerance: float,
) -> tuple[Tensor, Tensor, int]:
    """L-BFGS of independent problems side by side: (weights, values, passes). What has arrived takes part no longer."""

    def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs = (design @ at.flatten(0, 1).T).view(len(design), *at.shape[:2])
        value, slope, curvature = loss(outputs, which)
        pull = penalty * at
        gradient = (slope.flatten(1).T @ design).view_as(at).add_(pull)
        return value + (pull * at).sum((1, 2)) / 2, gradient, curvature

    solution, values = start.clone(), torch.zeros(len(start), dtype=torch.float64)
    if not len(start):  # no label has two values
        return solution, values, 0
    which = torch.arange(len(start))
    at = start.clone()
    value, gradient, curvature = evaluate(at, which)
    pairs: list[_Pair] = []
    for passes in range(1, ITERATIONS):
        hessian = curvature.clamp(min=1e-12)[:, None, None] * spread + penalty  # [problem, 1, axis]
        distance = (gradient.square() / hessian).sum((1, 2)).sqrt()
        size = (at.square() * hessian).sum((1, 2)).sqrt()
        arrived = distance <= tolerance * size.clamp(min=1e-6 * math.sqrt(len(design)))
        if arrived.any():
            solution[which[arrived]], values[which[arrived]] = at[arrived], value[arrived]
            going = ~arrived
            if not going.any():
                return solution, values, passes
            which, at, value, gradient, hessian = (x[going] for x in (which, at, value, gradient, hessian))
            pairs = [pair[going] for pair in pairs]
        direction = _apply_inverse(gradient, hessian, pairs).neg_()
        promised = (direction * gradient).sum((1, 2))
        length = torch.ones(len(which), dtype=torch.float64)
        for _ in range(60):
            candidate = torch.addcmul(at, length[:, None, None], direction)
            new_value, new_gradient, curvature = evaluate(candidate, which)
            slack = 1e-13 * value.abs()  # near the optimum a decrease drowns in rounding
            short = new_value > value + SUFFICIENT * length * promised + slack
            if not short.any():
                break
            length[short] /= 2
        pairs = [*pairs, _Pair.of(candidate - at, new_gradient - gradient)][-MEMORY:]
        at, value, gradient = candidate, new_value, new_gradient
    raise BenchError(
        f"the exact probe did not reach its optimum in {ITERATIONS} passes under a penalty of {float(penalty[0]):g}. Remove "
        f"the largest values from the list c: classes that are perfectly separable have an optimum with very large weights."
    )


@dataclass(frozen=True)
class _Pair:
    """A step, the change of the gradient over it, and the inverse of their product [problem, 1, 1]."""

    step: Tensor
    turn: Tensor
    rate: Tensor

    @classmethod
    def of(cls, step: Tensor, turn: Tensor) -> _Pair:
        return cls(step, turn, (step * turn).sum((1, 2), keepdim=True).clamp_(min=1e-300).reciprocal_())

    def __getitem__(self, problems: Tensor) -> _Pair:
        return _Pair(self.step[problems], self.turn[problems], self.rate[problems])


def _apply_inverse(gradient: Tensor, hessian: Tensor, pairs: list[_Pair]) -> Tensor:
    """The two-loop recursion (Nocedal and Wright, algorithm 7.4), problem by problem, from a diagonal Hessian.

    With few records each of its small operations takes as long as its start: it has as few as it can.
    """
    q, shares = gradient.clone(), []
    for pair in reversed(pairs):
        share = (pair.step * q).sum((1, 2), keepdim=True).mul_(pair.rate)
        q.addcmul_(share, pair.turn, value=-1)
        shares.append(share)
    q /= hessian
    if pairs:
        last = pairs[-1]
        q /= (last.turn.square() / hessian).sum((1, 2), keepdim=True).clamp_(min=1e-300).mul_(last.rate)
    for pair, share in zip(pairs, reversed(shares), strict=True):
        q.addcmul_(share.addcmul_((pair.turn * q).sum((1, 2), keepdim=True), pair.rate, value=-1), pair.step)
    return q


def _loss_of(loss_name: str, targets: Tensor, n_outputs: int) -> tuple[Loss, Tensor, int]:
    """The loss of this name, which outputs are learned, and how many of them one problem has."""
    if loss_name == "binary":
        rate = targets.double().mean(0)
        learned = torch.nonzero((rate > 0) & (rate < 1))[:, 0]
        return _binary(targets[:, learned].double()), learned, 1
    if loss_name == "cox":
        return _cox(targets.double()), torch.zeros(1, dtype=torch.int64), 1
    learned, class_index = torch.unique(targets.long(), return_inverse=True)
    return _softmax(class_index), learned, len(learned)


def _bias_of_unlearned(loss_name: str, targets: Tensor, n_outputs: int, known: Tensor) -> Tensor:
    """The bias of each output as if nothing were known of it but that half a record in all would have it, or lack it."""
    rare = -math.log(2 * len(targets) + 1)
    if loss_name == "binary":
        return torch.where(targets.double().mean(0) > 0.5, -rare, rare).double()
    return (known.min() + rare).repeat(n_outputs)


def _binary(labels: Float[Tensor, "record problem"]) -> Loss:
    signs = 2 * labels - 1

    def loss(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sign = signs if len(which) == signs.shape[1] else signs[:, which]
        against = -sign * outputs[..., 0]  # by the margin, which keeps its digits where a record is all but certain
        wrong = torch.sigmoid(against)
        curvature = (wrong * (1 - wrong)).mean(0)
        return torch.nn.functional.softplus(against).sum(0), (-sign * wrong)[..., None], curvature

    return loss


def _softmax(classes: Shaped[Tensor, " record"]) -> Loss:
    def loss(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # By the distance to the right class's output, which keeps its digits where a record is all but certain.
        ahead = outputs[:, 0] - outputs[:, 0].gather(1, classes[:, None])
        top = ahead.amax(1, keepdim=True)
        others = torch.exp(ahead - top).scatter(1, classes[:, None], 0.0)
        mass = torch.log1p(others.sum(1, keepdim=True) + torch.expm1(-top))
        p = others / mass.exp()
        wrong = p.sum(1, keepdim=True)
        # One curvature for all classes: steps then leave the sum of their weights at zero, where the optimum has it.
        curvature = ((p * (1 - p)).sum() + (wrong * (1 - wrong)).sum()) / p.numel()
        total = (top + mass).sum()
        slope = p.scatter(1, classes[:, None], -wrong)
        return total[None], slope[:, None], curvature[None]

    return loss


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

    def loss(outputs: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        risk = outputs[order, 0, 0]
        at_risk = torch.logcumsumexp(risk, 0)[last]
        total = ((at_risk - risk) * event).sum()
        later = torch.flip(torch.cumsum(torch.flip(event * torch.exp(risk.max() - at_risk), [0]), 0), [0])[first]
        share = torch.exp(risk - risk.max()) * later  # expected events of each record
        slope = torch.empty_like(risk)
        slope[order] = share - event
        return total[None], slope[:, None, None], share.mean()[None]

    return loss
