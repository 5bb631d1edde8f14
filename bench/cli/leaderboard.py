"""``bench leaderboard``: boards from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o

Compare = Annotated[
    bool,
    typer.Option(
        "--compare/--no-compare",
        help="Test the rows of each column against each other on their stored predictions. What is found is kept, so that only new results take time.",
    ),
]

app = typer.Typer(no_args_is_help=True, help="Boards from stored results, as files and as a site; result cards. Nothing is run.")


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
        list[str] | None, typer.Option("--format", help="markdown, html, latex, csv, diagram (mean ranks, SVG and PNG). [default: markdown]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: boards/ in the workspace]")
    ] = None,
    compare: Compare = True,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a board, the published numbers beside ours. Simulated and real results, and profiles, get tables of their own."""
    from bench.leaderboard import render as render_board
    from bench.runner.results import read_results
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    written = render_board(
        board,
        read_results(place.results),
        output or place.boards,
        o.split_commas(formats) or ("markdown",),
        compare=compare,
        cache=place.cache / "comparisons",
    )
    for path in written:
        typer.echo(str(path))


@app.command(epilog="Example:  bench leaderboard site --output public")
def site(
    board: Annotated[
        list[str] | None, typer.Option("--board", help="Only these boards. [default: all]", autocompletion=o.complete_boards)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: site/ in the workspace]")
    ] = None,
    compare: Compare = True,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write all boards as a static site, with a page for each method and task; it can be opened as a file or put on any server."""
    from bench.leaderboard import boards, load_board
    from bench.leaderboard.pages import write_site
    from bench.runner.results import read_results
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    chosen = {name: load_board(name) for name in o.split_commas(board)} if board else boards()
    index = write_site(
        chosen, read_results(place.results), output or place.root / "site", place.cache / "comparisons", compare
    )
    typer.echo(str(index))
