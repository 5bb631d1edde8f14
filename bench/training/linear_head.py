"""A linear head and its AdamW steps, compiled: PyTorch's arithmetic without its overhead per step.

A probe's step on sixteen recordings is a few microseconds of arithmetic under a few hundred of Python and autograd, and a
table of probes takes millions of steps. The gradient of a linear head is known in closed form, so that the whole epoch is
one compiled loop. ``tests/bench/training/test_linear_head.py`` holds it to ``torch.nn.Linear`` and ``torch.optim.AdamW``.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bench.errors import BenchError

LOSSES = {"binary": 0, "softmax": 1, "squared": 2, "cox": 3}
"""The losses of :class:`bench.training.objective.Objective`, means as it takes them, and their numbers in compiled code."""

UNKNOWN = {0: 4, 2: 5}
"""Their numbers where some targets are unknown (NaN): means over the known ones of a batch."""

BLOCK = 64 * 2**20
"""Bytes of targets that are converted at a time: all targets of a thousand classes as float32 may exceed the memory."""

BETAS, EPS = (0.9, 0.999), 1e-8  # AdamW's defaults, which no paper changes for a probe


class LinearHead:
    """A linear map from [record, dim] to [record, output], and the moments of its optimiser.

    The initial range is ``torch.nn.Linear``'s, drawn from ``generator``.
    """

    def __init__(self, dim: int, n_outputs: int, loss: str, generator: torch.Generator):
        bound = dim**-0.5
        weight = torch.empty(n_outputs, dim).uniform_(-bound, bound, generator=generator)
        bias = torch.empty(n_outputs).uniform_(-bound, bound, generator=generator)
        self.weight, self.bias = weight.numpy(), bias.numpy()
        self._moments = [np.zeros_like(a) for a in (self.weight, self.weight, self.bias, self.bias)]
        self._steps = 0
        self._loss = LOSSES[loss]

    def train_epoch(
        self,
        features: Float[np.ndarray, "record dim"],
        targets: Shaped[np.ndarray, "record ..."],
        order: Int[np.ndarray, " record"],
        batch_size: int,
        rates: Float[np.ndarray, " step"],
        weight_decay: float,
    ) -> float:
        """One pass over the records in ``order``, the last batch smaller if need be; the mean loss per record.

        Args:
            features: float32. targets: classes as [record], (years, event) as [record, 2], others as [record, output], NaN
                where unknown.
            rates: the learning rate of each step.

        Raises:
            BenchError: the loss is not finite.
        """
        block = batch_size * max(1, BLOCK // (batch_size * targets[:1].size * 4))
        total = 0.0
        for start in range(0, len(order), block):
            rows = order[start : start + block]
            of_block = rates[start // batch_size :][: -(-len(rows) // batch_size)]
            classes = targets[rows].astype(np.int64) if self._loss == 1 else np.zeros(1, np.int64)
            values = np.zeros((1, 1), np.float32) if self._loss == 1 else targets[rows].astype(np.float32)
            loss = UNKNOWN.get(self._loss, self._loss) if np.isnan(values).any() else self._loss
            total += _steps(  # type: ignore[call-arg]  # numba's types know a dispatcher of one argument
                features, classes, values, rows, loss, self.weight, self.bias, *self._moments,
                np.asarray(of_block, np.float64), self._steps, batch_size, weight_decay,
            )  # fmt: skip
            self._steps += len(of_block)
        if not math.isfinite(total):
            raise BenchError(
                "the loss of the linear head is not finite. Lower linear.lr, or look for features that are very large "
                "(a method whose encode does not normalise)."
            )
        return total / len(order)

    def outputs(self, features: Float[Tensor, "record dim"]) -> Float[Tensor, "record output"]:
        return torch.nn.functional.linear(features, torch.from_numpy(self.weight), torch.from_numpy(self.bias))

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """A copy of weight and bias."""
        return self.weight.copy(), self.bias.copy()

    def load(self, state: tuple[np.ndarray, np.ndarray]) -> None:
        self.weight[:], self.bias[:] = state


@numba.njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, nogil=True, error_model="numpy")
def _loss_and_gradient(loss, outputs, classes, values, gradient):  # pragma: no cover - compiled
    """Sum of a batch's losses over its records; the gradient of their mean is left in ``gradient`` [record, output]."""
    n, width = outputs.shape
    total = 0.0
    if loss == 0:
        share = np.float32(1.0 / (n * width))
        for i in range(n):
            for c in range(width):
                z, y = outputs[i, c], values[i, c]
                small = np.exp(-abs(z))
                certain = np.float32(1) / (np.float32(1) + small)
                gradient[i, c] = ((certain if z >= 0 else np.float32(1) - certain) - y) * share
                total += (max(z, np.float32(0)) - z * y + np.log1p(small)) / width
    elif loss == 1:
        share = np.float32(1.0 / n)
        for i in range(n):
            top = outputs[i].max()
            mass = np.float32(0)
            for c in range(width):
                gradient[i, c] = np.exp(outputs[i, c] - top)
                mass += gradient[i, c]
            right = classes[i]
            total += np.log(mass) + top - outputs[i, right]
            for c in range(width):
                gradient[i, c] *= share / mass
            gradient[i, right] -= share
    elif loss == 2:
        share = np.float32(2.0 / (n * width))
        for i in range(n):
            for c in range(width):
                off = outputs[i, c] - values[i, c]
                gradient[i, c] = off * share
                total += off * off / width
    elif loss > 3:
        total = n * _known_only(loss, outputs, values, gradient)
    else:
        total = n * _cox(outputs, values, gradient)
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _known_only(loss, outputs, values, gradient):  # pragma: no cover - compiled
    """Mean loss of a batch over its known targets, and its gradient; 0 without any."""
    n, width = outputs.shape
    known = 0
    for i in range(n):
        for c in range(width):
            known += not np.isnan(values[i, c])
    share, total = np.float32(1.0 / max(known, 1)), 0.0
    for i in range(n):
        for c in range(width):
            z, y = outputs[i, c], values[i, c]
            if np.isnan(y):
                gradient[i, c] = 0
            elif loss == 4:
                small = np.exp(-abs(z))
                certain = np.float32(1) / (np.float32(1) + small)
                gradient[i, c] = ((certain if z >= 0 else np.float32(1) - certain) - y) * share
                total += max(z, np.float32(0)) - z * y + np.log1p(small)
            else:
                gradient[i, c] = np.float32(2) * (z - y) * share
                total += (z - y) * (z - y)
    return total / max(known, 1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cox(outputs, values, gradient):  # pragma: no cover - compiled
    """Breslow's negative log partial likelihood, mean over the batch's events, and its gradient; 0 without events."""
    n = len(outputs)
    gradient[:n] = 0
    events = 0
    for i in range(n):
        events += values[i, 1] > 0
    if events == 0:
        return 0.0
    order = np.argsort(values[:n, 0])[::-1]  # from the longest time to the shortest: those at risk add up
    top = outputs[:n, 0].max()
    hazard = np.exp((outputs[:n, 0] - top).astype(np.float64))
    at_risk = np.empty(n)
    mass, first = 0.0, 0
    for k in range(n):
        mass += hazard[order[k]]
        if k + 1 == n or values[order[k + 1], 0] != values[order[k], 0]:
            at_risk[first : k + 1] = mass  # everyone with the same time is at risk
            first = k + 1
    total, passed, k = 0.0, 0.0, n - 1
    while k >= 0:
        first = k
        while first > 0 and values[order[first - 1], 0] == values[order[k], 0]:
            first -= 1
        for j in range(first, k + 1):
            if values[order[j], 1] > 0:
                passed += 1 / at_risk[j]
                total += np.log(at_risk[j]) + top - outputs[order[j], 0]
        for j in range(first, k + 1):
            own = 1.0 if values[order[j], 1] > 0 else 0.0
            gradient[order[j], 0] = np.float32((hazard[order[j]] * passed - own) / events)
        k = first - 1
    return total / events


@numba.njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, nogil=True, error_model="numpy")
def _adamw(weight, gradient, first, second, rate, step, weight_decay):  # pragma: no cover - compiled
    """One step on flat arrays, as ``torch.optim.AdamW`` does it."""
    keep1, keep2 = np.float32(BETAS[0]), np.float32(BETAS[1])
    new1, new2 = np.float32(1 - BETAS[0]), np.float32(1 - BETAS[1])
    decay = np.float32(1 - rate * weight_decay)
    size = np.float32(rate / (1 - BETAS[0] ** step))
    unbias = np.float32(1 / (1 - BETAS[1] ** step) ** 0.5)
    eps = np.float32(EPS)
    for j in range(weight.size):
        g = gradient[j]
        m = keep1 * first[j] + new1 * g
        v = keep2 * second[j] + new2 * g * g
        first[j], second[j] = m, v
        weight[j] = weight[j] * decay - size * m / (np.sqrt(v) * unbias + eps)


@numba.njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, nogil=True, error_model="numpy")
def _steps(
    features, classes, values, order, loss, weight, bias, first_w, second_w, first_b, second_b,
    rates, step, batch_size, weight_decay,
):  # fmt: skip  # pragma: no cover - compiled
    """One step per rate; the sum of the losses of the records. Classes and values are in the order of the steps."""
    dim, width = features.shape[1], weight.shape[0]
    batch = np.empty((batch_size, dim), np.float32)
    gradient = np.empty((batch_size, width), np.float32)
    bias_gradient = np.empty(width, np.float32)
    total = 0.0
    for s in range(len(rates)):
        first, end = s * batch_size, min((s + 1) * batch_size, len(order))
        rows = order[first:end]
        n = len(rows)
        for i in range(n):
            batch[i] = features[rows[i]]
        outputs = np.dot(batch[:n], weight.T)
        for i in range(n):
            for c in range(width):
                outputs[i, c] += bias[c]
        total += _loss_and_gradient(loss, outputs, classes[first:end], values[first:end], gradient[:n])
        bias_gradient[:] = 0
        for i in range(n):
            for c in range(width):
                bias_gradient[c] += gradient[i, c]
        weight_gradient = np.dot(gradient[:n].T, batch[:n])
        _adamw(
            weight.ravel(),
            weight_gradient.ravel(),
            first_w.ravel(),
            second_w.ravel(),
            rates[s],
            step + s + 1,
            weight_decay,
        )
        _adamw(bias, bias_gradient, first_b, second_b, rates[s], step + s + 1, weight_decay)
    return total
