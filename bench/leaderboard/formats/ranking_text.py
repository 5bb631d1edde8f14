"""A ranking in sentences, and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.ranking import Estimate, Ranked, Ranking
from bench.progress import counted

HEADS = ("rank", "rank range", "method", "wins", "win rate", "mean rank", "skill", "Bradley-Terry", "tasks")


def cells(ranking: Ranking, ranked: Ranked) -> list[str]:
    """A line of the ranking under :data:`HEADS`."""
    skill = "—" if ranked.skill is None else estimate(ranked.skill, 0, 100, " %")
    return [
        str(ranked.rank),
        rank_range(ranked),
        ranked.label,
        f"{100 * ranked.wins:.0f} %",
        estimate(ranked.win_rate, 0, 100, " %"),
        estimate(ranked.mean_rank, 1),
        skill,
        estimate(ranked.bradley_terry, 0),
        f"{ranked.blocks} of {len(ranking.blocks)}",
    ]


def rank_range(ranked: Ranked) -> str:
    """``1–4``, or ``2`` where both ends are the same."""
    return str(ranked.low) if ranked.low == ranked.high else f"{ranked.low}–{ranked.high}"


def estimate(value: Estimate, digits: int, scale: float = 1.0, unit: str = "") -> str:
    """``85 [68, 96] %``."""
    shown = [_number(number * scale, digits) for number in (value.value, value.low, value.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]{unit}"


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def sentences(ranking: Ranking) -> list[str]:
    """What the ranking is over, what its intervals cover, and what was left out."""
    others = ranking.tasks == "others"
    notes = [
        f"Ranked by Bradley-Terry strength over {counted(len(ranking.blocks), 'task')} ({', '.join(ranking.blocks)}); "
        "fractions, leads and metrics of a task are averaged first. Wins are counted in the measured numbers. Everything "
        "else is estimated for the true values, the noise of patients and replicates being taken out; "
        + (
            "95 % intervals and rank ranges are for other tasks of the kind."
            if others
            else "95 % intervals and rank ranges are for these tasks: other tasks may rank the methods differently."
        )
    ]
    if ranking.reference:
        notes.append(f"Skill: how much smaller the error is than that of {ranking.reference}, which is untrained.")
    else:
        notes.append("No skill score: no untrained encoder was run.")
    partial = [r.label for r in ranking.each if r.blocks < len(ranking.blocks)]
    if partial:
        notes.append(f"Ranked on a part of the tasks: {', '.join(partial)}.")
    if ranking.excluded:
        what = {"imputed": "given the value of the untrained encoder", "excluded": "left out"}[
            ranking.options.contaminated
        ]
        names = ", ".join(f"{label} on {block}" for label, block in ranking.excluded)
        notes.append(f"Test records were pretrained on; {what}: {names}.")
    notes += [f"Not ranked, because {why}: {', '.join(names)}." for why, names in _by_reason(ranking.left_out).items()]
    if ranking.one_model:
        notes.append(
            f"{counted(ranking.one_model, 'row')} without replicates: the rank range covers other patients, not another "
            "training (bench run --replicates 5)."
        )
    if ranking.without_noise:
        notes.append(f"Without an interval, so that their numbers count as exact: {', '.join(ranking.without_noise)}.")
    return notes


def _by_reason(left_out: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for label, why in left_out:
        reasons.setdefault(why, []).append(label)
    return reasons


def ranking_csv(rankings: Iterable[tuple[str, Ranking]]) -> str:
    """One line per ranked row of each (heading, ranking)."""
    statistics = ("win_rate", "mean_rank", "skill", "bradley_terry")
    head = ["table", "intervals_for", "rank", "rank_low", "rank_high", "method", "tasks", "tasks_of", "wins"]
    head += [f"{name}{end}" for name in statistics for end in ("", "_low", "_high")]
    rows: list[list[Any]] = []
    for heading, ranking in rankings:
        for r in ranking.each:
            row: list[Any] = [
                heading,
                ranking.tasks,
                r.rank,
                r.low,
                r.high,
                r.label,
                r.blocks,
                len(ranking.blocks),
                r.wins,
            ]
            for value in (r.win_rate, r.mean_rank, r.skill, r.bradley_terry):
                row += ["", "", ""] if value is None else [value.value, value.low, value.high]
            rows.append(row)
    return plain_csv(head, rows)
