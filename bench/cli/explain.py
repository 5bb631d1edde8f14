"""``bench explain``: plot what a method's scores depend on, and what they mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.progress import counted, without_markup

if TYPE_CHECKING:
    from bench.data.source import DataSource

EXAMPLES = o.examples(
    "bench explain llm-dan --paper",
    "bench explain ecgfounder --input",
    "bench explain simclr-1a2b3c4d5e6f7081",
    "bench explain llm-dan ukb-hyp-hf --record 1000123_2_0 --out pictures",
)


def explain_command(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="The method; or a checkpoint by its name or folder, or a run by its key (bench runs --verbose), whose "
            "pretraining is shown epoch by epoch.",
            autocompletion=o.complete("bench.methods"),
        ),
    ],
    task: Annotated[
        str | None,
        o.name_argument("bench.tasks", "The task. [default: none: describe the method]"),
    ] = None,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Compare the settings with those of paper and release; without a task."),
    ] = False,
    input_: Annotated[
        bool,
        typer.Option("--input", help="Print and draw what goes into the network, step by step."),
    ] = False,
    record: Annotated[
        str | None,
        typer.Option(
            "--record",
            metavar="ID",
            help="A test record; with --input any record. [default: the one with the highest score; with --input the first]",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="NAME", help="The class or target whose score is explained. [default: the first]"
        ),
    ] = None,
    mode: Annotated[str, typer.Option("--mode", metavar="NAME", help="linear, finetune or scratch.")] = "finetune",
    fold: Annotated[int, typer.Option("--fold", metavar="N", min=0, help="The fold, for a task with folds.")] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The seed, as in bench run.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder for the pictures. [default: explained/METHOD-TASK in the workspace; with --input explained/METHOD]",
        ),
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    no_track: Annotated[
        bool, typer.Option("--no-track", help="Do not add the pictures to the cell's run in MLflow.")
    ] = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Describe a method, its input or a pretraining; draw what the answers of a cell rest on.

    Without a task: describe the method (source, modes, input, config fields), compare it with its paper, or show the steps
    of its input on one recording. With a checkpoint or run instead of a method: show its pretraining.

    With a task: train the cell again and draw the ECG with activation, attention, risk groups, survival or phenotypes, and
    reliability diagrams and decision curves, as PNG and SVG."""
    from bench import modes, registry
    from bench.errors import ConfigError

    if (folder_of := _checkpoint_of(method, workspace)) is not None:
        given = (("TASK", task), ("--paper", paper), ("--input", input_), ("--record", record), ("--target", target))
        if unread := [name for name, value in given if value]:
            raise ConfigError(
                f"{' and '.join(unread)} would have no effect: {method} is a checkpoint, whose pretraining is shown. Leave out "
                f"{' and '.join(unread)}, or name a method."
            )
        return _show_pretraining(folder_of, out, workspace)
    method = registry.named(registry.METHODS, method)
    if input_:
        unread = [n for n, value in (("--paper", paper), ("--target", target), ("--profile", profile)) if value]
        if unread:
            raise ConfigError(
                f"{' and '.join(unread)} would have no effect with --input. Leave out {' and '.join(unread)}."
            )
        source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
        return _show_input(method, task, record, out, set_, source)
    if task is None and (record or target or out):
        raise ConfigError(
            "TASK is missing: --record, --target and --out apply to the pictures of a task. bench tasks lists the "
            "tasks."
        )
    if task is None and (without := [n for n, value in (("--set", set_), ("--profile", profile)) if value]):
        raise ConfigError(
            f"{' and '.join(without)} would have no effect: without a task, bench explain shows the defaults of the profile "
            f"paper. Leave out {' and '.join(without)}, or add TASK (bench tasks lists the tasks)."
        )
    if paper and task is not None:
        raise ConfigError(f"--paper compares a method's settings, whatever the task. Leave out {task}, or --paper.")
    if task is None:
        return _compare_with_paper(method) if paper else _describe(method)
    o.choice(mode, "--mode", [name for name in modes.names() if modes.facts(name).gives_head])
    from bench.explain.explain import explain, log_pictures
    from bench.progress import say
    from bench.runner.plan import RunOptions
    from bench.runner.prepare import prepare_session

    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    options = RunOptions(
        methods=[method],
        tasks=[task],
        modes=[mode],
        seeds=[seed],
        profile=o.chosen_profile(profile),
        overrides=o.overrides(set_, None),
    )
    plan, session = prepare_session(options, source)
    cells = [cell for cell in plan.cells if cell.method == method and cell.fold == fold]
    if len(cells) != 1:
        folds = sorted({cell.fold for cell in plan.cells if cell.method == method})
        raise ConfigError(f"--fold {fold}: {task} has the folds {', '.join(map(str, folds))}.")
    source.workspace.ensure_writable()
    folder = out or source.workspace.root / "explained" / f"{method}-{task}"
    explanation = explain(cells[0], session, folder, record, target)
    if not no_track:
        key = session.resolve(cells[0]).key
        logged = log_pictures(source.workspace.tracking_uri, key, explanation.files, source.workspace.results)
        say("added to the cell's run in MLflow" if logged else "not logged: this cell has no run in MLflow yet")
    typer.echo(
        f"record {explanation.record}, score {explanation.score:.4g}: {counted(len(explanation.files), 'file')} in {folder}"
    )
    return None


def _checkpoint_of(written: str, workspace: str | None) -> Path | None:
    """The folder of the checkpoint that a user named, by itself or by a run that used it; None for anything else.

    Raises:
        ConfigError: a run that used no checkpoint.
    """
    from bench import registry
    from bench.storage.workspace import Workspace

    if written in registry.entries(registry.METHODS):
        return None
    here = Workspace.at(workspace)
    for folder in (Path(written), here.checkpoints / written):
        if (folder / "provenance.json").is_file():
            return folder
    if re.fullmatch("[0-9a-f]{8,32}", written) and here.results.is_dir():
        from bench.cells.result import read_result
        from bench.errors import ConfigError

        for folder in here.results.glob(f"{written}*"):
            name = read_result(folder).checkpoint.get("name")
            if name is None or not (here.checkpoints / name / "provenance.json").is_file():
                missing = f"its checkpoint {name} is not in this workspace" if name else "it used no checkpoint"
                raise ConfigError(f"run {written}: {missing}, so that no pretraining can be shown.")
            return here.checkpoints / name
    return None


def _show_pretraining(folder: Path, out: Path | None, workspace: str | None) -> None:
    from bench.explain.figure import save
    from bench.explain.pretraining import draw_pretraining, lines_of
    from bench.storage.workspace import Workspace

    for line in lines_of(folder):
        typer.echo(line)
    here = Workspace.at(workspace)
    here.ensure_writable()
    files = save(draw_pretraining(folder), out or here.root / "explained" / folder.name, "pretraining")
    typer.echo(f"drawn: {files[0]}")


def _describe(method: str) -> None:
    from bench import registry
    from bench.cli.terminal import console, wrapped
    from bench.method.describe import describe_method

    registry.load(registry.METHODS, method)
    width = console().width
    for line in describe_method(registry.entries(registry.METHODS)[method]):
        typer.echo(wrapped(without_markup(line), width))


def _show_input(
    method: str, task: str | None, record: str | None, out: Path | None, set_: list[str] | None, source: DataSource
) -> None:
    from bench import registry
    from bench.cli.terminal import console, wrapped
    from bench.explain.figure import save
    from bench.explain.input_picture import draw_steps, input_steps, recording_of
    from bench.method.input_words import input_words
    from bench.progress import say
    from bench.runner.overrides import check_overrides, method_config, parse_overrides

    cls = registry.load(registry.METHODS, method)
    overrides = o.overrides(set_, None)
    parsed = parse_overrides(overrides, list(registry.entries(registry.METHODS)))
    check_overrides(parsed, [cls], in_modes=())
    config = method_config(cls, "paper", parsed)
    for line in input_words(registry.entries(registry.METHODS)[method], cls, config):
        typer.echo(wrapped(without_markup(line), console().width))
    source.workspace.ensure_writable()
    dataset = registry.load(registry.TASKS, task).dataset if task else None
    store, row, name = recording_of(source, dataset, record, say)
    simulated = ", simulated data" if source.kind == "simulated" else ""
    figure = draw_steps(
        input_steps(store, row, cls.input_for(config)), f"{method}: input from record {name}{simulated}"
    )
    files = save(figure, out or source.workspace.root / "explained" / method, "input")
    typer.echo(f"record {name}: {files[0]}")


def _compare_with_paper(method: str) -> None:
    from bench import registry
    from bench.cli.terminal import console, wrapped
    from bench.explain.paper_table import paper_table

    registry.load(registry.METHODS, method)
    width = console().width
    typer.echo(method)
    for line in paper_table(registry.entries(registry.METHODS)[method]).lines():
        typer.echo(wrapped(without_markup(line), width, indent=11))
