"""A cell: the unit of work and of caching."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from bench import modes
from bench.signals.leads import LEADS, name_leads
from bench.splitting.label_fractions import Rule

Profile = Literal["paper", "small", "smoke"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
SMALL = range(1_000, 20_001)
"""Recordings to pretrain on for which the profile ``small`` is made."""


def profile_for(records: int) -> Profile:
    """The profile made for a corpus of so many recordings that is too small for a paper's settings."""
    return "small" if records >= SMALL.start else "smoke"


@dataclass(frozen=True, order=True)
class Cell:
    """One (method, task, mode, leads, fraction, fold) and the numbers of its random draws.

    ``fraction`` is the share of the training partition that is labelled (1.0 for zero-shot, which uses none), drawn by
    ``fraction_rule`` (:mod:`bench.splitting.label_fractions`; of all records there is one draw, called ``stratified``).

    Three numbers say what was drawn: ``seed`` what is trained downstream, ``draw`` the labelled records, ``training`` the
    pretraining (added to the config's ``pretrain.seed``). A replicate varies all of them; one that plays no role is 0.
    """

    method: str
    task: str
    mode: str
    leads: tuple[str, ...] = LEADS
    fraction: float = 1.0
    seed: int = 0
    fold: int = 0
    fraction_rule: Rule = "stratified"
    draw: int = 0
    training: int = 0

    def __str__(self) -> str:
        parts = [self.method, self.task, self.mode]
        if self.leads != LEADS:
            parts.append(f"leads {name_leads(self.leads)}")
        if modes.facts(self.mode).uses_labels:
            drawn = "" if self.fraction_rule == "stratified" else f", {self.fraction_rule}'s draw"
            parts.append(f"{100 * self.fraction:g}%{drawn}")
            parts.append(f"seed {self.seed}")
        elif self.seed:
            parts.append(f"seed {self.seed}")
        if self.draw:
            parts.append(f"draw {self.draw}")
        if self.training:
            parts.append(f"training {self.training}")
        if self.fold:
            parts.append(f"fold {self.fold}")
        return " · ".join(parts)

    def to_dict(self) -> dict:
        """As JSON; the default rule is left out, and draw and training where both are 0, so that such cells keep their
        keys."""
        value = {entry.name: getattr(self, entry.name) for entry in fields(self)} | {"leads": list(self.leads)}
        if self.fraction_rule == "stratified":
            del value["fraction_rule"]
        if not (self.draw or self.training):
            del value["draw"], value["training"]
        return value

    @classmethod
    def from_dict(cls, value: dict) -> Cell:
        return cls(**(value | {"leads": tuple(value["leads"])}))
