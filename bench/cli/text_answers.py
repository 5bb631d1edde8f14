"""``bench retrieval`` and ``bench prompts``: what methods with a text side make of words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import finished_cells as cells
from bench.cli import options as o
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.leaderboard.text_answers import TextTable

RETRIEVAL_EXAMPLES = o.examples(
    "bench retrieval --method merl,random-resnet --task ptbxl-super",
    "bench retrieval --method merl --task ptbxl-super --text english --untrained",
    "bench retrieval --format csv --out retrieval.csv",
)
PROMPTS_EXAMPLES = o.examples(
    "bench prompts --method kmerl,random-vit --task ptbxl-super,ptbxl-rhythm",
    "bench prompts --format csv --out prompts.csv",
)

Methods = Annotated[
    list[str] | None,
    o.names_option(
        "bench.methods",
        "--method",
        "-m",
        metavar="NAMES",
        help="Methods to run. [default: show finished cells]",
    ),
]
Tasks = Annotated[
    list[str] | None,
    o.names_option("bench.tasks", "--task", "-t", metavar="NAMES", help="Tasks whose test records are used."),
]
Seed = Annotated[
    list[str] | None, typer.Option("--seed", metavar="NUMBERS", help="As in bench run. [default: as --replicates]")
]
Replicates = Annotated[
    int | None,
    typer.Option(
        "--replicates",
        metavar="N",
        min=1,
        help="As in bench run. [default: 3 under the profiles smoke and small, else 1]",
    ),
]
Untrained = Annotated[
    bool, typer.Option("--untrained", help="Also ask each method without its pretraining: what chance gives.")
]


def retrieval_command(
    method: Methods = None,
    task: Tasks = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="SOURCE", help="A text of the dataset (bench data status). [default: its first]"
        ),
    ] = None,
    seed: Seed = None,
    replicates: Replicates = None,
    untrained: Untrained = False,
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
    """Rank the texts of the test records for each recording, and the recordings for each text.

    Zero-shot cells are run first where they are missing. A candidate with the same text counts as a hit."""
    from bench.leaderboard.text_answers import retrieval_csv, retrieval_tables
    from bench.text_answers.score import score_retrieval

    run = _options(seed, replicates, untrained, profile, set_, corpus, checkpoint, no_track)
    source = o.data_source(data_root, workspace, simulated_records)
    results = _results(
        method, task, run, source, lambda cell, result: score_retrieval(cell, result, text), format_, out
    )
    tables = retrieval_tables(results, text)
    _write(tables, "retrieval", _show_retrieval, retrieval_csv, format_, out)


def prompts_command(
    method: Methods = None,
    task: Tasks = None,
    seed: Seed = None,
    replicates: Replicates = None,
    untrained: Untrained = False,
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
    """Score zero-shot cells under 20 wordings per class: mean, spread and worst, seen and unseen classes apart."""
    from bench.leaderboard.text_answers import prompt_tables, prompts_csv
    from bench.text_answers.score import score_prompts

    run = _options(seed, replicates, untrained, profile, set_, corpus, checkpoint, no_track)
    source = o.data_source(data_root, workspace, simulated_records)
    results = _results(method, task, run, source, score_prompts, format_, out)
    _write(prompt_tables(results), "prompts", _show_prompts, prompts_csv, format_, out)


def _options(
    seed: Any, replicates: Any, untrained: bool, profile: Any, set_: Any, corpus: Any, checkpoint: Any, no_track: bool
) -> dict[str, Any]:
    return {
        "seeds": o.numbers(seed, "--seed", int) or [],
        "replicates": replicates,
        "untrained": untrained,
        "profile": o.chosen_profile(profile),
        "overrides": list(set_ or ()),
        "corpus": corpus,
        "checkpoints": checkpoint or [],
        "track": not no_track,
    }


def _results(
    method: list[str] | None,
    task: list[str] | None,
    settings: dict[str, Any],
    source: Any,
    answer: Callable[[Any, Any], Any],
    format_: str,
    out: Path | None,
) -> list[Any]:
    """Ask the methods, if there are any, and return the results of all chosen cells."""
    from bench import modes, registry

    cells.check_format(format_, out)
    tasks, methods = o.split_commas(task), o.split_commas(method)
    asked = [name for name in modes.names() if modes.facts(name).names_classes]
    if methods:
        if not tasks:
            raise ConfigError("--method asks about the test records of a task: add --task, such as --task ptbxl-super.")
        _ask(methods, tasks, asked, settings, source, answer)
    wanted = registry.match(registry.TASKS, tasks), registry.match(registry.METHODS, methods)
    results = cells.finished(source.workspace.results, *wanted, source.kind)
    return [result for result in results if result.cell.mode in asked]


def _ask(
    methods: list[str], tasks: list[str], asked: list[str], settings: dict[str, Any], source: Any, answer: Any
) -> None:
    from bench.cli.run_report import result_line
    from bench.progress import say
    from bench.runner.execute import run
    from bench.runner.plan import RunOptions, with_default_replicates
    from bench.runner.prepare import prepare_session, profile_of
    from bench.runner.untrained import with_untrained

    options = RunOptions(methods=methods, tasks=tasks, modes=asked, **settings)
    options = with_default_replicates(options, profile_of(options, source))
    answered, refused = 0, ""
    for planned in with_untrained(options):
        report = run(planned, source, on_result=lambda result, computed: say(result_line(result, computed)))
        for reason in report.left_out:
            say(f"left out: {reason}")
        _, session = prepare_session(planned, source)
        for result in report.results:
            try:
                answer(session.resolve(result.cell), result)
                answered += 1
            except ConfigError as error:
                refused = str(error)
                say(f"left out: {error}")
    if not answered:
        raise ConfigError(refused or "no zero-shot cell was finished; see bench runs --failed.")


def _write(
    tables: list[TextTable], what: str, show: Callable[[TextTable], None], csv: Any, format_: str, out: Path | None
) -> None:
    if not tables:
        raise ConfigError(f"nothing is finished. Ask methods with: bench {what} --method NAMES --task NAMES")
    if format_ == "table":
        for table in tables:
            show(table)
    else:
        cells.write_csv(csv(tables), out)


def _show_retrieval(table: TextTable) -> None:
    from bench.cli.terminal import estimate, print_table
    from bench.leaderboard.contamination import legend, marks

    rows, metrics = [], list(next(iter(table.rows[0].values.values())))
    for row in table.rows:
        name = f"{row.method}{marks(row.contamination)}"
        for i, (direction, values) in enumerate(row.values.items()):
            cells = [estimate(*value) for value in values.values()]
            rows.append(("" if i else name, direction, *cells))
    print_table(["method", "wanted", *metrics], rows, table.title, left=("method", "wanted"))
    first = table.rows[0]
    typer.echo(
        f"{first.records:,} records with {first.distinct:,} different texts; a candidate with the same text is a hit. 95 % "
        "intervals over patients and replicates."
    )
    for line in legend(status for row in table.rows for status in row.contamination):
        typer.echo(line)


def _show_prompts(table: TextTable) -> None:
    from bench.cli.terminal import estimate, print_table

    rows, last = [], ""
    for row in table.rows:
        numbers = (f"{n:.3f}" for n in (row.spread, row.values.min(), row.values.max()))
        name = row.method if row.method != last else ""
        rows.append((name, row.name, f"{row.as_run:.3f}", estimate(row.mean, row.interval), *numbers))
        last = row.method
    heads = ["method", "class", "as run", "mean", "sd", "worst", "best"]
    print_table(heads, rows, f"{table.title}: macro_auroc", left=("method", "class"))
    typer.echo(
        f"Over {len(table.rows[0].values)} wordings per class: mean with its 95 % interval over patients and replicates, standard "
        "deviation, worst and best. as run: with the words of the task. The CSV has the worst wording of each class."
    )
