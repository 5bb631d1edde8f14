"""A method prepared for its checks, and what the checks do with it: encode, take a step, compare."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.batch import ECGBatch
from bench.checks.check import Broken, DoesNotApply
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.method import Corpus, Method, MethodConfig
from bench.runner.overrides import method_config
from bench.seeding import seeded


@dataclass(frozen=True)
class MethodSubject:
    """A method at smoke size, ready to be pretrained on made-up recordings. Checks that change it work on a copy."""

    cls: type[Method]
    config: MethodConfig
    corpus: Corpus
    batch: ECGBatch
    built: Method

    @classmethod
    def of(cls, method: type[Method], folder: Path) -> MethodSubject:
        """Build the method. ``folder`` is for what :meth:`Method.example_config` writes."""
        smoke = method_config(method, "smoke")
        return cls.built_from(method, type(smoke).model_validate(smoke.model_dump() | method.example_config(folder)))

    @classmethod
    def built_from(cls, method: type[Method], config: MethodConfig) -> MethodSubject:
        """Build the method of this config, which may be smaller than its smoke profile."""
        corpus, batch = synthetic_corpus(method.input_for(config), records=4)
        return cls(method, config, corpus, batch, _ready(method, config, corpus))

    def again(self, seed: int = 0) -> Method:
        """Another instance, made ready from a seed."""
        return _ready(self.cls, self.config, self.corpus, seed)

    @functools.cached_property
    def stepped(self) -> tuple[Method, float]:
        """A copy after one gradient step, and the loss of that step."""
        method = copy.deepcopy(self.built)
        return method, gradient_step(method, self.batch, seed=1)

    def needs(self, function: str) -> None:
        if not self.cls.implements(function):
            raise DoesNotApply(f"{self.cls.name} has no {function}, which is optional")


def _ready(cls: type[Method], config: MethodConfig, corpus: Corpus, seed: int = 0) -> Method:
    with seeded(seed):
        method = cls(config)
        method.prepare_corpus(corpus)
    return method


def take_rows(batch: ECGBatch, rows: list[int]) -> ECGBatch:
    def part(values):
        return None if values is None else values[rows]

    text = None if batch.text is None else [batch.text[row] for row in rows]
    return ECGBatch(batch.ecg[rows], batch.leads[rows], batch.index[rows], text, part(batch.image), part(batch.tabular))


def encode(method: Method, batch: ECGBatch) -> torch.Tensor:
    method.eval()
    with torch.no_grad():
        vectors = method.encode(batch)
    if not isinstance(vectors, torch.Tensor):
        raise Broken(
            f"encode returned a {type(vectors).__name__}; expected a tensor [record, dim].",
            "Does encode end without return?" if vectors is None else "Return one vector per recording.",
        )
    return vectors


def total_loss(method: Method, batch: ECGBatch) -> torch.Tensor:
    terms = method.pretraining_loss(batch)
    if not isinstance(terms, dict) or not terms:
        raise Broken(
            f"pretraining_loss returned a {type(terms).__name__}.",
            'Return the terms whose sum is minimised by name: {"contrastive": loss}.',
        )
    return torch.stack(list(terms.values())).sum()


def gradient_step(method: Method, batch: ECGBatch, seed: int, lr: float = 1e-3) -> float:
    """One plain gradient step; nothing is remembered outside the method."""
    method.train().zero_grad()
    with seeded(seed):
        loss = total_loss(method, batch)
        loss.backward()
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.grad is not None:
                parameter.sub_(lr * parameter.grad)
    return loss.item()


def alike(vectors: torch.Tensor, expected: torch.Tensor) -> bool:
    """Within 1e-5 of the largest value: deep untrained networks have outputs of any size, and rounding follows it."""
    bound = 1e-5 * max(1.0, expected.abs().max().item())
    return vectors.shape == expected.shape and bool(((vectors - expected).abs() <= bound).all())


def differing(first: Method, second: Method) -> list[str]:
    ours, theirs = first.state_dict(), second.state_dict()
    if ours.keys() != theirs.keys():
        return sorted(ours.keys() ^ theirs.keys())
    return [key for key in ours if not torch.equal(ours[key], theirs[key])]
