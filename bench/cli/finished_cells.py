"""Cells that commands examine: options to choose them, and a table for the terminal or CSV for a file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.cells.result import Result
    from bench.data.source import DataSource

Tasks = Annotated[
    list[str] | None, o.names_option("bench.tasks", "--task", "-t", metavar="NAMES", help="Only these tasks.")
]
Methods = Annotated[
    list[str] | None, o.names_option("bench.methods", "--method", "-m", metavar="NAMES", help="Only these methods.")
]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="table or csv.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write the CSV. [default: standard output]")
]


def check_format(format_: str, out: Path | None, plot: bool = False) -> None:
    """Refuse an unknown ``--format``, and a file for what goes to the terminal.

    Args:
        plot: whether the command also draws.

    Raises:
        ConfigError: one of them.
    """
    o.choice(format_, "--format", ("table", "csv", "plot") if plot else ("table", "csv"))
    if out is not None and format_ == "table":
        needed = "--format csv or --format plot" if plot else "--format csv"
        raise ConfigError(f"--out FILE needs {needed}; the table goes to the terminal.")


def finished(results: Path, tasks: Collection[str], methods: Collection[str] = (), kind: str = "") -> list[Result]:
    """The finished cells of some tasks and methods.

    Args:
        results: the folder of a workspace.
        tasks, methods: registered names; empty: all.
        kind: ``real`` or ``simulated``; empty: both.
    """
    from bench.cells.result import read_results

    return [
        result
        for result in read_results(results)
        if (not kind or result.data == kind)
        and (not tasks or result.cell.task in tasks)
        and (not methods or result.cell.method in methods)
    ]


def finished_here(source: DataSource, tasks: Collection[str], methods: Collection[str]) -> list[Result]:
    """:func:`finished` cells on the kind of data that is available.

    Raises:
        ConfigError: there are none.
    """
    found = finished(source.workspace.results, tasks, methods, source.kind)
    if not found:
        raise ConfigError(
            f"no finished cell on {source.kind} data in {source.workspace.results}{' fits' if tasks or methods else ''}. bench "
            f"runs lists them; results on real data need --data-root."
        )
    return found


def write_csv(text: str, out: Path | None) -> None:
    """Write to a file, or to standard output."""
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"written: {out}")
