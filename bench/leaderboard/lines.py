"""The lines of a table: variants of a row, its untrained network, and rows that are one computation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.cells.result import Result
from bench.leaderboard.board import Row
from bench.leaderboard.collapsed import MARK as COLLAPSE_MARK
from bench.leaderboard.collapsed import collapse_behind
from bench.leaderboard.corrections import faults
from bench.leaderboard.footnotes import deviations
from bench.leaderboard.match_results import (
    CellCoordinates,
    config_without_pretraining,
    coordinates_of,
    is_untrained,
    latest,
    short_names,
    split_by_config,
)
from bench.leaderboard.stale_results import MARK as STALE_MARK
from bench.leaderboard.stale_results import is_stale
from bench.leaderboard.summary import Summary
from bench.leaderboard.text_ceilings import MARK, Ceilings, ceilings_of, in_words

LABEL_LENGTH = 40
"""Characters that the label of a line may have, unless the board's author gave its row a longer one."""
MIN_VARIANT = 12
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Line:
    """One line of a table: a row, or one of several variants found for it.

    Attributes:
        variant: what sets it apart, short enough for a label of :data:`LABEL_LENGTH` characters.
        deviates: from the paper of its method, as the method states it.
        outdated: made before a fault of its method was corrected.
        settings: what sets it apart, whole.
        same_as: labels of further rows whose results are the same computation in every column; they have no line.
        twin: number of the line that shows the same network untrained.
        text_ceilings: how well the texts it was pretrained on predict the labels, by task.
        stale: computed with code that had changed when the board was frozen.
        collapsed: its representations collapsed in pretraining.
    """

    row: Row
    variant: str
    summaries: list[Summary]
    deviates: bool = False
    outdated: bool = False
    settings: str = ""
    same_as: tuple[str, ...] = ()
    twin: int | None = None
    text_ceilings: Ceilings = field(default_factory=dict)
    stale: bool = False
    collapsed: bool = False

    @property
    def label(self) -> str:
        """The label of the row, with the variant and with the other names of the computation."""
        own = f"{self.row.label} ({self.variant})" if self.variant else self.row.label
        return " = ".join([own, *self.same_as])

    @property
    def marked_label(self) -> str:
        """The label as a reader sees it: § where a footnote says how it differs from its paper, ¶ which fault it has, ≡ that
        its texts state the labels, Δ that its code has changed since, ∅ that its representations collapsed."""
        marks = "§" * self.deviates + "¶" * self.outdated + MARK * in_words(self.text_ceilings)
        marks += STALE_MARK * self.stale + COLLAPSE_MARK * self.collapsed
        return " ".join([self.label, *marks])

    @property
    def found(self) -> bool:
        """Whether anything of it was run."""
        return any(summary.keys or summary.value is not None for summary in self.summaries)


def explain_marks(lines: Iterable[Line]) -> list[str]:
    """The marks of some rows' labels (:attr:`Line.marked_label`), each with its meaning in a few words."""
    lines = list(lines)
    meanings = {
        "§ differs from its paper": any(line.deviates for line in lines),
        "¶ made before a fault of the method was corrected": any(line.outdated for line in lines),
        f"{MARK} text states the labels": any(in_words(line.text_ceilings) for line in lines),
        f"{STALE_MARK} stale": any(line.stale for line in lines),
        f"{COLLAPSE_MARK} the representations collapsed in pretraining": any(line.collapsed for line in lines),
    }
    return [meaning for meaning, is_there in meanings.items() if is_there]


@dataclass(frozen=True)
class Filled:
    """A line with the results behind it, older ones of the same cells included."""

    line: Line
    results: list[Result]


def variants(row: Row, results: Sequence[Result]) -> Iterator[Filled]:
    """The lines of one row, without their summaries. Untrained networks come last."""
    for untrained in (False, True):
        groups = split_by_config([result for result in results if is_untrained(result) == untrained])
        label = f"{row.label} ({UNTRAINED}, )" if untrained else f"{row.label} ()"
        names = short_names(list(groups), max(LABEL_LENGTH - len(label), MIN_VARIANT))
        for name, (settings, of_group) in zip(names, groups.items(), strict=True):
            shown = latest(of_group)
            variant = ", ".join(filter(None, [UNTRAINED * untrained, name]))
            whole = ", ".join(filter(None, [UNTRAINED * untrained, settings]))
            marks = bool(deviations(shown)), bool(faults(shown))
            line = Line(
                row,
                variant,
                [],
                *marks,
                whole,
                text_ceilings=ceilings_of(shown),
                stale=any(map(is_stale, shown)),
                collapsed=any(map(collapse_behind, shown)),
            )
            yield Filled(line, of_group)


def arranged(filled: Sequence[Filled]) -> list[Filled]:
    """The lines of a table, in the given order: those that are one computation joined, each with its untrained network."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, each in enumerate(filled):
        groups[_computation(each) or number].append(number)
    position = {number: k for k, numbers in enumerate(groups.values()) for number in numbers}
    lines = []
    for numbers in groups.values():
        first, *others = (filled[number] for number in numbers)
        twins = [twin for number in numbers if (twin := _twin(filled, number)) is not None]
        line = replace(
            first.line,
            same_as=tuple(other.line.label for other in others),
            twin=position[twins[0]] if twins and position[twins[0]] != position[numbers[0]] else None,
        )
        lines.append(replace(first, line=line))
    return lines


def _computation(filled: Filled) -> Hashable | None:
    """What two lines share if they are one computation: the question and the predictions in every place.

    None where that is not known, and for rows with published numbers, since a paper's numbers are of one of them.
    """
    row = filled.line.row
    by_place: dict[CellCoordinates, set[str]] = defaultdict(set)
    for result in latest(filled.results):
        by_place[coordinates_of(result)].add(result.predictions_digest)
    if not by_place or any("" in digests for digests in by_place.values()) or any(row.published):
        return None
    question = (row.task, *row.tasks, row.mode, row.fraction, row.leads, row.metric, row.class_name)
    return question, frozenset((place, frozenset(digests)) for place, digests in by_place.items())


def _twin(filled: Sequence[Filled], number: int) -> int | None:
    """The number of the line that shows the network of a line untrained.

    That is the line of the same row whose settings differ in those of pretraining alone (``bench run --untrained`` makes it);
    without one, the row that the board names as ``untrained``.
    """
    line, results = filled[number].line, filled[number].results
    if not results or is_untrained(results[0]):
        return None
    own = config_without_pretraining(results[0])
    for k, other in enumerate(filled):
        untrained = other.line.row is line.row and other.results and is_untrained(other.results[0])
        if untrained and config_without_pretraining(other.results[0]) == own:
            return k
    declared = [k for k, other in enumerate(filled) if other.line.row.name == line.row.untrained and other.results]
    return declared[0] if len(declared) == 1 and declared[0] != number else None


def name_of(line: Line, lines: Sequence[Line]) -> str:
    """The line's label, with its group where another line has the same label: unique within the table."""
    label = line.label
    if line.row.group and sum(other.label == label for other in lines) > 1:
        return f"{label} ({line.row.group})"
    return label
