"""``bench data``: download, prepare, verify, list and simulate datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.progress import counted
from bench.project_file import MAX_SIMULATED, MIN_SIMULATED

app = typer.Typer(no_args_is_help=True, help="Download, prepare, verify, list and simulate datasets.")

DOWNLOAD_EXAMPLES = o.examples(
    "bench data download ptbxl --to ~/ecg",
    "bench data download ptbxl --only '*.csv' --only records100   # only the 100 Hz signals",
    "bench data download ptbxl --also ptb-xl-plus   # with median beats",
)


@app.command(epilog=DOWNLOAD_EXAMPLES)
def download(
    dataset: o.DatasetName,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="The folder with one subfolder per dataset. [default: BENCH_DATA, else ecg-data in this folder]",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PATTERN",
            help="Only files with this name, or in this folder; wildcards allowed. Repeatable.",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also", metavar="NAME", help="Also download a companion publication: ptb-xl-plus for ptbxl. Repeatable."
        ),
    ] = None,
    connections: Annotated[
        int, typer.Option("--connections", metavar="N", min=1, max=16, help="Number of files to download in parallel.")
    ] = 4,
    mirror: Annotated[
        str | None,
        typer.Option(
            "--mirror",
            metavar="URL",
            help="Download from this address instead of the publisher's: a copy of the version's folder, including "
            "SHA256SUMS.txt.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the size of the download and stop.")] = False,
) -> None:
    """Download the publisher's files and verify each with the checksum that the publisher states.

    You can stop the command at any time. The same command continues and downloads no finished file again. A file gets its
    final name only after verification. For a dataset that is not open, the command prints where to ask for access.
    """
    from bench.data.download.command import download_dataset

    for line in download_dataset(dataset, to, only or [], o.split_commas(also), connections, mirror, dry_run):
        typer.echo(line)


@app.command(epilog="Example:  bench data prepare ptbxl --data-root ptbxl=~/ecg/ptb-xl")
def prepare(
    dataset: o.DatasetName,
    data_root: o.DataRoot = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            metavar="HZ",
            min=1,
            help="Rate of the store; recordings at other rates are resampled. [default: the publisher's best]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Largest number of processes; few recordings are read in one process. [default: all cores]",
        ),
    ] = None,
    on_bad_record: o.OnBadRecord = "error",
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Read the publisher's files into a signal store. If the command is interrupted, the same command continues."""
    from bench.progress import say

    source = o.data_source(data_root, workspace, simulated_records, on_bad_record, workers)
    source.workspace.ensure_writable()
    store = source.store(dataset, rate, say)
    facts = store.manifest
    typer.echo(
        f"{store.path}: {counted(len(store.records), 'recording')} of {dataset} {facts['version']} at {store.fs:g} Hz"
    )
    for key in ("n_skipped", "n_doubtful", "n_nan", "n_flat", "n_dead", "n_absent"):
        if facts.get(key):
            typer.echo(f"  {key.removeprefix('n_')}: {facts[key]:,} (listed in manifest.json)")


@app.command(epilog="Example:  bench data verify ptbxl --data-root ~/ecg")
def verify(
    dataset: o.DatasetName,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Check every file of a dataset, and compare the prepared store with the files."""
    from bench.data import status
    from bench.errors import printable
    from bench.progress import say, track

    source = o.data_source(data_root, workspace, simulated_records)
    opened = source.dataset(dataset, say)
    path = source.store_path(opened)
    with track(f"verifying {dataset}") as progress:
        report = status.verify(opened, path, source.workers, progress)
    typer.echo(
        f"{dataset} {opened.version()} in {opened.root}: {report.n_read:,} of {report.n_records:,} recordings can be "
        "read"
    )
    for problem in report.problems:
        typer.echo(f"  {printable(problem)}", err=True)
    typer.echo(f"prepared store {path}: {report.store}")
    if report.problems or report.store_damaged:
        raise typer.Exit(1)


@app.command(epilog="Example:  bench data status")
def status(data_root: o.DataRoot = None, workspace: o.WorkspaceOption = None, json_output: o.Json = False) -> None:
    """List the datasets: state, records, hours, bytes of the store, version, texts and location."""
    from bench.data.status import data_status

    rows = data_status(o.data_source(data_root, workspace))
    if json_output:
        o.print_json(rows)
        return
    from rich.table import Table

    from bench.cli.terminal import console
    from bench.progress import byte_size

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("dataset", "prepared", "records", "hours", "bytes", "version"):
        right = column in ("records", "hours", "bytes")
        table.add_column(column, overflow="fold", no_wrap=column != "version", justify="right" if right else "left")
    for row in rows:
        shown = row | {"bytes": byte_size(row["bytes"]) if row["bytes"] else None}
        values = [shown[str(column.header)] for column in table.columns]
        table.add_row(*(f"{v:,}" if isinstance(v, int | float) else str(v or "-") for v in values))
    console().print(table)
    for row in rows:
        texts = f" (texts: {row['texts']})" if row["texts"] else ""
        typer.echo(f"{row['dataset']}: {row['found']}{texts}")


@app.command(epilog="Example:  bench data simulate ptbxl /tmp/simulated-ptbxl --records 500")
def simulate(
    dataset: o.DatasetName,
    destination: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    records: Annotated[
        int | None,
        typer.Option(
            "--records",
            metavar="N",
            min=MIN_SIMULATED,
            max=MAX_SIMULATED,
            help="Number of recordings. [default: the dataset's]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Write a simulated copy of a dataset in the publisher's format."""
    from bench import registry
    from bench.errors import ConfigError

    cls = registry.load(registry.DATASETS, dataset)
    if destination.exists():
        raise ConfigError(f"{destination} exists already; name a folder that does not exist.")
    cls.simulate(destination, records or cls.simulated_records, seed)
    typer.echo(
        f"{destination}: {records or cls.simulated_records:,} simulated recordings. Use it with --data-root {dataset}={destination}"
    )
