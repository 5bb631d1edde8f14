"""``bench sweep``: choose settings on validation data, then train the chosen setting again and score it once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import ConfigError
from bench.redaction import redact

EXAMPLES = o.examples(
    "bench sweep -m kmerl -t ptbxl-super --mode linear",
    "bench sweep -m mmcl -t ukb-cad --mode finetune --sampler grid --workers 4",
    "bench sweep -m merl -t ptbxl-super --mode linear --vary linear.lr=log:1e-5..1e-1 --trials 20",
    "bench sweep show",
)
VARIABLE = "BENCH_SWEEP_STORAGE"

app = typer.Typer(
    help="Choose settings on validation data (the test split stays unread), then train the chosen setting again and score "
    "it once. `bench sweep show` lists studies and draws them.",
    epilog=EXAMPLES,
)

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar=VARIABLE,
        show_envvar=False,
        metavar="URL",
        help="Where studies are stored: journal:///FILE, postgresql://USER@HOST/DB, or sqlite:///FILE for one worker. Also "
        f"{VARIABLE}, which keeps a password out of the process list. [default: a journal in the workspace]",
    ),
]


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def sweep_command(
    context: typer.Context,
    method: Annotated[
        str | None,
        o.names_option("bench.methods", "--method", "-m", metavar="NAME", help="One method."),
    ] = None,
    task: Annotated[
        str | None,
        o.names_option(
            "bench.tasks", "--task", "-t", metavar="NAME", help="One task. Each of its folds gets a separate study."
        ),
    ] = None,
    mode: Annotated[
        str | None,
        o.mode_option("NAME"),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            metavar="N",
            min=1,
            help="Number of settings to try, over all workers. [default: 50, or the whole grid]",
        ),
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", metavar="NAME", help="tpe, grid, cmaes or random.")] = "tpe",
    pruner: Annotated[
        str, typer.Option("--pruner", metavar="NAME", help="Stop bad settings early: hyperband, median or none.")
    ] = "none",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="FIELD=SPACE",
            help="Field and space to vary: linear.lr=log:1e-5..1e-1, drop_path=0,0.1, depth=int:2..8, x=uniform:0..1. "
            "Repeatable. [default: the fields that the method's paper varied, else the mode's rate and weight decay]",
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option("--space", metavar="FILE", help="The same from a YAML file: field -> values or range."),
    ] = None,
    sampler_seed: Annotated[
        int,
        typer.Option(
            "--sampler-seed",
            metavar="N",
            help="Seed of the sampler. With one worker, the same seed gives the same trials.",
        ),
    ] = 0,
    storage: Storage = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-j",
            metavar="N",
            min=1,
            help="Processes of this machine. Other machines join with the same command.",
        ),
    ] = 1,
    heartbeat: Annotated[
        int,
        typer.Option(
            "--heartbeat",
            metavar="N",
            min=1,
            help="Seconds between heartbeats on a database; a worker that misses two is considered dead.",
        ),
    ] = 60,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed settings again.")] = False,
    fraction: Annotated[
        str, typer.Option("--fraction", metavar="SHARE", help="Labelled share of the training records: 0.01 or 1%.")
    ] = "1",
    leads: Annotated[
        str, typer.Option("--leads", metavar="LEADS", help="Leads for the method: all, limb, I,II.")
    ] = "all",
    seed: Annotated[
        list[str] | None,
        typer.Option(
            "--seed",
            metavar="NUMBERS",
            help="Seeds: the search uses the first; the chosen setting is scored with all. [default: 0]",
        ),
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    corpus: o.CorpusOption = None,
    checkpoint: o.CheckpointOption = None,
    no_pretrain: o.NoPretrain = False,
    no_track: Annotated[
        bool,
        typer.Option("--no-track", help="Do not mirror results, and trials as nested runs, to MLflow."),
    ] = False,
    notes: o.Notes = False,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Choose settings on validation data, then train the choice again and score it once.

    The same command goes on where it was stopped, and joins where it runs elsewhere: finished trials are never repeated.
    """
    if context.invoked_subcommand:
        return
    missing = [name for name, value in (("--method", method), ("--task", task), ("--mode", mode)) if not value]
    if missing:
        raise ConfigError(
            f"{', '.join(missing)} missing. For example: bench sweep -m kmerl -t ptbxl-super --mode linear."
        )
    assert method and task and mode
    from typing import get_args

    from bench import progress
    from bench.runner.plan import RunOptions
    from bench.signals.leads import parse_leads
    from bench.sweep.samplers import PrunerName, SamplerName
    from bench.sweep.sweep import SweepOptions, sweep

    progress.set_quiet(json_output)
    o.choice(profile, "--profile", ("paper", "small", "smoke"))
    o.choice(sampler, "--sampler", get_args(SamplerName))
    o.choice(pruner, "--pruner", get_args(PrunerName))
    options = SweepOptions(
        RunOptions(
            methods=[method],
            tasks=[task],
            modes=[mode],
            fractions=o.numbers([fraction], "--fraction", float),
            leads=list(parse_leads(leads)),
            seeds=o.numbers(seed, "--seed", int) or [0],
            profile=profile,  # type: ignore[arg-type]
            overrides=set_ or [],
            corpus=corpus,
            checkpoints=checkpoint or [],
            allow_pretraining=not no_pretrain,
            track=not no_track,
        ),
        trials=trials,
        sampler=sampler,  # type: ignore[arg-type]
        pruner=pruner,  # type: ignore[arg-type]
        vary=vary or [],
        space_file=space,
        seed=sampler_seed,
        storage=storage,
        workers=workers,
        heartbeat=heartbeat,
        retry_failed=retry_failed,
    )
    report = sweep(options, o.data_source(data_root, workspace, simulated_records))
    _show_report(report, storage, json_output, notes)
    if report.failures:
        raise typer.Exit(1)


def _show_report(report: Any, storage: str | None, json_output: bool, notes: bool) -> None:
    if json_output:
        results = [{"key": r.key, "cell": r.cell.to_dict(), "score": r.score} for r in report.results]
        o.print_json({"studies": report.studies, "results": results})
        return
    from bench.leaderboard import console_tables
    from bench.progress import plain_console

    console = plain_console()
    for table in console_tables(report.results, all_notes=notes):
        console.print(table, crop=False)
    for study in report.studies:
        trials = ", ".join(f"{number} {state}" for state, number in study.trials.items() if number)
        setting = ", ".join(f"{field}={value}" for field, value in study.setting.items())
        line = f"chosen {setting}: validation {study.metric} {study.value:.4f} ({trials})"
        console.print(line, highlight=False, soft_wrap=True)
        named = storage if storage is None or redact(storage) == storage else f"${VARIABLE}"
        option = "" if named is None else f' --storage "{named}"'
        console.print(f"study  bench sweep show {study.study}{option}", highlight=False, soft_wrap=True)


@app.command("show", epilog=o.examples("bench sweep show", "bench sweep show kmerl-ptbxl-super"))
def show_command(
    study: Annotated[
        str | None, typer.Argument(help="A study, or the first characters of its name. [default: list all studies]")
    ] = None,
    storage: Storage = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for the pictures. [default: in the workspace]"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of trials to list, best first.")] = 20,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show a study: its trials, its best setting, and pictures (history, importances, slices)."""
    from bench.progress import plain_console
    from bench.storage.workspace import Workspace
    from bench.sweep import show

    current = Workspace.at(workspace)
    if study is None:
        names = show.studies(current, storage)
        if json_output:
            o.print_json(names)
        else:
            typer.echo("\n".join(names) or f"no studies in {current.sweeps if storage is None else redact(storage)}")
        return
    with show.study_at(current, storage, study) as opened:
        if json_output:
            o.print_json(show.as_json(opened))
            return
        console = plain_console()
        console.print(show.table(opened, limit))
        for line in show.summary(opened):
            console.print(line, highlight=False, soft_wrap=True)
        for path in show.pictures(opened, out or current.sweeps / opened.study_name):
            console.print(f"picture  {path}", highlight=False, soft_wrap=True)
