"""``bench audit``: find test recordings in the pretraining corpus, and labels in its texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from bench.cli import options as o

if TYPE_CHECKING:
    from bench.contamination.audit import Audit
    from bench.contamination.text_ceiling import TextCeiling

EXAMPLES = o.examples(
    "bench audit kmerl ptbxl-super",
    "bench audit merl cpsc2018 --checkpoint merl=merl-3f2a --data-root ~/ecg --csv leaked.csv",
    "Exit codes: 0 no test recording was found in the corpus, 3 test recordings were found, 2 bad input.",
)
TEXT_EXAMPLES = o.examples(
    "bench audit text ptbxl ptbxl-super",
    "bench audit text ptbxl ptbxl-rhythm --text report --data-root ~/ecg",
)
FOUND = 3
SHOWN = 10
METHOD = "method"


class _MethodFirst(typer.core.TyperGroup):
    """``bench audit METHOD TASK`` is short for ``bench audit method METHOD TASK``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [METHOD, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_MethodFirst,
    no_args_is_help=True,
    help="Find test recordings in a pretraining corpus (bench audit METHOD TASK), and labels in its texts (bench audit text).",
    epilog=EXAMPLES,
)


@app.command(METHOD, epilog=EXAMPLES)
def audit_command(
    method: o.MethodName,
    task: o.TaskName,
    corpus: o.CorpusOption = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", metavar="METHOD=FOLDER", help="The checkpoint, as in bench run."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all matching recordings to a CSV file.")
    ] = None,
    data_root: o.DataRoot = None,
    profile: o.ProfileOption = None,
    set_: o.SetOption = None,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
) -> None:
    """Report whether the pretraining corpus of a method's checkpoint contains a task's test recordings, its test patients, or
    their dataset. The audit uses declarations of the datasets, ids, and fingerprints of the waveforms.

    Nothing is pretrained. Fingerprints find the same recording with another name, rate, gain or lead order, or trimmed by
    up to a second. They are stored, and later results use them for their contamination stamp. A result states
    **none**, **same dataset**, **test records** or **unknown**. With mode scratch nothing is pretrained, and it states none.
    """
    from bench import modes, progress, registry
    from bench.runner.cell_audit import audit_cell
    from bench.runner.plan import RunOptions
    from bench.runner.prepare import prepare_session

    progress.set_quiet(json_output)
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    cls = registry.load(registry.METHODS, method)
    options = RunOptions(
        methods=[cls.name],
        tasks=[registry.load(registry.TASKS, task).name],
        modes=list(cls.modes()),
        profile=o.chosen_profile(profile),
        overrides=set_ or [],
        corpus=corpus,
        checkpoints=[checkpoint] if checkpoint else [],
    )
    plan, session = prepare_session(options, source)
    source.workspace.ensure_writable()
    cells = [cell for cell in plan.cells if cell.method == cls.name]
    cell = session.resolve(next((cell for cell in cells if modes.facts(cell.mode).uses_checkpoint), cells[0]))
    audit = audit_cell(cell, list(cell.data.split.folds), thorough=True)
    if csv is not None:
        import pandas as pd

        from bench.contamination.audit import COLUMNS

        csv.parent.mkdir(parents=True, exist_ok=True)
        (pd.DataFrame(columns=COLUMNS) if audit.offending is None else audit.offending).to_csv(csv, index=False)
    if json_output:
        value = {"method": method, "task": task, "data": source.kind, "contamination": audit.contamination}
        o.print_json(value | audit.evidence())
    else:
        _show(method, task, audit, csv)
    if audit.contamination == "test records":
        raise typer.Exit(FOUND)


def _show(method: str, task: str, audit: Audit, csv: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from bench.progress import plain_console

    console = plain_console()
    say = lambda text: console.print(text, highlight=False, soft_wrap=True, markup=False)  # noqa: E731
    say(f"{method} on {task}: contamination {audit.contamination}")
    say(f"corpus: {audit.corpus or 'none'}; {audit.tested:,} test recordings; checked: {', '.join(audit.checked)}")
    for reason in audit.reasons:
        say(f"- {reason}")
    if audit.offending is None or not len(audit.offending):
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in audit.offending.columns:
        table.add_column(column.replace("_", " "))
    for row in audit.offending.head(SHOWN).itertuples(index=False):
        table.add_row(*(Text("" if value is None or value != value else str(value)) for value in row))
    console.print(table)
    more = len(audit.offending) - SHOWN
    if more > 0 and csv is None:
        say(f"and {more:,} more; all of them with --csv FILE")
    if csv is not None:
        say(f"written: {csv}")


@app.command("text", epilog=TEXT_EXAMPLES)
def text_command(
    corpus: Annotated[str, o.name_argument("bench.datasets", "The corpus whose texts are read.")],
    task: o.TaskName,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="SOURCE", help="One of the corpus's texts. [default: all of them]"),
    ] = None,
    data_root: o.DataRoot = None,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
) -> None:
    """Report how well a corpus's texts predict a task's labels without an ECG: macro AUROC of a regularised bag of words,
    fitted on the texts of the training recordings and scored on those of the test recordings.

    Above 0.95 the text states the labels: a method pretrained on it has read the labels of all training recordings.
    Texts and labels must be of the same recordings; otherwise the ceiling cannot be computed.
    """
    from bench import progress, registry
    from bench.errors import ConfigError, UnknownName
    from bench.runner.cell_text import ceiling
    from bench.runner.session import Session

    progress.set_quiet(json_output)
    name, task_name = registry.load(registry.DATASETS, corpus).name, registry.load(registry.TASKS, task).name
    offered = registry.load(registry.DATASETS, name).text_sources
    if not offered:
        raise ConfigError(f"{name} has no texts. bench data status lists the texts of each dataset.")
    if text is not None and text not in offered:
        raise UnknownName(f"text of {name}", text, offered)
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    source.workspace.ensure_writable()
    session = Session(source, "smoke")
    ceilings = [ceiling(session, name, chosen, task_name) for chosen in ([text] if text else offered)]
    if json_output:
        value = {"corpus": name, "task": task_name, "data": source.kind}
        o.print_json(value | {"texts": [c.to_dict() | {"states_labels": c.states_labels} for c in ceilings]})
        return
    _show_ceilings(name, task_name, ceilings)


def _show_ceilings(corpus: str, task: str, ceilings: list[TextCeiling]) -> None:
    typer.echo(f"{corpus} on {task}: macro AUROC of a bag of words of the text, without an ECG")
    if len({c.missing for c in ceilings}) == 1 and ceilings[0].missing:
        typer.echo(f"cannot be computed: {ceilings[0].missing}")
        return
    width = max(len(c.text) for c in ceilings)
    for c in ceilings:
        if c.value is None:
            typer.echo(f"{c.text:<{width}}  cannot be computed: {c.missing}")
            continue
        interval = "" if c.low is None or c.high is None else f" [{c.low:.3f}, {c.high:.3f}]"
        mark = "  text states the labels" if c.states_labels else ""
        records = f"{c.train:,} training and {c.test:,} test recordings"
        typer.echo(f"{c.text:<{width}}  {c.value:.3f}{interval}  ({records}){mark}")
