"""``bench results``: a repository of result cards that others add to by pull request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o

app = typer.Typer(
    no_args_is_help=True,
    help="Share results in a git repository: write it, add results, check a pull request. Its workflows publish the site.",
)

Repository = Annotated[
    Path, typer.Option("--into", metavar="FOLDER", help="The results repository. [default: this folder]")
]


@app.command(epilog="Example:  bench results init our-results --title 'ECG results of our group'")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder; created if it does not exist.")],
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="Title of the repository. [default: the folder's name]")
    ] = "",
    lfs: Annotated[
        bool, typer.Option("--lfs", help="Keep predictions in Git LFS. [default: in git, named by their SHA-256]")
    ] = False,
) -> None:
    """Write a results repository: folder for cards, workflows (check a pull request, publish the site, replay random cells),
    README, contribution guide, CITATION.cff, bench.toml."""
    from bench.scaffold.results_repository import write_results_repository

    for path in write_results_repository(folder, title or folder.resolve().name, lfs):
        typer.echo(f"wrote {path}")
    typer.echo(f"Next:  cd {folder} && git init -b main && git add . && git commit -m 'Start the results repository'")


@app.command(epilog="Example:  bench results add 3f9c   # bench runs --verbose lists the keys")
def add(
    result: Annotated[list[str], typer.Argument(help="Keys of results, or their first characters.", metavar="RESULT")],
    into: Repository = Path(),
    no_predictions: Annotated[
        bool,
        typer.Option("--no-predictions", help="Add the cards alone; others then cannot compute the metrics again."),
    ] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Copy results into a results repository: a card each, and the predictions, which hold record ids and labels.
    Predictions of credentialed data are left out."""
    from bench.cells.result import named_results
    from bench.leaderboard.results_repository import add as add_results
    from bench.storage.workspace import Workspace

    for added in add_results(named_results(Workspace.at(workspace), result), into, not no_predictions):
        how = "with predictions" if added.predictions else "without predictions: its level of proof will be schema"
        typer.echo(f"{'added' if added.new else 'there already'}: {added.card} ({how})")
    typer.echo("Next:  bench results check   then   commit, push and open a pull request")


@app.command(epilog=o.examples("bench results check", "bench results check --since origin/main   # a pull request"))
def check(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="REVISION",
            help="Check only cards that were added since this git revision; report accepted cards that were changed or "
            "deleted. The others are read for duplicates. [default: check all]",
        ),
    ] = None,
    into: Repository = Path(),
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Check the cards of a results repository, as its workflow does, and print a Markdown table with the level of proof of each
    card. Exit code 1 if one is rejected.

    Simulated cohorts of the cards are prepared in the workspace, so that their records and labels are compared too.
    """
    from bench.errors import printable
    from bench.leaderboard.results_repository import check as check_repository
    from bench.leaderboard.results_repository import table

    report = check_repository(into, since, o.data_source(data_root, workspace, simulated_records, "error"))
    for line in table(report):
        typer.echo(printable(line))
    if not report.accepted:
        raise typer.Exit(1)


@app.command(epilog="Example:  bench results sample --share 0.01 | xargs bench replay")
def sample(
    share: Annotated[float, typer.Option("--share", help="Share of the cards; at least one is chosen.")] = 0.01,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Choose the same cards again. [default: drawn, so that nobody can know]"),
    ] = None,
    into: Repository = Path(),
    data_root: o.DataRoot = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Print random cards to be replayed with bench replay, of the cells that can be computed on the data available here."""
    import random

    from bench.leaderboard.results_repository import sample as sample_cards

    source = o.data_source(data_root, workspace)
    drawn = random.SystemRandom().randrange(10**9) if seed is None else seed
    typer.echo(f"seed {drawn}, {source.kind} data", err=True)
    for path in sample_cards(into, share, drawn, source.kind):
        typer.echo(str(path))
