"""``bench leaderboard``: make boards from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.cli.finished_cells import Format, Out
from bench.progress import counted, say

NoCompare = Annotated[
    bool,
    typer.Option(
        "--no-compare",
        help="Skip the statistical tests between the rows of each column. Intervals of means over replicates are then "
        "wider, since predictions are not read. (Test results are stored, so only new results take time.)",
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

WithPredictions = Annotated[
    bool,
    typer.Option(
        "--with-predictions",
        help="Also write the predictions, which hold record ids and labels; others can then compute the metrics again.",
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
            help="markdown, html, latex, csv, picture (intervals, SVG), diagram (mean ranks, SVG and PNG). [default: markdown]",
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
    from bench.cells import ledger
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
        counts=ledger.scored(current),
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
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="Also draw what goes into each network and the sizes of its parts, and example recordings of each task, all "
            "simulated. The first time takes minutes; pictures of unchanged code are kept.",
        ),
    ] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write all boards as a static site, with a page for each method, task and dataset. Open it as a file, or put it on any server."""
    from bench.cells import ledger
    from bench.leaderboard import boards, load_board
    from bench.leaderboard.site.write_site import write_site
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    drawn = None
    if pictures:
        from bench.explain.site_pictures import site_pictures

        current.ensure_writable()
        drawn = site_pictures(current)
    chosen = {name: load_board(name) for name in o.split_commas(board)} if board else boards()
    index = write_site(
        chosen,
        _results(current, cards),
        output or current.root / "site",
        current.cache / "comparisons",
        not no_compare,
        ledger.scored(current),
        drawn,
    )
    if not pictures:
        say("pages of methods and tasks have no pictures: --pictures draws them (minutes the first time)")
    typer.echo(str(index))


@app.command(epilog="Example:  bench leaderboard rank linear --contaminated imputed")
def rank(
    board: Annotated[
        str | None,
        typer.Argument(help="A board. [default: all results]", autocompletion=o.complete_boards, show_default=False),
    ] = None,
    contaminated: Annotated[
        str,
        typer.Option(
            "--contaminated",
            metavar="WORD",
            help="What to do with cells whose test records were pretrained on: excluded (the method is ranked on its other "
            "tasks), shown (they count), imputed (they get the value of the untrained encoder).",
        ),
    ] = "excluded",
    incomplete: Annotated[
        str,
        typer.Option(
            "--incomplete",
            metavar="WORD",
            help="What to do with rows that lack a task: ranked (on the tasks that they have) or refused (not ranked).",
        ),
    ] = "ranked",
    tasks: Annotated[
        str,
        typer.Option(
            "--tasks",
            metavar="WORD",
            help="What intervals are for: these tasks, or others of the kind. [default: others, from three tasks on]",
        ),
    ] = "",
    format_: Format = "table",
    out: Out = None,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Rank the rows of a board over its tasks: win rate, mean rank, skill relative to an untrained encoder, Bradley-Terry
    strength, each with a 95 % interval, and the range that the rank is in. Missing cells are never averaged."""
    from bench.cli.ranking import rank_and_show

    rank_and_show(
        board, _results, cards, workspace, format_, out, contaminated=contaminated, incomplete=incomplete, tasks=tasks
    )


@app.command("compare", epilog="Example:  bench leaderboard compare merl simclr --format csv")
def compare_command(
    first: Annotated[str, typer.Argument(help="A method, or a row of the table of all results.", metavar="METHOD")],
    second: Annotated[str, typer.Argument(help="Another.", metavar="METHOD")],
    format_: Format = "table",
    out: Out = None,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compare two methods: each cell that both have, the difference with its 95 % interval, and the paired test of boards."""
    from bench.cli.comparison import compare_and_show

    compare_and_show(first, second, _results, cards, workspace, format_, out)


@app.command(epilog="Example:  bench leaderboard export kmerl_table1 --output leaderboards/results")
def export(
    board: Annotated[str, typer.Argument(help="A board (bench leaderboard list).", autocompletion=o.complete_boards)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FOLDER", help="Folder to write to. [default: boards/results/ in the workspace]"
        ),
    ] = None,
    with_predictions: WithPredictions = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Write a result card for each finished cell of a board: metrics, digests, versions, provenance; predictions by digest."""
    from bench.cells.result import read_results
    from bench.leaderboard import load_board
    from bench.leaderboard.cards import export as export_cards
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    destination = output or current.boards / "results"
    written = export_cards(load_board(board), read_results(current.results), destination, with_predictions)
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
            help="Write the first table of each board that has a place in this Markdown file into it, between "
            "`<!-- board NAME -->` and `<!-- end of board -->`.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    with_predictions: WithPredictions = False,
    cards: Cards = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Freeze boards in a folder: cards, p values, and the boards as Markdown, CSV, LaTeX and SVG.
    `bench leaderboard validate FOLDER` then reports any edit.

    `--cards FOLDER --with-predictions` adds new results to a frozen folder."""
    from bench.errors import ConfigError, DataError
    from bench.leaderboard.frozen_boards import freeze as freeze_boards
    from bench.leaderboard.frozen_boards import has_place, kept_boards, no_place, put_table, write_again
    from bench.storage.workspace import Workspace

    names = o.split_commas(board)
    if into is not None:  # a missing place is found before the folder is written
        text, shown = into.read_text(encoding="utf-8"), names or list(kept_boards(folder))
        if shown and not any(has_place(text, name) for name in shown):
            raise DataError(no_place(str(into), shown[0]))
    if again:
        written = write_again(folder, names)
    elif names:
        current = Workspace.at(workspace)
        written = freeze_boards(
            names, _results(current, cards), folder, current.cache / "comparisons", with_predictions, current
        )
    else:
        raise ConfigError("--board is missing: name the boards to freeze. bench leaderboard list lists them.")
    for path in written:
        typer.echo(str(path))
        if into is not None and path.suffix == ".md" and has_place(text := into.read_text(encoding="utf-8"), path.stem):
            into.write_text(put_table(text, path.stem, path.read_text(encoding="utf-8")), encoding="utf-8")
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
            help="The predictions of a card; its metrics are then computed again. [default: the card's name with .parquet]",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every check of every card.")] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Check result cards: form, digests, key, split, method, profile, contamination and, with predictions, records, labels
    and every metric. Print the checks and the level of proof. Generate frozen boards again and compare.

    The predictions of CARD.json are CARD.parquet next to it, unless --predictions names them. Records and labels are
    compared with the split's file, or with the data if they are prepared in the workspace.
    """
    from bench.errors import ConfigError, printable
    from bench.leaderboard.cards import judge_card, judge_cards
    from bench.leaderboard.frozen_boards import judge_frozen
    from bench.leaderboard.validation.validate import compared_with_each_other

    if predictions is not None and (len(cards) > 1 or cards[0].is_dir()):
        raise ConfigError("--predictions belongs to one card; name that card alone.")
    source = o.data_source(data_root, workspace, simulated_records, "error")
    judged, rejected = [], 0
    for named in cards:
        if not named.is_dir():
            judged.append(judge_card(named, predictions, source))
        elif not is_frozen(named):
            judged += judge_cards(named, source)
        else:
            frozen = judge_frozen(named, source)
            rejected += bool(frozen.problems)
            typer.echo(f"{named}: {'rejected' if frozen.problems else 'accepted'}{_levels(frozen.cards)}")
            for line in frozen.problems:
                typer.echo(f"  {printable(line)}")
            for line in frozen.unchecked:
                typer.echo(f"  not checked  {printable(line)}")
    judged = compared_with_each_other(judged)
    for entry in judged:
        verdict = entry.verdict
        rejected += not verdict.accepted
        outcome = f"accepted, level {verdict.level}" if verdict.accepted else "rejected"
        typer.echo(f"{printable(entry.name)}: {outcome}")
        for check in verdict.checks:
            if verbose or len(judged) <= IN_FULL or check.outcome == "differs":
                detail = f": {printable(check.detail)}" if check.detail else ""
                typer.echo(f"  {check.outcome:11}  {check.name}{detail}")
    if len(judged) > IN_FULL:
        typer.echo(f"{counted(len(judged), 'card')}{_levels(judged)}; --verbose prints every check")
    if rejected:
        typer.echo("Rejected cards are not shown. Their author can export them again: bench leaderboard export.")
        raise typer.Exit(1)


IN_FULL = 3
"""Cards of which every check is printed."""


def _levels(judged: list[Any]) -> str:
    """How many of the accepted cards have each level of proof."""
    from bench.leaderboard.validation.verdict import LEVELS

    numbers = {level: sum(entry.verdict.level == level for entry in judged) for level in LEVELS}
    shown = ", ".join(f"{number} {level}" for level, number in numbers.items() if number)
    return f" ({shown})" if shown else ""


def is_frozen(folder: Path) -> bool:
    """Whether a folder holds frozen boards or packed cards rather than loose cards."""
    from bench.leaderboard.cards import PACK

    return (folder / PACK).exists() or not any(folder.glob("*.json"))


def _results(workspace: Any, cards: Path | None) -> list[Any]:
    """All stored results, and those of cards that are not among them; kept p values go to the others."""
    from bench.cells.result import read_results

    results = {result.key: result for result in read_results(workspace.results)}
    if cards is not None:
        if not cards.is_dir():
            from bench.errors import ConfigError

            raise ConfigError(f"--cards {cards}: no such folder; expected a folder of result cards.")
        from bench.data.source import DataSource
        from bench.leaderboard.cards import read_cards
        from bench.leaderboard.frozen_comparisons import unpack_comparisons

        unpack_comparisons(cards, workspace.cache / "comparisons")
        source = DataSource.from_options(
            workspace
        )  # cards replayed here, and data prepared here, raise the level of proof
        results = {result.key: result for result in read_cards(cards, source)} | results
    return list(results.values())
