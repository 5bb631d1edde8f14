"""``bench ladder``: curves of finished cells over layers (mode layer) and over numbers of labels (mode kshot)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.leaderboard.curves import CurveTable

EXAMPLES = o.examples(
    "bench ladder --task ptbxl-super",
    "bench ladder --method simclr,random-vit --format plot --out ladder.svg",
)


def ladder_command(
    task: cells.Tasks = None,
    method: cells.Methods = None,
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="table, csv or plot. csv has every point with its interval."),
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write. [default: csv to standard output; plot: ladder.svg]"
        ),
    ] = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show curves over layers (mode layer) and over numbers of labels (mode kshot), and the labels needed to match scratch.

    Nothing is trained: stored predictions are scored. Run the mode scratch too for the labels needed."""
    from bench import registry
    from bench.leaderboard.curves import curve_tables, table_csv
    from bench.storage.workspace import Workspace

    cells.check_format(format_, out, plot=True)
    space = Workspace.at(workspace)
    tasks = registry.match(registry.TASKS, o.split_commas(task))
    methods = registry.match(registry.METHODS, o.split_commas(method))
    tables = curve_tables(cells.finished(space.results, tasks, methods))
    if not tables:
        raise ConfigError(
            f"no curves in {space.results}{' for these names' if tasks or methods else ''}. Make them with: bench run --method "
            f"NAMES --task NAMES --mode layer,kshot,scratch"
        )
    if format_ == "csv":
        return cells.write_csv(table_csv(tables), out)
    if format_ == "plot":
        from bench.leaderboard.curves_plot import draw_curves

        out = out or Path("ladder.svg")
        draw_curves(tables).savefig(out, dpi=150)
        return typer.echo(f"written: {out}")
    for table in tables:
        _show(table)
    return None


def _show(table: CurveTable) -> None:
    from bench.cli.terminal import estimate, print_table
    from bench.leaderboard.curves import needed_words

    rows = []
    if table.axis == "depth":
        heads = ["method", "layers", "first", "best", "block", "last"]
        for curve in table.curves:
            points = list(curve.points)
            cells = [str(len(points)), estimate(*curve.points[points[0]]), estimate(*curve.points[curve.best])]
            cells += [curve.names[points.index(curve.best)] if curve.names else "", estimate(*curve.points[points[-1]])]
            rows.append([curve.method, *cells])
        words = "best: the layer with the highest test value, for orientation; the mode scores the layer chosen on validation data."
    else:
        numbers = sorted({point for curve in table.curves for point in curve.points})
        heads = ["method", *map(str, numbers), "from scratch", "labels to match scratch"]
        for curve in table.curves:
            cells = [f"{curve.points[n][0]:.3f}" if n in curve.points else "-" for n in numbers]
            scratch = table.scratch.get(curve.method)
            cells += [f"{scratch[0]:.3f}" if scratch else "-", needed_words(curve.needed, numbers)]
            rows.append([curve.method, *cells])
        words = (
            "columns: positives per class. labels to match scratch: positives per class at which the probe reaches the same method "
            "trained from scratch on all labels, with the 95 % interval over patients and replicates."
        )
        for name, reference in table.chosen.items():
            words += f"\nscratch of {name}: {reference}, of several the best on validation data."
    print_table(heads, rows, f"{table.title}: {table.metric}", left=("method", "block"))
    typer.echo(words)
