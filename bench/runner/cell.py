"""The unit of work and of caching."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from bench.signals.leads import LEADS, name_leads

Profile = Literal["paper", "smoke"]


@dataclass(frozen=True, order=True)
class Cell:
    """One (method, task, mode, leads, fraction, seed, fold).

    ``fraction`` is the share of the training partition that is labelled (1.0 for zero-shot, which uses none).
    """

    method: str
    task: str
    mode: str
    leads: tuple[str, ...] = LEADS
    fraction: float = 1.0
    seed: int = 0
    fold: int = 0

    def __str__(self) -> str:
        parts = [self.method, self.task, self.mode]
        if self.leads != LEADS:
            parts.append(f"leads {name_leads(self.leads)}")
        if self.mode != "zeroshot":
            parts.append(f"{self.fraction:.0%}")
            parts.append(f"seed {self.seed}")
        if self.fold:
            parts.append(f"fold {self.fold}")
        return " · ".join(parts)

    def to_dict(self) -> dict:
        return asdict(self) | {"leads": list(self.leads)}

    @classmethod
    def from_dict(cls, value: dict) -> Cell:
        return cls(**(value | {"leads": tuple(value["leads"])}))
