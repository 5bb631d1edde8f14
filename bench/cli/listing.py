"""``bench methods`` and ``bench tasks``: list what is registered, read from source without importing it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.registry import modes_of


def methods_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="NAMES",
            help="Only methods of these families: contrastive, masked, report, multimodal, supervised, tabular, "
            "untrained, ...",
        ),
    ] = None,
    year: Annotated[
        list[str] | None,
        typer.Option("--year", metavar="YEARS", help="Only methods with a paper of these years: 2024 or 2020-2022."),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", metavar="TEXT", help="Only methods whose name, description or source contains this text."
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the methods: name, family, paper, year, modes, pretraining, description. bench explain METHOD describes one."""
    from bench import registry
    from bench.errors import UnknownName

    matching = _matching(registry.METHODS, pattern)
    families = {str(entry.attributes.get("family") or "") for entry in matching} - {""}
    wanted = [name.lower() for name in o.split_commas(family)]
    for name in wanted:
        if name not in families:
            raise UnknownName("family", name, families)
    years = o.numbers(year, "--year", int)
    rows = [
        {
            "name": entry.name,
            "family": entry.attributes.get("family") or None,
            "paper": entry.paper or None,
            "year": entry.year,
            "modes": modes_of(entry),
            "pretrains": "pretraining_loss" in entry.defines,
            "description": entry.summary,
            "source": entry.source,
            "module": entry.module,
            "distribution": entry.distribution,
        }
        for entry in matching
        if (not wanted or entry.attributes.get("family") in wanted)
        and (not years or entry.year in years)
        and (search is None or search.casefold() in f"{entry.name}\n{entry.summary}\n{entry.source}".casefold())
    ]
    if not rows and (wanted or years or search):
        typer.echo("no method matches; bench methods lists all", err=True)
    _print(rows, verbose, json_output)


def tasks_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the tasks: name, dataset, kind, classes, split, description."""
    from bench import kinds, registry

    rows = []
    for entry in _matching(registry.TASKS, pattern):
        classes = entry.attributes.get("classes", {})
        row = {
            "name": entry.name,
            "dataset": entry.attributes.get("dataset"),
            "kind": kinds.of_entry(entry),
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
    return list(known.values()) if pattern is None else [known[name] for name in registry.match(group, [pattern])]


def _print(rows: list[dict[str, Any]], verbose: bool, json_output: bool) -> None:
    if json_output:
        o.print_json(rows)
        return
    from rich.table import Table
    from rich.text import Text

    from bench.cli.terminal import WIDE, WIDEST, console

    out = console()
    columns = [c for c in (rows[0] if rows else {}) if verbose or c not in ("source", "module", "distribution")]
    beneath = (
        []
        if out.width >= (WIDE if len(columns) < 7 else WIDEST)
        else [c for c in columns if c not in ("name", "description")]
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        if column not in beneath:
            table.add_column(
                column, no_wrap=column not in ("description", "prompts", "paper", "source"), overflow="fold"
            )
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
