"""The ``bench`` command. Heavy imports stay inside the functions, so that ``--help`` answers at once."""

from __future__ import annotations

import io
import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # python -m puts the current folder there, whose files would be imported below

import warnings
from typing import Annotated, Any

import typer
import typer.core

from bench.cli import (
    artifacts,
    audit,
    checkpoints,
    cite,
    data,
    explain,
    labels,
    ladder,
    leaderboard,
    listing,
    options,
    plugins,
    pretrain,
    publish,
    replay,
    results,
    robustness,
    run,
    runs,
    setup,
    splits,
    subgroups,
    sweep,
    text,
    text_answers,
    tracking,
    transfer,
    weights,
)
from bench.errors import BenchError, ConfigError, foreign_code, of_file_system, printable, quiet_libraries
from bench.processes.supervisor import mark_end, supervised
from bench.renamed import RenamedWarning

EXIT_CODES = (
    "Exit codes: 0 done, 1 partly done (some cells failed, the other results are kept; check or doctor found a problem), "
    "2 bad input, 3 audit found test records in the corpus, "
    "130 stopped by Ctrl-C."
)

STOPPED = 130


class _Commands(typer.core.TyperGroup):
    """The commands. An empty value is refused before any of them reads its options; a command that code of a plugin ends by
    ``sys.exit`` fails, whatever the code said."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options.refuse_empty(args)
        self._refuse_before_command(args)
        return super().parse_args(ctx, args)

    def _refuse_before_command(self, args: list[str]) -> None:
        option = args[0].partition("=")[0] if args else ""
        if option.startswith("--") and any(option in p.opts for c in self.commands.values() for p in c.params):
            command = next((argument for argument in args if argument in self.commands), "COMMAND")
            raise ConfigError(f"{option} goes after the command: bench {command} {option} ...")

    def invoke(self, ctx: Any) -> Any:
        with foreign_code():
            return super().invoke(ctx)


app = typer.Typer(
    name="bench",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="One harness for ECG representation learning: every method on every task, with fixed splits, one "
    "protocol, and results that can be replayed.\n\n"
    "Start with:  **bench run --method kmerl --task ptbxl-super --mode zeroshot**",
    epilog=EXIT_CODES,
)
RUN, EXAMINE, SHARE, DATA, EXTEND = (
    "Run",
    "Examine results",
    "Boards and sharing",
    "Data, weights and files",
    "Methods, tasks and set-up",
)
"""The groups of commands in ``bench --help``."""

app.command("run", epilog=run.EXAMPLES, rich_help_panel=RUN)(run.run_command)
app.command("pretrain", epilog=pretrain.EXAMPLES, rich_help_panel=RUN)(pretrain.pretrain_command)
app.command("replay", epilog=replay.REPLAY_EXAMPLES, rich_help_panel=RUN)(replay.replay_command)
app.command("rescore", epilog=replay.RESCORE_EXAMPLES, rich_help_panel=RUN)(replay.rescore_command)
app.command("recompute", hidden=True)(replay.recompute_command)
app.command("explain", epilog=explain.EXAMPLES, rich_help_panel=EXAMINE)(explain.explain_command)
app.command("subgroups", epilog=subgroups.EXAMPLES, rich_help_panel=EXAMINE)(subgroups.subgroups_command)
app.command("robustness", epilog=robustness.EXAMPLES, rich_help_panel=EXAMINE)(robustness.robustness_command)
app.command("labels", epilog=labels.EXAMPLES, rich_help_panel=EXAMINE)(labels.labels_command)
app.command("transfer", epilog=transfer.EXAMPLES, rich_help_panel=EXAMINE)(transfer.transfer_command)
app.command("ladder", epilog=ladder.EXAMPLES, rich_help_panel=EXAMINE)(ladder.ladder_command)
app.command("retrieval", epilog=text_answers.RETRIEVAL_EXAMPLES, rich_help_panel=EXAMINE)(
    text_answers.retrieval_command
)
app.command("prompts", epilog=text_answers.PROMPTS_EXAMPLES, rich_help_panel=EXAMINE)(text_answers.prompts_command)
app.command("cite", epilog=cite.EXAMPLES, rich_help_panel=EXTEND)(cite.cite_command)
app.command("methods", epilog="Example:  bench methods --verbose", rich_help_panel=EXTEND)(listing.methods_command)
app.command("tasks", epilog="Example:  bench tasks 'ptbxl-*'", rich_help_panel=EXTEND)(listing.tasks_command)
app.command("init", epilog=setup.INIT_EXAMPLE, rich_help_panel=EXTEND)(setup.init_command)
app.command("doctor", epilog=setup.DOCTOR_EXAMPLES, rich_help_panel=EXTEND)(setup.doctor_command)
app.command("check", epilog=plugins.CHECK_EXAMPLES, rich_help_panel=EXTEND)(plugins.check_command)
app.add_typer(sweep.app, name="sweep", rich_help_panel=RUN)
app.add_typer(runs.app, name="runs", rich_help_panel=EXAMINE)
app.add_typer(audit.app, name="audit", rich_help_panel=EXAMINE)
app.add_typer(leaderboard.app, name="leaderboard", rich_help_panel=SHARE)
app.add_typer(results.app, name="results", rich_help_panel=SHARE)
app.add_typer(tracking.app, name="tracking", rich_help_panel=SHARE)
app.add_typer(publish.app, name="publish", rich_help_panel=SHARE)
app.add_typer(data.app, name="data", rich_help_panel=DATA)
app.add_typer(splits.app, name="splits", rich_help_panel=DATA)
app.add_typer(weights.app, name="weights", rich_help_panel=DATA)
app.add_typer(checkpoints.app, name="checkpoints", rich_help_panel=DATA)
app.add_typer(text.app, name="text", rich_help_panel=DATA)
app.add_typer(artifacts.app, name="artifacts", rich_help_panel=DATA)
app.add_typer(plugins.new, name="new", rich_help_panel=EXTEND)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bench {version('ecg-bench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = None,
) -> None:
    pass


def main() -> None:
    """Entry point: print errors that a user can fix without a traceback; ``BENCH_TRACEBACK=1`` shows the traceback."""
    warnings.showwarning = _show_warning
    quiet_libraries()
    os.environ["PYTHONSAFEPATH"] = "1"  # no process started from here imports what lies in the current folder
    try:
        app(standalone_mode=True)
    except BenchError as error:
        if os.environ.get("BENCH_TRACEBACK"):
            raise
        _print_error(str(error))
        sys.exit(2)
    except OSError as error:
        if os.environ.get("BENCH_TRACEBACK") or (message := of_file_system(error)) is None:
            raise
        _print_error(message)
        sys.exit(2)
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as end:
        if end.code == STOPPED:  # typer has caught the Ctrl-C and says nothing of it
            _stopped()
        raise


def _open_output() -> None:
    """A terminal that lacks a character shows a question mark; where an output is closed, what goes there is lost."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def command() -> None:
    """Entry point of the installed command: :func:`main` under a parent that notices when it is ended under way."""
    _open_output()
    supervised(main)


def _stopped() -> None:
    _print_error("stopped. Finished cells and epochs are kept; run the same command again to continue.")
    sys.stdout.flush()
    mark_end()
    os._exit(STOPPED)  # taking torch and mlflow down in order takes seconds, and nothing is left to write


def _print_error(message: str) -> None:
    from bench.progress import plain_console

    console = plain_console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]error:[/bold red] ", end="")
    console.print(printable(message), markup=False)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Our own warnings as one plain line; those of libraries only with BENCH_TRACEBACK."""
    ours = issubclass(category, RenamedWarning) or any(
        part in filename.replace(os.sep, "/") for part in ("/bench/", "/methods/", "/tasks/")
    )
    if ours or os.environ.get("BENCH_TRACEBACK"):
        print(f"warning: {printable(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    command()
