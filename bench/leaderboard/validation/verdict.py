"""The verdict on a card: its checks, and the level of proof that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["schema", "rescored", "replayed"]
LEVELS: tuple[Level, ...] = ("schema", "rescored", "replayed")
"""``schema``: the card does not contradict itself, its task and its method. ``rescored``: the method is the one installed
here, and the metrics follow from predictions whose records, labels and patients are those of the split. ``replayed``: the
cell was computed again here."""

Outcome = Literal["holds", "differs", "not checked"]
PROVES_SCORE = ("method", "records and labels", "patients", "metrics")
"""Checks that all have to hold for ``rescored``."""


class NotChecked(str):
    """Why something could not be checked; a plain text from a check is a contradiction."""


@dataclass(frozen=True)
class Check:
    """One line of the table: what was checked, the outcome, and the contradiction or the reason."""

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """All checks of one card."""

    checks: tuple[Check, ...]
    was_replayed: bool = False

    @property
    def problems(self) -> list[str]:
        """The contradictions; none where the card is accepted."""
        return [check.detail for check in self.checks if check.outcome == "differs"]

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def level(self) -> Level | None:
        """The level of proof; None for a card that is refused."""
        if self.problems:
            return None
        if self.was_replayed:
            return "replayed"
        held = {check.name for check in self.checks if check.outcome == "holds"}
        open_ones = {check.name for check in self.checks if check.outcome == "not checked"}
        return "rescored" if held - open_ones >= set(PROVES_SCORE) else "schema"
