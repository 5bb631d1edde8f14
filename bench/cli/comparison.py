"""The tables of ``bench leaderboard compare``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.finished_cells import check_format, write_csv

if TYPE_CHECKING:
    from bench.leaderboard.paired_cells import PairedCell
    from bench.leaderboard.summary import Summary


def compare_and_show(
    first: str,
    second: str,
    read: Callable[[Any, Path | None], list[Any]],
    cards: Path | None,
    workspace: str | None,
    format_: str,
    out: Path | None,
) -> None:
    """Print the cells that two methods have, a table for each kind of results.

    Args:
        read: gives the results of a workspace and of cards.
        format_: ``table``, or ``csv``, which goes to ``out`` or to standard output.
    """
    from bench.cli.terminal import print_table
    from bench.leaderboard.collect import collect_all, compared
    from bench.leaderboard.paired_cells import cells_of_both, paired_csv
    from bench.storage.workspace import Workspace

    check_format(format_, out)
    current = Workspace.at(workspace)
    results = read(current, cards)
    tables = compared(collect_all(results), results, current.cache / "comparisons")
    cells = cells_of_both(tables, first, second)
    if format_ == "csv":
        write_csv(paired_csv(cells), out)
        return
    for kind, members in itertools.groupby(cells, key=lambda cell: cell.kind):
        print_table(
            ("cell", first, second, "difference", "p", "p, corrected"), map(_row, members), kind, left=("cell",)
        )
    for why in dict.fromkeys(cell.why for cell in cells if cell.why):
        typer.echo(f"Not tested: {why}.")
    typer.echo(
        f"Difference: {first} minus {second}. p: of this pair alone; corrected: over all pairs of the column (Holm)."
    )


def _row(cell: PairedCell) -> list[str]:
    from bench.leaderboard.metric_names import metric_name
    from bench.leaderboard.paired_cells import labels_of, leads_of

    column = cell.column
    setting = f"{column.task} · {column.mode} · labels {labels_of(column)} · leads {leads_of(column)}"
    difference, p = f"{cell.value:+.3f}", "-"
    if cell.difference is not None:
        difference += f" [{cell.difference.low:+.3f}, {cell.difference.high:+.3f}]"
        p = _p(cell.difference.p_value)
    name = f"{setting}: {metric_name(str(column.metric))}"
    return [name, _estimate(cell.first), _estimate(cell.second), difference, p, _p(cell.corrected)]


def _estimate(summary: Summary) -> str:
    if summary.low is None or summary.high is None:
        return f"{summary.value:.3f}"
    return f"{summary.value:.3f} [{summary.low:.3f}, {summary.high:.3f}]"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
