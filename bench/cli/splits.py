"""``bench splits``: check the fixed partitions against the data at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Check the fixed partitions against the data at hand.")


@app.command(epilog="Example:  bench splits verify 'ptbxl-*' --data-root ~/ecg")
def verify(
    task: Annotated[
        list[str] | None, typer.Argument(help="Tasks; wildcards allowed. [default: all whose data are at hand]")
    ] = None,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Recompute partitions, counts and digests, and say which agree with the published ones."""
    from rich.console import Console
    from rich.table import Table

    from bench import registry
    from bench.progress import say
    from bench.runner.session import Session

    source = o.data_source(data_root, workspace, simulated_records)
    names = registry.match(registry.TASKS, o.split_commas(task) or ["*"])
    session = Session(source, "smoke")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("task", "split", "fold", "train", "validation", "test", "expected", "verdict"):
        table.add_column(column)
    for name in names:
        dataset = registry.load(registry.TASKS, name).dataset
        if not source.has(dataset):
            say(f"{name}: {dataset} is not at hand")
            continue
        data = session.task_data(name)
        for fold in data.split.folds:
            part = data.partition(fold)
            expected = data.expected_counts
            verdict = "agrees" if data.complete else f"{source.kind} data, not the complete publication: not comparable"
            table.add_row(
                name,
                data.split.name,
                str(fold),
                *(f"{len(rows):,}" for rows in (part.train, part.validation, part.test)),
                "/".join(f"{n:,}" for n in expected.values()) if expected else "-",
                verdict,
            )
    Console().print(table)


@app.command("import", epilog="Example:  bench splits import merl ~/MERL-ICML2024/finetune/data_split")
def import_command(
    source: Annotated[str, typer.Argument(help="Whose files: merl.")],
    folder: Annotated[Path, typer.Argument(help="Where they lie, at any depth.")],
    workspace: o.WorkspaceOption = None,
) -> None:
    """Check partitions that others released against ours, tell their defects, and keep those that exist only there."""
    from bench import registry
    from bench.workspace import Workspace

    importer = registry.split_importer(source)
    if not folder.is_dir():
        raise ConfigError(f"{folder} does not exist; name the folder that holds the released split files.")
    place = Workspace.at(workspace)
    place.ensure_writable()
    report = importer(folder, place.splits)
    for line in report.lines():
        typer.echo(line)
    if not report.agrees:
        raise typer.Exit(1)
