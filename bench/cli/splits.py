"""``bench splits``: check the fixed partitions against the available data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True, help="Check the fixed partitions against the available data, import others, write metadata."
)


@app.command(epilog="Example:  bench splits verify 'ptbxl-*' --data-root ~/ecg")
def verify(
    task: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tasks; wildcards allowed. [default: all whose data are available]",
            callback=o.matching("bench.tasks"),
        ),
    ] = None,
    data_root: o.DataRoot = None,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
    json_output: o.Json = False,
) -> None:
    """Compute every partition from the available data, and compare it with the stated counts and digests.

    agrees: a complete copy with all numbers as stated. subset: a part of the data, without a contradiction. differs: a
    number differs; the line below states it (exit code 1). simulated: the rule was applied to simulated recordings. no
    stated numbers: none were published. not checked: the line below states the reason.
    """
    from collections import Counter

    from bench import progress, registry
    from bench.runner.session import Session
    from bench.splitting.verify import check_task

    progress.set_quiet(json_output)
    source = o.data_source(data_root, workspace, simulated_records)
    if source.kind == "simulated":
        progress.say(
            "data: the built-in simulated cohorts. Rules are applied to them and checked for overlap; the published counts and "
            "digests are of real recordings and are not compared. Real data: --data-root or BENCH_DATA."
        )
    session = Session(source, "smoke")
    checks = []
    for name in registry.single(registry.match(registry.TASKS, o.split_commas(task) or ["*"])):
        cls = registry.load(registry.TASKS, name)
        if not source.has(cls.dataset):
            progress.say(f"{name}: {cls.dataset} is not available")
            continue
        for check in check_task(session, cls()):
            checks.append(check)
            if not json_output:
                for line in check.lines():
                    typer.echo(line)
    if json_output:
        o.print_json(checks)
    else:
        counted = Counter(check.verdict for check in checks)
        typer.echo("; ".join(f"{verdict}: {n}" for verdict, n in counted.items()) or "nothing to check here")
    if any(check.verdict == "differs" for check in checks):
        raise typer.Exit(1)


@app.command(epilog="Example:  bench splits croissant ptbxl-super --output metadata")
def croissant(
    split: Annotated[list[str], typer.Argument(help="Splits, by the name of their file.")],
    output: Annotated[Path, typer.Option("--output", metavar="FOLDER", help="Folder to write to.")] = Path("."),
) -> None:
    """Write Croissant metadata of splits, each as `SPLIT.croissant.json` with a copy of the split's file.

    The metadata hold the rule's description, the stated counts and digests per partition, and no recording.
    """
    import shutil

    from bench.leaderboard.croissant import of_split
    from bench.splitting.split import split_files
    from bench.storage.artifacts import write_json

    metadata = {name: of_split(name) for name in o.split_commas(split)}
    output.mkdir(parents=True, exist_ok=True)
    for name, content in metadata.items():
        path = output / f"{name}.croissant.json"
        write_json(path, content)
        shutil.copyfile(split_files()[name], output / split_files()[name].name)
        typer.echo(str(path))


@app.command("import", epilog="Example:  bench splits import merl ~/MERL-ICML2024/finetune/data_split")
def import_command(
    source: Annotated[str, typer.Argument(help="Source of the files: merl or ecgbench.")],
    folder: Annotated[Path, typer.Argument(help="The folder that contains the files, at any depth.")],
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compare released partitions with ours, report their defects, and import the partitions that ours cannot reproduce."""
    from bench import registry
    from bench.storage.workspace import Workspace

    importer = registry.split_importer(source)
    if not folder.is_dir():
        raise ConfigError(f"{folder} does not exist; name the folder that holds the released split files.")
    current = Workspace.at(workspace)
    current.ensure_writable()
    report = importer(folder, current.splits)
    for line in report.lines():
        typer.echo(line)
    if not report.agrees:
        raise typer.Exit(1)
