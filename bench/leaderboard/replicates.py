"""The replicates among results: which results belong to one joint draw of pretraining, labelled records and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from bench import modes
from bench.cells.result import Result
from bench.splitting.label_fractions import is_seeded

DRAWN = ("training", "draw")
"""Numbers of a cell that only replicates vary."""

Varied = Literal["replicates", "seeds", "seeds of one training", "one seed"]
"""What differs between the results of one place: joint draws of pretraining, labelled records and seed; seeds, where nothing
else is drawn; seeds of what is trained on one pretraining or one draw of labelled records; or nothing."""


def by_replicate(results: Sequence[Result]) -> dict[int, list[Result]]:
    """The results of one method in one place, by replicate; several results of a replicate differ in seed or fold.

    Results in which only the seed was varied, as ``--seed`` does, have one pretraining and one draw of labels: they are one
    replicate. Where neither is drawn, as for an untrained encoder with all labels, each seed is a replicate. A result that
    combines the pretraining of one replicate with the labels or the seed of another, as ``--split-variance`` makes them,
    belongs to none.
    """
    varied = [name for name in DRAWN if any(getattr(result.cell, name) for result in results)]
    one_draw = any(_pretrained(result) or _labels_drawn(result) for result in results)
    groups: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        numbers = {getattr(result.cell, name) for name in varied} or {0 if one_draw else result.cell.seed}
        if len(numbers) == 1:
            groups[numbers.pop()].append(result)
    if len(groups) > 1:
        joint = {number: [r for r in group if r.cell.seed == number] for number, group in groups.items()}
        groups.update({number: chosen for number, chosen in joint.items() if chosen})
    return dict(sorted(groups.items()))


def one_at_a_time(results: Sequence[Result]) -> dict[str, list[list[Result]]]:
    """Results that differ in one number alone, the others being 0: name of the number -> results by its values.

    Names are those of a cell: ``seed``, ``draw``, ``training``. Those with fewer than two values are left out.
    """
    names = ("seed", *DRAWN)
    alone: dict[str, list[list[Result]]] = {}
    for name in names:
        groups: dict[int, list[Result]] = defaultdict(list)
        for result in results:
            if not any(getattr(result.cell, other) for other in names if other != name):
                groups[getattr(result.cell, name)].append(result)
        if len(groups) > 1 and 0 in groups:
            alone[name] = [group for _, group in sorted(groups.items())]
    return alone


def is_one_model(results: Sequence[Result]) -> bool:
    """Whether the results have one pretraining or one draw of labels or weights, although another would give another model.

    Folds are trainings too, but do not repeat a pretraining. What draws nothing, such as the zero-shot answer of published
    weights, is no sample of one; the weights of an untrained encoder are drawn by its seed.
    """
    pretrained = any(_pretrained(result) for result in results)
    if len({result.cell.fold for result in results}) > 1 and not pretrained:
        return False
    drawn = any(
        not result.checkpoint.get("imported") or modes.facts(result.cell.mode).uses_labels for result in results
    )
    return drawn and len(by_replicate(results)) < 2


def varied(results: Sequence[Result]) -> Varied:
    """What differs between the results of one method in one place, folds aside."""
    groups = by_replicate(results)
    if len(groups) > 1:
        drawn = any(getattr(result.cell, name) for group in groups.values() for result in group for name in DRAWN)
        return "replicates" if drawn else "seeds"
    several = len({result.cell.seed for group in groups.values() for result in group}) > 1
    return "seeds of one training" if several else "one seed"


def drawn_labels(results: Sequence[Result]) -> tuple[int, ...] | None:
    """The numbers of the labelled draws of the replicates, in their order; None where labels are not drawn."""
    groups = by_replicate(results).values()
    return tuple(group[0].cell.draw for group in groups) if any(r.cell.draw for g in groups for r in g) else None


def _pretrained(result: Result) -> bool:
    """Whether it starts from a checkpoint that was pretrained here, and could have been pretrained again."""
    return bool(result.checkpoint) and not result.checkpoint.get("imported")


def _labels_drawn(result: Result) -> bool:
    cell = result.cell
    return cell.fraction < 1 and modes.facts(cell.mode).uses_labels and is_seeded(cell.fraction_rule)
