"""The optimum of a linear head under an L2 penalty, for all classes at once and along a path of penalties.

What is minimised is scikit-learn's objective: the sum of the records' losses plus |weight|^2 / (2 C), the bias free
(``LogisticRegression``, multinomial for one label of many; ``Ridge`` with alpha = 1 / C; Cox's partial likelihood, Breslow's
ties, for survival). It is strictly convex, so that the answer depends on no seed, order or learning rate.

How. The features are turned to their principal axes once, where the Hessian of every class and penalty is close to a known
diagonal; L-BFGS preconditioned by it takes ten or so iterations where plain L-BFGS takes a hundred, and all classes share
each product with the features. Each penalty starts from the optimum of the next stronger one. Where few records are
perfectly separable and the penalty is weak, records differ by orders of magnitude in curvature and L-BFGS takes thousands
of passes; what has not arrived after a hundred goes on by Newton's method, whose equations conjugate gradients solve.
``tests/bench/training/test_exact_head.py`` holds it to scikit-learn and to the gradient by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.errors import BenchError
from bench.training.exact_losses import Loss, bias_of_unlearned, loss_of
from bench.training.objective import SEPARATE

MEMORY = 10
"""Pairs that L-BFGS remembers; scikit-learn's and scipy's number."""

QUASI_NEWTON = 100
"""Passes of L-BFGS before Newton's method."""

NEWTON = 300
"""Steps of Newton's method: more than any fit took; one that needs them all is reported, not returned."""

SUFFICIENT = 1e-4
"""Share of the decrease promised by the gradient that a step must deliver (Armijo; Nocedal and Wright, 3.1)."""

_Point = tuple[Tensor, Tensor, Tensor, Tensor]
"""Weights, values, gradients, estimated Hessians."""


@dataclass(frozen=True)
class Fit:
    """One optimum: outputs are ``features @ weight.T + bias``.

    Attributes:
        c: inverse penalty, as scikit-learn's C.
        loss: the objective there, summed over the classes of a multilabel task.
        iterations: steps of L-BFGS and of Newton's method, the most that a class took; 0 in closed form.
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

    loss, learned, columns = loss_of(loss_name, targets)
    design = torch.cat([rotated, torch.ones(len(rotated), 1, dtype=torch.float64)], 1)
    spread = torch.cat([spread, torch.tensor([float(len(rotated))], dtype=torch.float64)])
    del rotated
    problems = len(learned) if columns == 1 else 1
    start = torch.zeros(problems, columns, design.shape[1], dtype=torch.float64)
    for c in sorted(cs):
        penalty = torch.full_like(spread, 1 / c)
        penalty[-1] = 1e-12 if loss_name == "cox" else 0.0  # the partial likelihood knows no bias: it stays zero
        start, values, passes = _minimise(_Objective(design, loss, spread, penalty, tolerance), start)
        solution = start.flatten(0, 1)
        weight = torch.zeros(n_outputs, solution.shape[1] - 1, dtype=torch.float64)
        bias = bias_of_unlearned(loss_name, targets, n_outputs, solution[:, -1])
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


@dataclass(frozen=True)
class _Objective:
    """Loss plus penalty as a function of the weights, for independent problems side by side.

    Attributes:
        spread: sums of squares of the design's columns; with the mean curvature they estimate the Hessian.
        tolerance: of :func:`exact_path`.
    """

    design: Float[Tensor, "record axis"]
    loss: Loss
    spread: Float[Tensor, " axis"]
    penalty: Float[Tensor, " axis"]
    tolerance: float

    def outputs(self, at: Float[Tensor, "problem column axis"]) -> Float[Tensor, "record problem column"]:
        return (self.design @ at.flatten(0, 1).T).view(len(self.design), *at.shape[:2])

    def evaluate(self, at: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values [problem], gradients [problem, column, axis] and estimated Hessians [problem, 1, axis]."""
        value, slope, curvature = self.loss.values(self.outputs(at), which)
        pull = self.penalty * at
        gradient = (slope.flatten(1).T @ self.design).view_as(at).add_(pull)
        hessian = curvature.clamp(min=1e-12)[:, None, None] * self.spread + self.penalty
        return value + (pull * at).sum((1, 2)) / 2, gradient, hessian

    def curved(self, at: Tensor, which: Tensor) -> Callable[[Tensor], Tensor]:
        """The Hessian there, as the product with a direction [problem, column, axis]."""
        turned = self.loss.turned(self.outputs(at), which)

        def product(direction: Tensor) -> Tensor:
            change = turned(self.outputs(direction))
            return (change.flatten(1).T @ self.design).view_as(direction).add_(self.penalty * direction)

        return product

    def arrived(self, at: Tensor, gradient: Tensor, hessian: Tensor) -> Tensor:
        distance = (gradient.square() / hessian).sum((1, 2)).sqrt()
        size = (at.square() * hessian).sum((1, 2)).sqrt()
        return distance <= self.tolerance * size.clamp(min=1e-6 * math.sqrt(len(self.design)))

    def step(self, at: Tensor, which: Tensor, value: Tensor, gradient: Tensor, direction: Tensor) -> _Point:
        """The first of ever shorter steps along a direction that delivers a share of the promised decrease."""
        promised = (direction * gradient).sum((1, 2))
        length = torch.ones(len(at), dtype=torch.float64)
        for _ in range(60):
            candidate = torch.addcmul(at, length[:, None, None], direction)
            new_value, new_gradient, hessian = self.evaluate(candidate, which)
            slack = 1e-13 * value.abs()  # near the optimum a decrease drowns in rounding
            short = new_value > value + SUFFICIENT * length * promised + slack
            if not short.any():
                break
            length[short] /= 2
        return candidate, new_value, new_gradient, hessian


def _minimise(objective: _Objective, start: Float[Tensor, "problem column axis"]) -> tuple[Tensor, Tensor, int]:
    """L-BFGS of all problems, then Newton's method for each that has not arrived: (weights, values, passes)."""
    solution, values = start.clone(), torch.zeros(len(start), dtype=torch.float64)
    if not len(start):  # no label has two values
        return solution, values, 0
    which = torch.arange(len(start))
    at = start.clone()
    value, gradient, hessian = objective.evaluate(at, which)
    pairs: list[_Pair] = []
    for passes in range(1, QUASI_NEWTON):
        arrived = objective.arrived(at, gradient, hessian)
        if arrived.any():
            solution[which[arrived]], values[which[arrived]] = at[arrived], value[arrived]
            going = ~arrived
            if not going.any():
                return solution, values, passes
            which, at, value, gradient, hessian = (x[going] for x in (which, at, value, gradient, hessian))
            pairs = [pair[going] for pair in pairs]
        direction = _apply_inverse(gradient, hessian, pairs).neg_()
        candidate, value, new_gradient, hessian = objective.step(at, which, value, gradient, direction)
        pairs = [*pairs, _Pair.of(candidate - at, new_gradient - gradient)][-MEMORY:]
        at, gradient = candidate, new_gradient
    steps = 0
    for i, problem in enumerate(which):
        solution[problem], values[problem], taken = _newton(objective, at[i : i + 1], which[i : i + 1])
        steps = max(steps, taken)
    return solution, values, QUASI_NEWTON + steps


def _newton(
    objective: _Objective, at: Float[Tensor, "1 column axis"], which: Tensor
) -> tuple[Float[Tensor, "column axis"], Float[Tensor, ""], int]:
    """Newton's method for one problem: (weights, value, steps)."""
    value, gradient, hessian = objective.evaluate(at, which)
    for steps in range(1, NEWTON):
        if objective.arrived(at, gradient, hessian).all():
            return at[0], value[0], steps
        direction = _conjugate_gradients(objective.curved(at, which), -gradient, hessian)
        at, value, gradient, hessian = objective.step(at, which, value, gradient, direction)
    raise BenchError(
        f"the exact probe did not reach its optimum in {NEWTON} steps under a penalty of {float(objective.penalty[0]):g}. "
        "Remove the largest values from the list c: classes that are perfectly separable have an optimum with very large "
        "weights."
    )


def _conjugate_gradients(product: Callable[[Tensor], Tensor], wanted: Tensor, diagonal: Tensor) -> Tensor:
    """Solve ``product(x) = wanted`` to a tenth of its size, to less near the optimum, preconditioned by a diagonal."""
    x, residual = torch.zeros_like(wanted), wanted.clone()
    scaled = residual / diagonal
    search, size = scaled.clone(), (residual * scaled).sum()
    enough = size * min(0.01, float(size.sqrt()))
    for _ in range(2 * wanted.numel()):
        turned = product(search)
        curvature = (search * turned).sum()
        if curvature <= 0:  # lost to rounding
            break
        length = size / curvature
        x += length * search
        residual -= length * turned
        scaled = residual / diagonal
        new_size = (residual * scaled).sum()
        if new_size <= enough:
            break
        search, size = scaled + new_size / size * search, new_size
    return x


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
