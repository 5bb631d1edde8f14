"""State of a method between steps, in addition to its weights: the current step, and a slow copy of a network.

Both are part of the state dict, so that a resumed run goes on as an undisturbed one would.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from methods.losses.siamese import ema_momentum, update_target


class PretrainingClock(nn.Module):
    """How far pretraining has come, for schedules inside a loss.

    A method calls :meth:`prepare` in ``prepare_corpus`` and :meth:`tick` once in each ``pretraining_loss``; only
    training steps count.
    """

    step: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.steps = 0

    def prepare(self, corpus: Corpus, config: PretrainConfig) -> None:
        """Count the steps to come, as the training loop does: full batches only."""
        records = int(corpus.train.sum())
        self.steps = records // config.batch_for(records) * config.epochs

    def tick(self) -> None:
        """One more training step has begun."""
        if self.training:
            self.step += 1

    def begun(self) -> int:
        """Training steps before the current step."""
        return max(int(self.step) - 1, 0)

    def fraction(self) -> float:
        """Share of all steps before the current step; 0 if the number of steps is not known."""
        return min(self.begun() / self.steps, 1.0) if self.steps else 0.0


class MomentumCopy(nn.Module):
    """A copy of a network that follows it slowly and receives no gradient.

    The contract has one call per step, before the optimiser's, so a step begins with :meth:`follow`: the copy takes in
    what the optimiser did in the step before. In the first step both are equal and nothing moves.
    """

    def __init__(self, online: nn.Module):
        super().__init__()
        self.net = copy.deepcopy(online).requires_grad_(False)

    def follow(self, online: nn.Module, momentum: float) -> None:
        """``copy = momentum * copy + (1 - momentum) * online``; in training only. BatchNorm statistics stay its own."""
        if self.training:
            update_target(self.net, online, momentum)

    def forward(self, *inputs: Any) -> Any:
        with torch.no_grad():
            return self.net(*inputs)


def cosine_to_one(clock: PretrainingClock, initial: float) -> float:
    """The momentum of this step: from ``initial`` along a cosine to 1, or ``initial`` if the end is not known."""
    return ema_momentum(clock.begun(), clock.steps, initial) if clock.steps else initial
