"""``bench run``: compute the cross product of methods, tasks, modes, fractions, leads and seeds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.cli.dry_run import show_preview
from bench.cli.robustness import Corrupt, NoiseFolder
from bench.cli.run_report import print_results, result_line, say_what_is_missing, show_results
from bench.errors import ConfigError
from bench.project_file import MAX_JOBS

EXAMPLES = o.examples(
    "bench run --method kmerl,random-vit --task ptbxl-super --mode zeroshot",
    "bench run -m merl -t 'ptbxl-*' --mode linear --fraction 1%,10%,100% --seed 0,1,2 --data-root ~/ecg",
)


def run_command(
    method: Annotated[
        list[str] | None,
        o.names_option(
            "bench.methods",
            "--method",
            "-m",
            metavar="NAMES",
            help="Methods: names separated by commas; wildcards allowed. Or a class in a file: ./mine.py:Mine. Repeatable.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        o.names_option(
            "bench.tasks",
            "--task",
            "-t",
            metavar="NAMES",
            help="Tasks: names separated by commas; wildcards allowed ('ptbxl-*'). Repeatable.",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        o.mode_option("NAMES"),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            metavar="NAMES",
            help="ours; merl-released (the linear probe of MERL's released code, which chooses epoch and thresholds on "
            "the test set) or ecg-fm-benchmarking, whose results get separate tables. Several: ours,merl-released. "
            "[default: ours]",
        ),
    ] = None,
    fraction: Annotated[
        list[str] | None,
        typer.Option(
            "--fraction", metavar="SHARES", help="Labelled share of the training records: 0.01 or 1%. [default: 1]"
        ),
    ] = None,
    fraction_rule: Annotated[
        str,
        typer.Option(
            "--fraction-rule",
            metavar="RULE",
            help="How fractions are drawn. stratified: nested; classes are kept where possible. merl: the published "
            "subsets, drawn by MERL's released code (random state 42). mmcl: as stratified, with the sizes that MMCL "
            "publishes (two digits: 400 of 4,030).",
        ),
    ] = "stratified",
    leads: Annotated[
        list[str] | None,
        typer.Option(
            "--leads",
            metavar="LEADS",
            help="Leads for the method: all, limb, precordial, I or I,II (one subset), 1..12 (K-MERL's order). "
            "Repeatable. [default: all]",
        ),
    ] = None,
    seed: Annotated[
        list[str] | None,
        typer.Option(
            "--seed",
            metavar="NUMBERS",
            help="Seeds of what is trained downstream, with one pretraining and one draw of labels: 0,1,2 or 0-4. "
            "[default: as --replicates, or the seeds of a board with published numbers]",
        ),
    ] = None,
    replicates: Annotated[
        int | None,
        typer.Option(
            "--replicates",
            metavar="N",
            min=1,
            help="Joint draws of pretraining seed, labelled records and seed, instead of --seed. Boards need 2 or more to "
            "compare methods. [default: 3 under the profiles smoke and small, else 1; a board without published numbers 5, under smoke 3]",
        ),
    ] = None,
    split_variance: Annotated[
        bool,
        typer.Option(
            "--split-variance",
            help="With replicates: also vary pretraining, labelled draw and seed one at a time. Boards then split the variance.",
        ),
    ] = False,
    untrained: Annotated[
        bool,
        typer.Option(
            "--untrained",
            help="Also run each pretrained method without its pretraining: same network, input and pooling. Boards then state "
            "what pretraining adds.",
        ),
    ] = False,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            metavar="NAME",
            help="Run the cells of a leaderboard instead of naming methods and tasks.",
            autocompletion=o.complete_boards,
        ),
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    trust: o.TrustOption = False,
    text: o.TextOption = None,
    corpus: o.CorpusOption = None,
    checkpoint: o.CheckpointOption = None,
    no_pretrain: o.NoPretrain = False,
    no_retry_failed: Annotated[
        bool,
        typer.Option("--no-retry-failed", help="Skip failed cells that have not changed. By default they run again."),
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", hidden=True, help="The default.")] = True,
    recompute: Annotated[bool, typer.Option("--recompute", help="Compute finished cells again.")] = False,
    cached_only: Annotated[
        bool, typer.Option("--cached-only", help="Compute nothing; show the finished cells.")
    ] = False,
    resume: Annotated[str | None, typer.Option("--resume", hidden=True)] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Compute at most N cells; finished cells do not count."),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            "--executor", metavar="WHERE", help="local: processes of this machine. ray: a Ray cluster (extra: ray)."
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=MAX_JOBS,
            help="Cells that run in parallel; they share the cores. [default: 1]",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            help="Address of the Ray cluster, such as auto or ray://HOST:10001. [default: a local cluster]",
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="Stop a cell (or the pretraining or features that cells share) that takes longer, record it as failed, and "
            "continue. Seconds, or 90m, 2h, 1d. Cells then run in worker processes, also with --jobs 1. [default: "
            "none]",
        ),
    ] = None,
    no_track: o.NoTrack = False,
    log_models: o.LogModels = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the cells, which are finished, the time they may take, what the options change, and errors; then stop.",
        ),
    ] = False,
    corrupt: Corrupt = None,
    noise: NoiseFolder = None,
    notes: o.Notes = False,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
    artifacts: o.ArtifactsOption = None,
) -> None:
    """Run methods on tasks and print a table of results. Finished cells are not run again; missing checkpoints are pretrained first."""
    from bench import progress
    from bench.modes import OURS, modes_under
    from bench.project_file import project
    from bench.runner.plan import RunOptions
    from bench.runner.time_limit import parse_time_limit
    from bench.signals.leads import LEADS, parse_leads
    from bench.splitting.label_fractions import RULES

    progress.set_quiet(json_output)
    o.choice(executor, "--executor", ("local", "ray"))
    if address and executor != "ray":
        raise ConfigError("--address is the address of a Ray cluster; it needs --executor ray.")
    o.choice(fraction_rule, "--fraction-rule", RULES)
    if corrupt:
        from bench.corruptions import parse_conditions

        parse_conditions(o.split_commas(corrupt))  # what is wrong is found before anything is computed
        if noise:
            from bench.corruptions.noise import RecordedNoise

            RecordedNoise(noise)
        if board or json_output:
            raise ConfigError(
                "--corrupt needs --method, --task and --mode, and prints tables: leave out --board and --json."
            )
    elif noise:
        raise ConfigError("--noise is the noise of --corrupt; add --corrupt all, or leave it out.")
    if board and (method or task or mode or protocol or fraction or leads):
        raise ConfigError(
            "--board states methods, tasks, modes, fractions and leads; leave out --method, --task, --mode, "
            "--protocol, --fraction and --leads."
        )
    if not board and not (method and task and mode):
        missing = [name for name, value in (("--method", method), ("--task", task), ("--mode", mode)) if not value]
        raise ConfigError(
            f"{', '.join(missing)} missing. For example: bench run --method kmerl --task ptbxl-super --mode zeroshot "
            "(bench methods and bench tasks list the names)."
        )
    options = RunOptions(
        methods=o.split_commas(method),
        tasks=o.split_commas(task),
        modes=modes_under(o.split_commas(mode), o.split_commas(protocol) or [OURS]) if mode else [],
        fractions=o.numbers(fraction, "--fraction", float) or [1.0],
        fraction_rule=fraction_rule,  # type: ignore[arg-type]
        leads=[subset for value in leads or () for subset in parse_leads(value)] or [LEADS],
        seeds=o.numbers(seed, "--seed", int) or [],
        replicates=replicates,
        split_variance=split_variance,
        untrained=untrained,
        profile=o.chosen_profile(profile),
        overrides=o.overrides(set_, text, trust),
        corpus=corpus,
        checkpoints=checkpoint or [],
        allow_pretraining=not no_pretrain,
        retry_failed=retry_failed and not no_retry_failed,
        recompute=recompute,
        cached_only=cached_only,
        resume=resume,
        limit=limit,
        executor=executor,  # type: ignore[arg-type]
        jobs=jobs or project().jobs or 1,
        address=address,
        time_limit=parse_time_limit(time_limit),
        track=not no_track,
        log_models=log_models,
    )
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record, artifacts=artifacts)
    if source.kind == "simulated" and not dry_run:
        progress.say(
            "data: the built-in simulated cohort; results are stamped data=simulated. Real data: --data-root or BENCH_DATA."
        )
    if board:
        return _run_board(board, options, source, dry_run, json_output, notes)
    from bench.runner.plan import with_default_replicates
    from bench.runner.prepare import profile_of
    from bench.runner.untrained import with_untrained

    options = with_default_replicates(options, profile_of(options, source))
    runs = with_untrained(options)
    if dry_run:
        return show_preview(runs, source, json_output)
    from bench.runner.key_memory import KeyMemory

    memory = KeyMemory(source)
    reports = [_execute(planned, source, memory) for planned in runs]
    if json_output:
        print_results(reports)
    else:
        show_results(reports, source, notes, options.track)
    say_what_is_missing(reports)
    if corrupt and any(report.results for report in reports):
        from bench.cli.robustness import score_and_show

        score_and_show(list(zip(reports, runs, strict=True)), source, o.split_commas(corrupt), noise)
    if any(report.failures for report in reports):
        raise typer.Exit(1)
    return None


def _run_board(name: str, options: Any, source: Any, dry_run: bool, json_output: bool, notes: bool) -> None:
    """Run what is missing of a board, row by row; the exit code says whether a cell failed."""
    from bench.leaderboard import load_board
    from bench.leaderboard.board_runs import board_options
    from bench.progress import say
    from bench.runner.key_memory import KeyMemory
    from bench.runner.prepare import prepare_session, without_weights
    from bench.runner.untrained import with_untrained

    memory = KeyMemory(source)
    planned_rows, left_out = board_options(load_board(name), options, source)
    runs = [run for planned in planned_rows for run in with_untrained(planned)]
    for reason in left_out:
        say(f"left out: {reason}")
    absent = [without_weights(planned, source) for planned in runs]
    runs = [planned for planned, methods in zip(runs, absent, strict=True) if not methods]
    for method in dict.fromkeys(method for methods in absent for method in methods):
        say(f"left out: the weights of {method} are not here (bench weights fetch {method})")
    if not runs:
        raise ConfigError(f"no cell of board {name} can be run here.")
    if dry_run:
        show_preview(runs, source, json_output)
        return
    for planned in runs:  # what is wrong with a later row is found before the first one runs
        if memory.recall(planned) is None:
            prepare_session(planned, source)
    reports = [_execute(planned, source, memory) for planned in runs]
    if json_output:
        print_results(reports)
    else:
        show_results(reports, source, notes, options.track, name)
    say_what_is_missing(reports)
    if any(report.failures for report in reports):
        raise typer.Exit(1)


def _execute(options: Any, source: Any, memory: Any) -> Any:
    """Run one plan and return its report; each result is stated as it is finished."""
    from bench.progress import say
    from bench.runner.execute import run

    report = run(options, source, on_result=lambda result, computed: say(result_line(result, computed)), memory=memory)
    for reason in report.left_out:
        say(f"left out: {reason}")
    return report
