"""Validate result cards: run all checks of each, compare the cards of a folder with each other, and state a level."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench import modes, registry
from bench.cells.result import Result
from bench.errors import BenchError, DataError
from bench.leaderboard.card_form import Card
from bench.leaderboard.validation import consistency, method
from bench.leaderboard.validation.predictions import predictions
from bench.leaderboard.validation.replays import was_replayed
from bench.leaderboard.validation.verdict import Check, NotChecked, Verdict
from bench.reading.text_file import said

if TYPE_CHECKING:
    from bench.data.source import DataSource

SHOWN, LONGEST = 20, 300
"""Reasons that are named, and characters of each: a card chooses both."""

CHEAP: dict[str, Callable[[Card], Iterator[str]]] = {
    "digest and key": consistency.digests,
    "counts": consistency.counts,
    "ranges and means of scores": consistency.scores,
    "task and split": consistency.task_and_split,
    "coordinates": consistency.coordinates,
    "dates": consistency.dates,
    "seen classes": consistency.seen,
}
OF_METHOD: dict[str, Callable[..., Iterator[str]]] = {
    "method": method.method,
    "profile": method.profile,
    "checkpoint": method.checkpoint,
    "contamination": method.contamination,
}
"""Only for a card that contradicts neither itself nor its task."""


def validate(card: Card, path: Path | None = None, source: DataSource | None = None) -> Verdict:
    """All checks of one card.

    Args:
        path: its predictions.
        source: data that may be prepared in the workspace; records and labels are then compared with them.
    """
    checks = [line for name, check in CHEAP.items() for line in _run(name, check, card)]
    if not any(check.outcome == "differs" for check in checks):
        thorough = path is not None  # without predictions the level is schema in any case
        for name, of_method in OF_METHOD.items():
            checks += _run(name, functools.partial(of_method, thorough=thorough), card)
        checks += predictions(card, path, source)
    problems = [check for check in checks if check.outcome == "differs"]
    for more in problems[SHOWN:]:
        checks.remove(more)
    if problems[SHOWN:]:
        checks.append(Check("more", "differs", f"and {len(problems) - SHOWN} more"))
    checks = [replace(check, detail=check.detail[:LONGEST]) for check in checks]
    return Verdict(tuple(checks), source is not None and was_replayed(card, source.workspace))


def _run(name: str, check: Callable[[Card], Iterator[str]], card: Card) -> Iterator[Check]:
    """The lines of one check. A card may hold anything: an error that a check did not foresee is a reason to refuse."""
    try:
        lines = list(check(card))
    except (BenchError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        lines = [f"{name}: {said(error)}; expected a card as bench leaderboard export writes it"]
    for line in lines:
        yield Check(name, "not checked" if isinstance(line, NotChecked) else "differs", line)
    if not lines:
        yield Check(name, "holds")


def check(card: Card, path: Path | None = None, source: DataSource | None = None) -> list[str]:
    """What does not hold of a card, written out; empty if everything that can be checked agrees."""
    return validate(card, path, source).problems


@dataclass(frozen=True)
class Judged:
    """A card of a folder: where it is, what it is if it could be read, the verdict, and its predictions if they are here."""

    path: Path
    card: Card | None
    verdict: Verdict
    predictions: Path | None = None

    @property
    def name(self) -> str:
        return str(self.path) if self.card is None or self.path.suffix == ".json" else f"{self.path}: {self.card.key}"

    def result(self) -> Result:
        """The result of an accepted card, with its level of proof.

        Raises:
            DataError: the card is refused.
        """
        if self.card is None or self.verdict.level is None:
            raise DataError(
                f"{self.name}: {'; '.join(self.verdict.problems)}. bench leaderboard validate reports the same."
            )
        stored = self.predictions is not None and self.predictions.name == "predictions.parquet"
        folder = self.predictions.parent if stored and self.predictions is not None else None
        return replace(self.card.result(), level=self.verdict.level, folder=folder)


def unreadable(path: Path, error: Exception) -> Judged:
    """A file that is no card."""
    return Judged(path, None, Verdict((Check("form", "differs", str(error) or said(error)),)))


def compared_with_each_other(cards: Iterable[Judged]) -> list[Judged]:
    """The verdicts with those of the cards as a whole: none comes twice, and two seeds have different predictions."""
    keys: dict[str, Judged] = {}
    drawn: dict[tuple[str, str], Judged] = {}
    judged = []
    for entry in cards:
        card, problems = entry.card, []
        if card is not None:
            if (first := keys.setdefault(card.key, entry)) is not entry:
                problems.append(f"key: the same card as {first.path}; a cell has one card")
            cell = {k: v for k, v in card.cell.items() if k not in ("seed", "draw", "training")}
            name = (json.dumps(cell, sort_keys=True), card.predictions.sha256)
            twin = drawn.setdefault(name, entry)
            if twin is not entry and twin.card is not None and _drawn_apart(twin.card, card):
                problems.append(
                    f"predictions: the same as those of {twin.path} under another seed; one computation has one card"
                )
        lines = tuple(Check("other cards", "differs", problem) for problem in problems)
        verdict = replace(entry.verdict, checks=entry.verdict.checks + lines) if lines else entry.verdict
        judged.append(replace(entry, verdict=verdict))
    return judged


def _drawn_apart(first: Card, second: Card) -> bool:
    """Whether two cards of one cell differ in something that is drawn, so that their predictions differ too."""
    numbers = [tuple(card.cell.get(name, 0) for name in ("draw", "training")) for card in (first, second)]
    if numbers[0] != numbers[1]:
        return True
    return bool(first.cell["seed"] != second.cell["seed"] and _depends_on_seed(second))


def _depends_on_seed(card: Card) -> bool:
    try:
        method_class = registry.load(registry.METHODS, card.cell["method"])
        if method_class.implements("fit"):
            return method_class.seed_changes_fit
        mode = modes.load(card.cell["mode"])
        return mode.depends_on_seed(mode.Config.model_validate(card.config.get(mode.name)))
    except (BenchError, ValidationError):  # a method or mode that is not installed
        return True
