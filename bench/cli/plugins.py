"""``bench new`` and ``bench check``: write a plugin, and check its contract."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import folded
from bench.progress import counted

new = typer.Typer(no_args_is_help=True, help="Write a small installable package with a method, task or dataset.")

Name = Annotated[str, typer.Argument(help="Name in commands and tables: small letters, digits, hyphens.")]
Into = Annotated[
    Path | None, typer.Option("--into", help="The folder to write to. [default: the name, in this folder]")
]

PLUGINS = ("bench.methods", "bench.tasks", "bench.datasets")
CHECK_EXAMPLES = o.examples("bench check simclr", "bench check my-method --all")


@new.command(
    "method", epilog="Example:  bench new method my-method && pip install -e my-method && bench check my-method"
)
def new_method(name: Name, into: Into = None) -> None:
    """A method: one class with an encoder and a pretraining objective."""
    _write("method", name, into)


@new.command("task", epilog="Example:  bench new task my-question --like ptbxl-super")
def new_task(
    name: Name,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            help="The task whose dataset, classes and split are copied. [default: any]",
            autocompletion=o.complete("bench.tasks"),
        ),
    ] = None,
    into: Into = None,
) -> None:
    """A task on a registered dataset, with a separate split file."""
    from bench.scaffold.task_facts import task_facts

    _write("task", name, into, lambda: task_facts(like))


@new.command("dataset", epilog="Example:  bench new dataset my-hospital")
def new_dataset(name: Name, into: Into = None) -> None:
    """A dataset: a reader, and a simulation in the same format."""
    _write("dataset", name, into)


def _write(kind: Any, name: str, into: Path | None, facts: Any = dict) -> None:
    from bench.scaffold import Plugin, write

    plugin = Plugin(kind, name)
    folder = into or Path(name)
    for path in write(plugin, folder, facts()):
        typer.echo(f"wrote {path}")
    typer.echo(f"Next:  pip install -e {folder}   then   bench check {name}   and change {plugin.package}/{kind}.py")


def check_command(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Methods (also ./mine.py:Mine), tasks or datasets.",
            metavar="NAME...",
            autocompletion=o.complete(*PLUGINS),
        ),
    ],
    slow: Annotated[
        bool, typer.Option("--all", help="Also run the slow checks: methods at their published size.")
    ] = False,
    json_output: o.Json = False,
) -> None:
    """Check registered methods, tasks or datasets against their contract; print the reason and a fix for each broken promise."""
    from bench import registry
    from bench.progress import say, set_quiet
    from bench.reading.method_files import is_method_file

    set_quiet(json_output)
    names = [registry.named(registry.METHODS, name) if is_method_file(name) else name for name in o.split_commas(names)]
    known = {name for group in PLUGINS for name in registry.entries(group)}
    for name in names:
        if folded(name) not in map(folded, known):  # refused before torch is imported
            raise registry.unknown("method, task or dataset", name, known)
    from bench.checks import check_named

    rows: list[dict[str, Any]] = []
    for name in names:
        for kind, entry, verdicts in check_named(name, slow):
            say(f"{kind} {name} ({entry.module}:{entry.qualname}, {entry.distribution})")
            rows += [
                {"kind": kind, "name": name, "promise": v.promise, "outcome": v.outcome, "why": v.why} for v in verdicts
            ]
            if not json_output:
                _show(verdicts)
    broken = [row for row in rows if row["outcome"] == "broken"]
    if json_output:
        o.print_json(rows)
    else:
        n_kept = sum(row["outcome"] == "kept" for row in rows)
        typer.echo(f"{n_kept} kept, {len(broken)} broken, {len(rows) - n_kept - len(broken)} do not apply")
    if broken:
        raise typer.Exit(1)


_MARKS = {"kept": ("ok", "green"), "broken": ("BROKEN", "bold red"), "does not apply": ("-", "dim")}


def _show(verdicts: Any) -> None:
    from rich.text import Text

    from bench.progress import plain_console

    console = plain_console(highlight=False, soft_wrap=True)
    causes = Counter(verdict.cause for verdict in verdicts if verdict.cause)
    shown: set[str] = set()
    for verdict in verdicts:
        if verdict.cause in shown:  # reported with the first promise that it breaks
            continue
        mark, style = _MARKS[verdict.outcome]
        line = Text.assemble((f"  {mark:<7}", style), verdict.promise)
        if verdict.why:
            line.append(f": {verdict.why}", "dim" if verdict.outcome == "does not apply" else "")
        if verdict.cause:
            shown.add(verdict.cause)
            if others := causes[verdict.cause] - 1:
                line.append(f" (the same error breaks {counted(others, 'more promise')})", "bold")
        console.print(line)
