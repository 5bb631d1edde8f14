"""Seen and unseen classes: which class names a method met during pretraining, before zero-shot.

The rule of K-MERL (Table 5): a class is seen if its name's similarity to something of the pretraining corpus is above
0.95, as the method's own text encoder sees it. What the corpus said is kept with the checkpoint: the entities mined from it
(K-MERL), or the statements of its reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.method import Method
from bench.training.checkpoint_files import read_concepts

SEEN_ABOVE = 0.95


@dataclass(frozen=True)
class SeenClasses:
    """What is known of a task's classes. ``classes``: short name -> ``seen``, ``nearest`` concept, ``similarity``."""

    classes: dict[str, dict[str, Any]] = field(default_factory=dict)
    concepts: int = 0

    @property
    def groups(self) -> dict[str, list[str]]:
        """The classes of either kind, for :func:`bench.scoring.score.score`."""
        return {
            group: [label for label, facts in self.classes.items() if facts["seen"] is wanted]
            for group, wanted in (("seen", True), ("unseen", False))
        }

    def to_dict(self) -> dict[str, Any]:
        """As a result keeps it; empty where nothing is known."""
        if not self.classes:
            return {}
        return {"similarity_above": SEEN_ABOVE, "concepts": self.concepts, "classes": self.classes}


def seen_classes(method: Method, checkpoint: Path | None, labels: Sequence[str], words: Sequence[str]) -> SeenClasses:
    """Compare the classes with what a checkpoint's pretraining said.

    Args:
        method: with the checkpoint's weights.
        checkpoint: its folder; one that keeps no words (imported, or of a method without text) gives nothing.
        labels, words: the classes' short names, and how they are asked for before any prompt is made of them.
    """
    concepts = read_concepts(checkpoint) if checkpoint is not None else ()
    if not concepts or not method.implements("nearest_concepts"):
        return SeenClasses()
    matches = method.nearest_concepts(list(words), concepts)
    return SeenClasses(
        {
            label: {"seen": similarity > SEEN_ABOVE, "nearest": nearest, "similarity": similarity}
            for label, (nearest, similarity) in zip(labels, matches, strict=True)
        },
        len(concepts),
    )
