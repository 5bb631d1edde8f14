"""The flow chart of a cohort: how many recordings there were, and how many each exclusion removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One exclusion: what it asks, how many it removed, how many are left."""

    reason: str
    removed: int
    left: int


@dataclass
class Flow:
    """The flow chart of a cohort.

    Attributes:
        title: of the cohort.
        start: how many there were, and what they are.
        steps: in order.
        notes: what else is worth knowing before a number is read.
    """

    title: str
    start: int
    unit: str = "recordings"
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The chart as text, one line a step."""
        text = [f"{self.title}", f"  {self.start:>9,}  {self.unit} available"]
        text += [f"  {-step.removed:>9,}  {step.reason} ({step.left:,} left)" for step in self.steps if step.removed]
        return [*text, f"  {self.left:>9,}  take part", *(f"  {note}" for note in self.notes)]

    @property
    def left(self) -> int:
        return self.steps[-1].left if self.steps else self.start

    def to_dict(self) -> dict[str, Any]:
        """As JSON, for the record of a result."""
        return {
            "title": self.title,
            "start": self.start,
            "unit": self.unit,
            "steps": [vars(step) for step in self.steps],
            "left": self.left,
            "notes": list(self.notes),
        }
