"""``bench run --dry-run``: show what a run would do."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import typer

from bench.cli import options as o
from bench.progress import counted


def show_preview(runs: list[Any], source: Any, json_output: bool) -> None:
    """Print the cells on standard output, and what is known of the run on standard error."""
    from bench.progress import time_span
    from bench.runner.preview import preview

    result = preview(runs, source)
    if json_output:
        o.print_json(
            [
                previewed.cell.to_dict()
                | {name: getattr(previewed, name) for name in ("settings", "finished", "state", "seconds", "error")}
                for previewed in result.cells
            ]
        )
    else:
        labels = Counter(previewed.title for previewed in result.cells)
        for previewed in result.cells:
            label = previewed.title
            if labels[label] > 1:  # rows of a board
                label = " · ".join([label, *previewed.settings])
            state: str = previewed.state if previewed.state in ("finished", "would fail", "failed before") else ""
            if previewed.seconds is not None:
                state = f"about {time_span(previewed.seconds)}"
            typer.echo(f"{label}{f'  ({state})' if state else ''}")
    lines = [f"left out: {reason}" for reason in result.left_out]
    lines += result.changes
    seconds: dict[str, list[float]] = defaultdict(list)
    for job in result.shared.values():
        seconds[job.name].append(job.seconds)
    for name, each in seconds.items():
        times = f"{len(each)} times " if len(each) > 1 else ""
        lines.append(f"made first: {times}{name} (about {time_span(sum(each))})")
    lines += [f"made first, unless it is finished: {name}" for name in result.pretrained]
    for name in result.unprepared:
        lines.append(f"{name} is not prepared, so its finished cells are not known: bench data prepare {name}")
    for message, number in result.errors.items():
        lines.append(f"error: {counted(number, 'cell')} would fail: {message}")
    states = Counter(previewed.state for previewed in result.cells)
    summary = counted(len(result.cells), "cell")
    if states.total() > states["not known"]:
        summary += f": {states['finished']:,} finished, {states['to compute']:,} to compute"
    if states["failed before"]:
        summary += f", {states['failed before']:,} failed before and not tried again (--no-retry-failed)"
    if states["to compute"]:
        how = "by earlier runs" if result.recorded else "a rough estimate"
        summary += f", about {time_span(result.total)} ({how}, one job at a time)"
    for line in [*lines, summary]:
        typer.echo(line, err=True)
    if result.errors:
        raise typer.Exit(1)
