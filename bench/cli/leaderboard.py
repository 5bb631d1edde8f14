"""``bench leaderboard``: make boards from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o

NoCompare = Annotated[
    bool,
    typer.Option(
        "--no-compare",
        help="Skip the statistical tests between the rows of each column. (Test results are stored, so only new results "
        "take time.)",
    ),
]

Cards = Annotated[
    Path | None,
    typer.Option(
        "--cards",
        metavar="FOLDER",
        help="Also show the results of the cards in this folder; each card is validated first.",
    ),
]

app = typer.Typer(
    no_args_is_help=True, help="Write boards, a site and result cards from stored results. Nothing is run."
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
            "--format",
            metavar="NAMES",
            help="markdown, html, latex, csv, diagram (mean ranks, SVG and PNG). [default: markdown]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Folder to write to. [default: boards/ in the workspace]"),
    ] = None,
    no_compare: NoCompare = False,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a board with the published numbers next to ours. Simulated and real results, and profiles, get separate tables."""
    from bench.leaderboard import render as render_board
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    results = _results(current, cards)
    written = render_board(
        board,
        results,
        output or current.boards,
        o.split_commas(formats) or ("markdown",),
        compare=not no_compare,
        cache=current.cache / "comparisons",
    )
    for path in written:
        typer.echo(str(path))


@app.command(epilog="Example:  bench leaderboard site --output public")
def site(
    board: Annotated[
        list[str] | None,
        typer.Option(
            "--board", metavar="NAMES", help="Only these boards. [default: all]", autocompletion=o.complete_boards
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Folder to write to. [default: site/ in the workspace]"),
    ] = None,
    no_compare: NoCompare = False,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write all boards as a static site, with a page for each method and task. Open it as a file, or put it on any server."""
    from bench.leaderboard import boards, load_board
    from bench.leaderboard.site.write_site import write_site
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    chosen = {name: load_board(name) for name in o.split_commas(board)} if board else boards()
    index = write_site(
        chosen, _results(current, cards), output or current.root / "site", current.cache / "comparisons", not no_compare
    )
    typer.echo(str(index))


@app.command(epilog="Example:  bench leaderboard export kmerl_table1 --output leaderboards/results")
def export(
    board: Annotated[str, typer.Argument(help="A board (bench leaderboard list).", autocompletion=o.complete_boards)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FOLDER", help="Folder to write to. [default: boards/results/ in the workspace]"
        ),
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a result card for each finished cell of a board: metrics, digests, versions, provenance; predictions by digest."""
    from bench.cells.result import read_results
    from bench.leaderboard import load_board
    from bench.leaderboard.cards import export as export_cards
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    written = export_cards(load_board(board), read_results(current.results), output or current.boards / "results")
    typer.echo(f"{len(written)} cards in {written[0].parent}")


@app.command(epilog="Example:  bench leaderboard freeze leaderboards/mine --board ptbxl_super,few_labels")
def freeze(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.", metavar="FOLDER")],
    board: Annotated[
        list[str] | None,
        typer.Option(
            "--board",
            help="Boards. [default, with --again: those in the folder]",
            autocompletion=o.complete_boards,
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Write the boards again from the folder's own cards; the workspace is not read."),
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            help="Write each board's first table into this Markdown file, between `<!-- board NAME -->` and `<!-- end "
            "of board -->`.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Freeze boards in a folder: cards, p values, and the boards as Markdown, CSV and LaTeX, without predictions.
    `bench leaderboard validate FOLDER` then reports any edit."""
    from bench.cells.result import read_results
    from bench.errors import ConfigError
    from bench.leaderboard.frozen_boards import freeze as freeze_boards
    from bench.leaderboard.frozen_boards import put_table, write_again
    from bench.storage.workspace import Workspace

    names = o.split_commas(board)
    if again:
        written = write_again(folder, names)
    elif names:
        current = Workspace.at(workspace)
        written = freeze_boards(names, read_results(current.results), folder, current.cache / "comparisons")
    else:
        raise ConfigError("--board is missing: name the boards to freeze. bench leaderboard list lists them.")
    for path in written:
        typer.echo(str(path))
        if into is not None and path.suffix == ".md":
            text = put_table(into.read_text(encoding="utf-8"), path.stem, path.read_text(encoding="utf-8"))
            into.write_text(text, encoding="utf-8")
            typer.echo(str(into))


app.command("keep", hidden=True)(o.old_name_of(freeze, "bench leaderboard keep", "bench leaderboard freeze"))


@app.command(epilog="Example:  bench leaderboard validate CARD.json --predictions predictions.parquet")
def validate(
    cards: Annotated[
        list[Path], typer.Argument(help="Result cards, folders of them, or folders of frozen boards.", exists=True)
    ],
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            help="The predictions of a card; its metrics are then computed again.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Check result cards: form, digests, key, split, counts and, with predictions, every metric. Compare frozen boards with
    the numbers of their cards."""
    from bench.errors import BenchError, ConfigError, printable
    from bench.leaderboard.cards import check, read_card
    from bench.leaderboard.frozen_boards import check_frozen

    paths = [path for named in cards for path in _cards_in(named)]
    if predictions is not None and len(paths) > 1:
        raise ConfigError(f"--predictions belongs to one card; {len(paths)} were named.")
    rejected = unscored = 0
    for path in paths:
        try:
            wrong = check_frozen(path) if path.is_dir() else check(read_card(path), predictions)
        except BenchError as error:
            wrong = [str(error)]
        rejected += bool(wrong)
        typer.echo(f"{path}: {'rejected' if wrong else 'accepted'}")
        for line in wrong:
            typer.echo(f"  {printable(line)}")
        unscored += not wrong and predictions is None and not path.is_dir()
    if unscored:
        typer.echo(
            f"of {o.counted(unscored, 'card')} the metrics were not computed again, because --predictions is not given"
        )
    if rejected:
        typer.echo("Rejected cards are not shown. Their author can export them again: bench leaderboard export.")
        raise typer.Exit(1)


def _cards_in(path: Path) -> list[Path]:
    """The cards of a folder that ``export`` wrote; a card, or a folder of frozen boards, itself."""
    from bench.leaderboard.cards import PACK

    loose = path.is_dir() and not (path / PACK).exists()
    return (sorted(path.glob("*.json")) if loose else []) or [path]


def _results(workspace: Any, cards: Path | None) -> list[Any]:
    """All stored results, and those of cards that are not among them; kept p values go to the others."""
    from bench.cells.result import read_results

    results = {result.key: result for result in read_results(workspace.results)}
    if cards is not None:
        if not cards.is_dir():
            from bench.errors import ConfigError

            raise ConfigError(f"--cards {cards}: no such folder; expected a folder of result cards.")
        from bench.leaderboard.cards import read_cards
        from bench.leaderboard.frozen_boards import unpack_comparisons

        unpack_comparisons(cards, workspace.cache / "comparisons")
        results = {result.key: result for result in read_cards(cards)} | results
    return list(results.values())
