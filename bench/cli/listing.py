"""``bench methods`` and ``bench tasks``: what is registered, read from source without importing it."""

from __future__ import annotations

import fnmatch
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.registry import modes_of


def methods_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Whole descriptions, and where each comes from.")
    ] = False,
    json_output: o.Json = False,
) -> None:
    """List the methods: name, modes, pretraining, description."""
    from bench import registry

    rows = [
        {
            "name": entry.name,
            "modes": modes_of(entry),
            "pretrains": "pretraining_loss" in entry.defines,
            "description": entry.summary,
            "module": entry.module,
            "distribution": entry.distribution,
        }
        for entry in _matching(registry.METHODS, pattern)
    ]
    _print(rows, verbose, json_output)


def tasks_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Whole descriptions, and where each comes from.")
    ] = False,
    json_output: o.Json = False,
) -> None:
    """List the tasks: name, dataset, kind, classes, split, description."""
    from bench import registry

    rows = []
    for entry in _matching(registry.TASKS, pattern):
        classes = entry.attributes.get("classes", {})
        row = {
            "name": entry.name,
            "dataset": entry.attributes.get("dataset"),
            "kind": entry.attributes.get("kind", "multilabel"),
            "classes": len(classes) or None,
            "split": entry.attributes.get("split"),
            "description": entry.summary,
        }
        if verbose or json_output:
            row |= {"prompts": classes, "module": entry.module, "distribution": entry.distribution}
        rows.append(row)
    _print(rows, verbose, json_output)


def _matching(group: str, pattern: str | None) -> list[Any]:
    from bench import registry

    known = registry.entries(group)
    chosen = [e for e in known.values() if pattern is None or fnmatch.fnmatchcase(e.name, pattern)]
    if not chosen and pattern is not None:
        raise registry.unknown(group.removeprefix("bench.").rstrip("s"), pattern, known)
    return chosen


def _print(rows: list[dict[str, Any]], verbose: bool, json_output: bool) -> None:
    import json

    if json_output:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import WIDE, console

    out = console()
    columns = [c for c in (rows[0] if rows else {}) if verbose or c not in ("module", "distribution")]
    beneath = [] if out.width >= WIDE else [c for c in columns if c not in ("name", "description")]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        if column not in beneath:
            table.add_column(column, no_wrap=column not in ("description", "prompts"), overflow="fold")
    for row in rows:
        shown = {column: _text(row[column], column, verbose) for column in columns}
        facts = "; ".join(f"{column} {shown[column]}" for column in beneath)
        cells = {column: Text(text) for column, text in shown.items()}
        if facts:
            cells["description"].append(f"\n{facts}", style="dim")
        table.add_row(*(cells[column] for column in columns if column not in beneath))
    out.print(table, highlight=False)


def _text(value: Any, column: str, verbose: bool) -> str:
    if column == "description" and not verbose:
        return str(value).split(". ")[0].rstrip(".")
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return (
        {True: "yes", False: "no", None: "-"}.get(value, str(value))
        if value is None or isinstance(value, bool)
        else str(value)
    )
