"""``bench transfer``: test probes of one dataset on the records of others, and show the results as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o
from bench.cli.terminal import estimate, print_table
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.leaderboard.transfer import Transferred, TransferTable

EXAMPLES = o.examples(
    "bench transfer --method merl --mode linear --train ptbxl-super --test csn,cpsc2018,georgia,sph",
    "bench transfer --method kmerl --mode zeroshot --train ptbxl-super --test csn,sph",
    "bench transfer --format csv --out transfer.csv",
)


def transfer_command(
    train: Annotated[
        list[str] | None,
        o.names_option(
            "bench.tasks", "--train", metavar="NAMES", help="Tasks that are trained on. [default: all finished]"
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        o.names_option(
            "bench.tasks",
            "--test",
            metavar="NAMES",
            help="Tasks of other datasets that are tested on, over the classes that mean the same. [default: all finished]",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        o.names_option(
            "bench.methods",
            "--method",
            "-m",
            metavar="NAMES",
            help="Methods to run; without them the finished cells are shown.",
        ),
    ] = None,
    mode: Annotated[list[str] | None, o.mode_option("NAMES")] = None,
    seed: Annotated[
        list[str] | None,
        typer.Option("--seed", metavar="NUMBERS", help="As in bench run. [default: as --replicates]"),
    ] = None,
    replicates: Annotated[
        int | None,
        typer.Option(
            "--replicates",
            metavar="N",
            min=1,
            help="As in bench run. [default: 3 under the profiles smoke and small, else 1]",
        ),
    ] = None,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Also run each pretrained method without its pretraining.")
    ] = False,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    corpus: o.CorpusOption = None,
    checkpoint: o.CheckpointOption = None,
    format_: cells.Format = "table",
    out: cells.Out = None,
    no_track: o.NoTrack = False,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Train on one dataset and test on the records of others, next to the in-domain result of the same probes.

    A transferred cell is a cell of the task TRAIN-to-TEST, such as ptbxl-super-to-csn, which bench run, replay and rescore
    take too. Finished cells are not run again."""
    from bench import registry
    from bench.leaderboard.transfer import table_csv, transfer_tables

    cells.check_format(format_, out)
    trains, tests = (registry.match(registry.TASKS, o.split_commas(names)) for names in (train, test))
    methods = registry.match(registry.METHODS, o.split_commas(method))
    source = o.data_source(data_root, workspace, simulated_records)
    if method:
        if not (trains and tests and mode):
            raise ConfigError(
                "--method runs cells: it needs --train, --test and --mode, such as --train ptbxl-super --test csn --mode linear."
            )
        from bench.runner.plan import RunOptions, with_default_replicates
        from bench.runner.prepare import profile_of

        options = RunOptions(
            methods=o.split_commas(method),
            tasks=_tasks(trains, tests),
            modes=o.split_commas(mode),
            seeds=o.numbers(seed, "--seed", int) or [],
            replicates=replicates,
            untrained=untrained,
            profile=o.chosen_profile(profile),
            overrides=list(set_ or ()),
            corpus=corpus,
            checkpoints=checkpoint or [],
            track=not no_track,
        )
        failed = _run(with_default_replicates(options, profile_of(options, source)), source)
    else:
        failed = False
    results = cells.finished(source.workspace.results, (), methods, source.kind)
    tables = [chosen for table in transfer_tables(results) if (chosen := _chosen(table, trains, tests))]
    if not tables:
        raise ConfigError(
            f"no transferred result on {source.kind} data in {source.workspace.results}"
            f"{' for these tasks' if trains or tests else ''}. Make some with: bench transfer --method NAMES --train TASK "
            f"--test TASKS"
        )
    if format_ == "table":
        for table in tables:
            _show(table)
    else:
        cells.write_csv(table_csv(tables), out)
    if failed:
        raise typer.Exit(1)


def _tasks(trains: list[str], tests: list[str]) -> list[str]:
    """The train tasks, and each of them transferred to each test task of another dataset.

    Raises:
        ConfigError: two tasks that share no class, or nothing to transfer.
    """
    from bench import registry

    names = list(trains)
    datasets = {name: registry.load(registry.TASKS, name).dataset for name in [*trains, *tests]}
    for train in trains:
        for test in tests:
            if datasets[train] != datasets[test] or len(trains) == len(tests) == 1:
                names.append(registry.load(registry.TASKS, f"{train}{registry.TO}{test}").name)
    if names == trains:
        raise ConfigError(
            "--train and --test name tasks of one dataset each time; name a test task of another dataset."
        )
    return names


def _run(options: Any, source: Any) -> bool:
    """Run the cells; whether one failed."""
    from bench.cli.run_report import result_line, say_what_is_missing
    from bench.progress import say
    from bench.runner.execute import run
    from bench.runner.untrained import with_untrained

    reports = [
        run(planned, source, on_result=lambda result, computed: say(result_line(result, computed)))
        for planned in with_untrained(options)
    ]
    for reason in dict.fromkeys(reason for report in reports for reason in report.left_out):
        say(f"left out: {reason}")
    say_what_is_missing(reports)
    return any(report.failures for report in reports)


def _chosen(table: TransferTable, trains: list[str], tests: list[str]) -> TransferTable | None:
    """The table with these tasks alone; None if nothing is left."""
    from dataclasses import replace

    kept = [
        entry for entry in table.entries if (not trains or entry.train in trains) and (not tests or entry.test in tests)
    ]
    return replace(table, entries=kept) if kept else None


def _show(table: TransferTable) -> None:
    from bench.leaderboard.contamination import legend

    rows, last = [], ""
    for train, method in table.rows:
        entries = [table.at(train, method, test) for test in table.tests]
        rows.append((train if train != last else "", method, *map(_cell, entries)))
        last = train
    heads = ("trained on", "method", *(f"on {name}" for name in table.tests))
    print_table(heads, rows, f"{table.title}: {table.metric}", left=heads[:2])
    lines = [f"{train} to {test}: {', '.join(classes)}" for (train, test), classes in table.shared().items()]
    statuses = {s for entry in table.entries for s in (*entry.contamination, *entry.in_domain_contamination)}
    typer.echo(
        "in-domain: the same probes on test records of the dataset that they were trained on, over the same classes. 95 % intervals "
        "over patients and replicates.\nClasses: " + "; ".join(lines) + "."
    )
    for line in legend(statuses):
        typer.echo(line)


def _cell(entry: Transferred | None) -> str:
    from bench.leaderboard.contamination import marks

    if entry is None:
        return ""
    text = f"{estimate(entry.value, entry.interval)}{marks(entry.contamination)}"
    if entry.in_domain is None:
        return f"{text}\nin-domain: not run"
    return f"{text}\nin-domain {estimate(*entry.in_domain)}{marks(entry.in_domain_contamination)}"
