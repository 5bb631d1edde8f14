"""Show the outcome of a run: a line for each cell, tables, JSON, and what is missing."""

from __future__ import annotations

from typing import Any

from bench.cli import options as o
from bench.progress import counted


def say_what_is_missing(reports: list[Any]) -> None:
    """State how many cells have no result, and how many failed."""
    from bench.progress import say

    if missing := sum(report.missing for report in reports):
        say(
            f"without a result yet: {counted(missing, 'cell')} of the plan; the same command without --limit "
            "or --cached-only runs the missing cells",
            even_if_quiet=True,
        )
    if failures := sum(len(report.failures) for report in reports):
        results = sum(len(report.results) for report in reports)
        others = "; the others are kept" if results else ""
        say(
            f"{failures:,} of {counted(failures + results, 'cell')} failed{others}. See: bench runs --failed",
            even_if_quiet=True,
        )


def print_results(reports: list[Any]) -> None:
    o.print_json([as_json(result) for report in reports for result in report.results])


def result_line(result: Any, computed: bool) -> str:
    metric, estimate = next(iter(result.score["metrics"].items()))
    split = result.counts
    value, low, high = ("-" if n is None else f"{n:.3f}" for n in (estimate[k] for k in ("value", "low", "high")))
    return (
        f"{'done' if computed else 'found'}: {result.title}: {metric} {value} [{low}, {high}]  "
        f"(train {split['train']:,}, validation {split['validation']:,}, test {split['test']:,} recordings)"
    )


def as_json(result: Any) -> dict[str, Any]:
    from dataclasses import asdict

    value = asdict(result) | {"cell": result.cell.to_dict()}
    value["folder"] = str(result.folder)
    del value["level"]  # of cards alone
    return value


def show_results(reports: list[Any], source: Any, notes: bool, track: bool, board: str | None = None) -> None:
    """Print the results of one plan, or of all plans of a board, as one table for each stamp."""
    from bench.leaderboard import console_tables
    from bench.leaderboard.match_results import best_board
    from bench.leaderboard.statistics.inflation import inflation
    from bench.progress import plain_console
    from bench.tracking.pages import where_to_look

    results = list({result.key: result for report in reports for result in report.results}.values())
    if not results:
        return
    console = plain_console()
    for table in console_tables(results, notes, source.workspace.cache / "comparisons"):
        console.print(table, crop=False)
    for line in inflation(results):
        console.print(line, highlight=False, soft_wrap=True)
    workspace = source.workspace
    computed = sum(report.computed for report in reports)
    finished = sum(len(report.results) for report in reports) - computed
    console.print(f"{counted(computed, 'cell')} computed, {finished:,} finished before.", highlight=False)
    console.print(f"results  {workspace.results}", highlight=False, soft_wrap=True)
    for line in where_to_look(workspace.tracking_uri) if track else ():
        console.print(line, highlight=False, soft_wrap=True)
    if board := board or best_board(results):
        console.print(f"board    bench leaderboard render {board}", highlight=False, soft_wrap=True)
