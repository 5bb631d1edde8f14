"""The site's first page: which encoder is best in a situation, as a table and a plot of quality against cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench import modes
from bench.cells.result import Result
from bench.leaderboard.board import Column
from bench.leaderboard.collect import Table, collect_all
from bench.leaderboard.comparability import stamps_of
from bench.leaderboard.cost_metrics import cost
from bench.leaderboard.formats.markdown import heading
from bench.leaderboard.formats.ranking_text import estimate, rank_range, sentences
from bench.leaderboard.statistics.ranking import Ranked, Ranking, ranking_of
from bench.signals.leads import LEADS

FEW_LABELS = 0.1
DRAWS = 400
"""Of each of up to four rankings; ends of intervals vary by less than a digit that is shown."""
LABELLED = 8
"""Points of a plot that have a name next to them."""
LONGEST_NAME = 22
CLEAN = ("none", "declared")
LEVELS = ("schema", "rescored", "replayed")


def _reads_labels(column: Column) -> bool:
    return modes.facts(str(column.mode)).uses_labels


SITUATIONS: dict[str, tuple[str, Callable[[Column], bool]]] = {
    "all": ("all tasks", lambda column: True),
    "few-labels": (
        "few labels (10 % or less)",
        lambda column: _reads_labels(column) and (column.fraction or 1) <= FEW_LABELS,
    ),
    "few-leads": ("few leads", lambda column: (column.leads or LEADS) != LEADS),
    "zero-shot": ("zero-shot (no labels)", lambda column: not _reads_labels(column)),
}
"""Name -> words and the columns that belong to it."""


@dataclass(frozen=True)
class Situation:
    """One table and one plot of the first page."""

    name: str
    words: str
    rows: list[dict[str, Any]]
    plot: dict[str, Any] | None
    notes: list[str]


def first_page(results: Sequence[Result]) -> dict[str, Any]:
    """What ``index.html`` shows of encoders: the situations of which there is a ranking, over comparable results.

    Results of the most comparable kind are shown (complete real data before simulated), and the page states which.
    """
    if not results:
        return {"situations": [], "kind": "", "licences": [], "comparable": True}
    stamps = stamps_of(results)
    stamp = min(set(stamps.values()), key=lambda each: each.rank)
    chosen = [result for result in results if stamps[result.key] == stamp]
    (table, *_) = collect_all(chosen)
    by_key = {result.key: result for result in chosen}
    situations = []
    for name, (words, belongs) in SITUATIONS.items():
        part = _with_columns(table, belongs)
        if (ranking := ranking_of(part, by_key, draws=DRAWS)) is not None:
            rows = [_row(part, ranking, ranked, by_key) for ranked in ranking.each]
            situations.append(Situation(name, words, rows, _plot(rows), sentences(ranking)))
    licences = sorted({row["licence"] for situation in situations for row in situation.rows} - {""})
    return {"situations": situations, "kind": heading(table), "licences": licences, "comparable": stamp.comparable}


def _with_columns(table: Table, belongs: Callable[[Column], bool]) -> Table:
    """The table with some of its columns; what it lacks of tests is not needed for a ranking."""
    indices = [i for i, column in enumerate(table.board.columns) if belongs(column)]
    board = table.board.model_copy(update={"columns": [table.board.columns[i] for i in indices]})
    lines = [replace(line, summaries=[line.summaries[i] for i in indices]) for line in table.lines]
    ranks = {new: table.ranks[old] for new, old in enumerate(indices) if old in table.ranks}
    return replace(table, board=board, lines=lines, ranks=ranks)


def _row(table: Table, ranking: Ranking, ranked: Ranked, results: dict[str, Result]) -> dict[str, Any]:
    line = table.lines[ranked.line]
    behind = [results[key] for summary in line.summaries for key in summary.keys]
    statuses = {result.contamination for result in behind}
    levels = [result.level for result in behind if result.level]
    return {
        "label": ranked.label,
        "page": line.row.label if line.row.config.get("name") else line.row.method,
        "rank": ranked.rank,
        "range": rank_range(ranked),
        "top": ranked.line in ranking.best,
        "win_rate": ranked.win_rate,
        "win_text": estimate(ranked.win_rate, 0, 100),
        "skill": "" if ranked.skill is None else estimate(ranked.skill, 0, 100),
        "tasks": f"{ranked.blocks} of {len(ranking.blocks)}",
        "parameters": _median(cost(result, "cost_parameters_m") for result in behind),
        "gflops": _median(cost(result, "cost_gflops") for result in behind),
        "speed": _median(cost(result, "cost_recordings_per_second") for result in behind),
        "licence": next((text for result in behind if (text := _licence(result))), ""),
        "contamination": ", ".join(sorted(statuses)),
        "clean": statuses <= set(CLEAN),
        "proof": min(levels, key=lambda level: LEVELS.index(level) if level in LEVELS else -1) if levels else "own run",
    }


def _licence(result: Result) -> str:
    """That of released weights; empty for what was trained here."""
    weights = result.checkpoint.get("weights") or result.checkpoint.get("released") or {}
    return str(weights.get("licence") or "") if isinstance(weights, dict) else ""


def _names(points: Sequence[tuple[float, float, str]]) -> dict[int, str]:
    """The names of the best points, by number: those that would not cover another name, shortened."""
    names: dict[int, str] = {}
    for number, (x, y, label) in enumerate(points[:LABELLED]):
        if all(abs(y - points[k][1]) > 5 or abs(x - points[k][0]) > 30 for k in names):
            names[number] = label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 1].rstrip()}…"
    return names


def _median(values: Iterable[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None


def _plot(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Win rate against GFLOPs (logarithmic) in per cent of the plot's width and height; None with fewer than two costs."""
    points = [row for row in rows if row["gflops"]]
    if len(points) < 2:
        return None
    logs = [math.log10(row["gflops"]) for row in points]
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 1e-9)
    width = max(high - low, 1)

    def at(rate: float) -> float:
        return round(100 * (1 - rate), 2)

    names = _names(
        [
            (100 * (log - low) / width, at(row["win_rate"].value), row["label"])
            for row, log in zip(points, logs, strict=True)
        ]
    )
    return {
        "ticks": [(round(100 * (k - low) / width, 2), f"{10.0**k:g}") for k in range(low, low + width + 1)],
        "points": [
            {
                "x": round(100 * (log - low) / width, 2),
                "y": at(row["win_rate"].value),
                "low": at(row["win_rate"].low),
                "high": at(row["win_rate"].high),
                "label": names.get(number, ""),
                "title": f"{row['label']}: win rate {row['win_text']} %, {row['gflops']:.3g} GFLOPs per recording",
                "top": row["top"],
            }
            for number, (row, log) in enumerate(zip(points, logs, strict=True))
        ],
    }
