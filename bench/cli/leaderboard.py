"""``bench leaderboard``: boards from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o

Compare = Annotated[
    bool,
    typer.Option(
        "--compare/--no-compare",
        help="Test the rows of each column against each other on their stored predictions. What is found is kept, so that only new results take time.",
    ),
]

Cards = Annotated[
    Path | None,
    typer.Option("--cards", help="Show the results of these cards too (a folder of them); each is validated first."),
]

app = typer.Typer(
    no_args_is_help=True, help="Boards from stored results, as files and as a site; result cards. Nothing is run."
)


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
        list[str] | None,
        typer.Option(
            "--format", help="markdown, html, latex, csv, diagram (mean ranks, SVG and PNG). [default: markdown]"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: boards/ in the workspace]")
    ] = None,
    compare: Compare = True,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a board, the published numbers beside ours. Simulated and real results, and profiles, get tables of their own."""
    from bench.leaderboard import render as render_board
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    written = render_board(
        board,
        _results(place, cards),
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
        list[str] | None,
        typer.Option("--board", help="Only these boards. [default: all]", autocompletion=o.complete_boards),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: site/ in the workspace]")
    ] = None,
    compare: Compare = True,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write all boards as a static site, with a page for each method and task; it can be opened as a file or put on any server."""
    from bench.leaderboard import boards, load_board
    from bench.leaderboard.pages import write_site
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    chosen = {name: load_board(name) for name in o.split_commas(board)} if board else boards()
    index = write_site(
        chosen, _results(place, cards), output or place.root / "site", place.cache / "comparisons", compare
    )
    typer.echo(str(index))


@app.command(epilog="Example:  bench leaderboard export kmerl_table1 --output leaderboards/results")
def export(
    board: Annotated[str, typer.Argument(help="A board (bench leaderboard list).", autocompletion=o.complete_boards)],
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to. [default: boards/results/ in the workspace]")
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a result card for each finished cell of a board: metrics, digests, versions, provenance; predictions by digest."""
    from bench.leaderboard import load_board
    from bench.leaderboard.cards import export as export_cards
    from bench.runner.results import read_results
    from bench.workspace import Workspace

    place = Workspace.at(workspace)
    written = export_cards(load_board(board), read_results(place.results), output or place.boards / "results")
    typer.echo(f"{len(written)} cards in {written[0].parent}")


@app.command(epilog="Example:  bench leaderboard validate CARD.json --predictions predictions.parquet")
def validate(
    cards: Annotated[list[Path], typer.Argument(help="Result cards.", exists=True, dir_okay=False)],
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            help="The predictions of a card, whose metrics are then computed again.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Hold result cards to what they say: form, digests, key, split, counts, and with predictions every metric."""
    from bench.errors import BenchError, ConfigError
    from bench.leaderboard.cards import check, read_card

    if predictions is not None and len(cards) > 1:
        raise ConfigError(f"--predictions is of one card; {len(cards)} were named.")
    rejected = 0
    for path in cards:
        try:
            wrong = check(read_card(path), predictions)
        except BenchError as error:
            wrong = [str(error)]
        rejected += bool(wrong)
        typer.echo(f"{path}: {'rejected' if wrong else 'accepted'}")
        for line in wrong:
            typer.echo(f"  {line}")
        if not wrong and predictions is None:
            typer.echo("  its metrics were not computed again, for want of --predictions")
    if rejected:
        raise typer.Exit(1)


def _results(place: Any, cards: Path | None) -> list[Any]:
    """All stored results, and those of cards that are not among them."""
    from bench.runner.results import read_results

    found = {result.key: result for result in read_results(place.results)}
    if cards is not None:
        from bench.leaderboard.cards import read_cards

        found = {result.key: result for result in read_cards(cards)} | found
    return list(found.values())
