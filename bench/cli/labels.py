"""``bench labels``: finished cells on other labels of the same records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o

if TYPE_CHECKING:
    from bench.leaderboard.label_quality import LabelTable

EXAMPLES = o.examples(
    "bench labels --task ptbxl-super",
    "bench labels --task ptbxl-super --labels cleaned.csv --data-root ptbxl=FOLDER",
)


def labels_command(
    task: cells.Tasks = None,
    method: cells.Methods = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="A cleaned list: CSV with the column record_id and a column per class (0, 1, or nothing for unknown). Records "
            "and classes that it lacks keep their labels.",
        ),
    ] = None,
    format_: cells.Format = "table",
    out: cells.Out = None,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Score stored predictions on checked, certain or cleaned labels of the same records, next to their own labels.

    Nothing is trained. Tasks such as ptbxl-super@validated train and test on these labels."""
    from bench import registry
    from bench.leaderboard.label_quality import label_tables, table_csv

    cells.check_format(format_, out)
    source = o.data_source(data_root, workspace, simulated_records, "error")
    tasks = registry.match(registry.TASKS, o.split_commas(task))
    methods = registry.match(registry.METHODS, o.split_commas(method))
    results = cells.finished_here(source, tasks, methods)
    tables = label_tables(results, source, labels)
    if format_ == "csv":
        return cells.write_csv(table_csv(tables), out)
    for table in tables:
        _show(table)
    return typer.echo(
        "difference: the same predictions on the other labels minus on their own, 95 % interval over patients. "
        "of the error: the difference as a share of 1 minus the value on their own labels."
    )


def _show(table: LabelTable) -> None:
    from bench.cli.terminal import estimate, print_table

    rows = []
    for name, row in table.rows.items():
        cells = [name, f"{row.records:,}", f"{row.changed:,}", f"{row.unknown:,}"]
        if row.classes:
            difference = estimate(row.difference, row.difference_interval, "+")
            cells += [f"{row.before:.3f}", f"{row.after:.3f}", difference]
            cells.append(f"{100 * row.of_error:.0f} %")
        else:
            cells += ["-"] * 4
        rows.append(cells)
    heads = ("labels", "n", "changed", "unknown", "own labels", "these labels", "difference", "of the error")
    print_table(heads, rows, f"{table.title}: {table.metric} {table.value:.3f}", left=("labels",), unbroken="labels")
    if table.ceiling is not None:
        typer.echo(
            f"Ceiling: the true labels score {table.ceiling:.3f} on the labels with planted errors, so that {1 - table.ceiling:.3f} of "
            f"the error of {1 - table.value:.3f} is due to the labels."
        )
