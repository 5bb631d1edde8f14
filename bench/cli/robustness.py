"""``bench robustness``: show finished cells under corrupted recordings; and ``bench run --corrupt``, which scores them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o
from bench.errors import ConfigError
from bench.progress import counted

if TYPE_CHECKING:
    from bench.leaderboard.corrupted import CorruptedScores, CorruptedTable

EXAMPLES = o.examples(
    "bench robustness",
    "bench robustness --reference random-resnet --format csv --out corrupted.csv",
    "bench robustness --task ptbxl-super --format plot --out corrupted.svg",
)

Corrupt = Annotated[
    list[str] | None,
    typer.Option(
        "--corrupt",
        metavar="NAMES",
        help="Then score the test records under corruptions: all, or names separated by commas, each with all its levels or "
        "one (mains:3). bench robustness lists and shows them.",
    ),
]
NoiseFolder = Annotated[
    Path | None,
    typer.Option(
        "--noise",
        metavar="FOLDER",
        help="With --corrupt: the MIT-BIH Noise Stress Test Database (bw, ma, em) in place of models of its three noises.",
    ),
]


def robustness_command(
    task: Annotated[
        list[str] | None, o.names_option("bench.tasks", "--task", "-t", metavar="NAMES", help="Only these tasks.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="METHOD",
            help="The method that the mean corruption error is relative to. [default: none, and no such error]",
        ),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, csv or plot. csv has every level.")
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write. [default: csv to standard output; plot: corrupted.svg]"
        ),
    ] = None,
    corruptions_: Annotated[
        bool, typer.Option("--corruptions", help="List the corruptions and their levels, and stop.")
    ] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show how finished cells do on corrupted recordings (bench run --corrupt): encoders and heads are those of clean ones."""
    from bench import registry
    from bench.leaderboard.corrupted import corrupted_tables, kept_scores, table_csv
    from bench.storage.workspace import Workspace

    if corruptions_:
        return _list()
    cells.check_format(format_, out, plot=True)
    space = Workspace.at(workspace)
    wanted = registry.match(registry.TASKS, o.split_commas(task))
    results = cells.finished(space.results, wanted)
    scored = [scores for result in results if (scores := kept_scores(space.corrupted, result)) is not None]
    if not scored:
        raise ConfigError(
            f"no scores under corruptions in {space.corrupted}{' for these tasks' if wanted else ''}. Make them with: bench run "
            f"--method NAMES --task NAMES --mode linear --corrupt all"
        )
    tables = corrupted_tables(scored, reference)
    if format_ == "table":
        return show_tables(tables)
    if format_ == "csv":
        return cells.write_csv(table_csv(tables), out)
    from bench.leaderboard.corrupted_plot import draw_corrupted

    out = out or Path("corrupted.svg")
    draw_corrupted(tables).savefig(out, dpi=150)
    return typer.echo(f"written: {out}")


def score_and_show(runs: list[tuple[Any, Any]], source: Any, names: list[str], noise: Path | None) -> None:
    """Score the cells of finished runs under corruptions, and print the tables.

    Args:
        runs: report and options of each; the second one is of the untrained networks (``--untrained``).
    """
    from bench.corruptions import parse_conditions
    from bench.leaderboard.corrupted import corrupted_tables
    from bench.progress import say
    from bench.robustness.corrupted_scores import score_corrupted
    from bench.runner.prepare import prepare_session

    conditions = parse_conditions(names)
    scored: list[CorruptedScores] = []
    for report, options in runs:
        if not report.results:
            continue
        _, session = prepare_session(options, source)
        for result in report.results:
            try:
                scored.append(score_corrupted(session.resolve(result.cell), result, conditions, noise))
            except ConfigError as error:
                say(f"left out: {error}")
    if not scored:
        raise ConfigError(
            "--corrupt: no cell of this run can be scored on corrupted recordings. Run --mode linear or zeroshot of a method "
            "that reads recordings alone, or leave --corrupt out."
        )
    show_tables(corrupted_tables(scored))


def _list() -> None:
    from bench.cli.terminal import print_table
    from bench.corruptions import LEVELS, corruptions

    heads = ("corruption", "levels 1 to 5", "what happens")
    rows = ((c.name, ", ".join(c.at(level) for level in LEVELS), c.summary) for c in corruptions().values())
    print_table(heads, rows, left=heads)


def show_tables(tables: list[CorruptedTable]) -> None:
    """Print a line per method: clean, mean over all conditions, worst corruption, and the error relative to the reference."""
    from bench.cli.terminal import estimate, print_table

    for table in tables:
        heads = ("method", "clean", "corrupted", "worst corruption", *(["error"] if table.reference else []))
        rows = []
        for row in table.rows:
            cells = [row.method, estimate(*row.clean), estimate(*row.mean)]
            cells.append(f"{row.worst} {row.of_corruption(row.worst):.3f}")
            if row.error is not None:
                cells.append(estimate(*row.error, digits=0))
            rows.append(cells)
        print_table(heads, rows, f"{table.title}: {table.metric}", left=("method", "worst corruption"))
        noise = "" if table.noise == "model" else f" Recorded noise: {table.noise}."
        relative = f" error: relative to {table.reference}, which has 100." if table.reference else ""
        typer.echo(
            f"corrupted: mean over {counted(len(table.conditions), 'condition')} of "
            f"{counted(len(table.corruptions), 'corruption')}, 95 % interval over patients.{relative}{noise}"
        )
