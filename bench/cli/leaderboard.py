"""``bench leaderboard``: boards from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o

app = typer.Typer(no_args_is_help=True, help="Render boards from stored results; nothing is run.")


@app.command("list", epilog="Example:  bench leaderboard list")
def list_command() -> None:
    """List the boards."""
    from bench.leaderboard import boards

    for board in boards().values():
        typer.echo(f"{board.name:28} {board.title}")


@app.command(epilog="Example:  bench leaderboard render kmerl_table1 --format markdown,latex")
def render(
    board: Annotated[str, typer.Argument(help="A board (bench leaderboard list).", autocompletion=o.complete_boards)],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="markdown, latex, csv. [default: markdown]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: boards/ in the workspace]")
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a board, the published numbers beside ours. Simulated and real results, and profiles, get tables of their own."""
    from bench.leaderboard import render as render_board
    from bench.runner.results import read_results
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    written = render_board(
        board, read_results(place.results), output or place.boards, o.split_commas(formats) or ("markdown",)
    )
    for path in written:
        typer.echo(str(path))
