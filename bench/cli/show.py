"""``bench runs show``: print one finished cell, class by class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o


def show_command(
    key: Annotated[str, typer.Argument(help="The result's key, or its first characters (bench runs --verbose).")],
    classes: Annotated[
        bool,
        typer.Option(
            "--classes", help="Show every class: AUROC, AUPRC, F1, accuracy, and whether pretraining saw the class."
        ),
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the classes as CSV; - is standard output.")
    ] = None,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show a finished cell: its metrics with intervals, and with --classes the metrics of every class."""
    from bench.cells.per_class import class_values, write_class_values
    from bench.cells.result import named_results
    from bench.storage.workspace import Workspace

    (result,) = named_results(Workspace.at(workspace), [key])
    if csv is not None:
        if str(csv) == "-":
            return typer.echo(write_class_values(result, None), nl=False)
        write_class_values(result, csv)
        return typer.echo(f"{csv}: {len(result.score['per_class'])} classes of {result.title}")
    if json_output:
        described = {"key": result.key, "cell": result.cell.to_dict(), "metrics": result.score["metrics"]}
        return o.print_json(described | {"classes": class_values(result), "seen": result.seen})
    typer.echo(f"{result.title}\n{result.data} data, {result.profile} profile, {result.counts['test']:,} test records")
    typer.echo(f"key {result.key}")
    width = max(map(len, result.score["metrics"]), default=0)
    for name, estimate in result.score["metrics"].items():
        low, high = estimate["low"], estimate["high"]
        interval = "" if low is None else f"  [{low:.3f}, {high:.3f}]"
        typer.echo(f"  {name:{width}} {three_decimals(estimate['value'])}{interval}")
    if result.seen:
        each = result.seen["classes"].values()
        typer.echo(
            f"  {sum(c['seen'] for c in each)} of {len(each)} classes were seen in pretraining: similarity of the name to one "
            f"of {result.seen['concepts']:,} concepts above {result.seen['similarity_above']}"
        )
    for note in result.score["notes"]:
        typer.echo(f"  note: {note}")
    if classes:
        _classes(result)
    return None


def _classes(result: Any) -> None:
    from bench.cells.per_class import class_values
    from bench.cli.terminal import print_table

    rows = class_values(result)
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    cells = ([_text(row[column]) for column in columns] for row in rows)
    print_table(columns, cells, left=("class", "words", "seen", "nearest"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else three_decimals(value) if not isinstance(value, str) else value


def three_decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
