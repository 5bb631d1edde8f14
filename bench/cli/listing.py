"""``bench methods`` and ``bench tasks``: list what is registered, read from source without importing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.registry import modes_of

YearOption = Annotated[
    list[str] | None,
    typer.Option("--year", metavar="YEARS", help="Only those with a paper of these years: 2024 or 2020-2022."),
]
SearchOption = Annotated[
    str | None,
    typer.Option("--search", metavar="TEXT", help="Only those whose name, description or source contains this text."),
]


def methods_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="NAMES",
            help="Only methods of these families: contrastive, masked, report, multimodal, supervised, tabular, "
            "features, untrained, ...",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            metavar="NAMES",
            help="Only methods that offer one of these modes.",
            autocompletion=o.complete_modes,
        ),
    ] = None,
    year: YearOption = None,
    search: SearchOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the methods: name, family, paper, year, modes, pretraining, description. bench explain METHOD describes one."""
    from bench import registry

    matching = _matching(registry.METHODS, pattern)
    matching = _only(matching, "family", o.split_commas(family), lambda entry: [entry.attributes.get("family")])
    matching = _only(matching, "mode", o.split_commas(mode), modes_of)
    matching = _of_paper(matching, year, search)
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
    ]
    if not rows:
        typer.echo("no method matches; bench methods lists all", err=True)
    _print(rows, verbose, json_output)


def tasks_command(
    pattern: Annotated[str | None, typer.Argument(help="A name or wildcard.")] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset", metavar="NAMES", help="Only these datasets.", autocompletion=o.complete("bench.datasets")
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="NAMES", help="Only these kinds: multilabel, survival, regression, ..."),
    ] = None,
    year: YearOption = None,
    search: SearchOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Full descriptions with their sources.")] = False,
    json_output: o.Json = False,
) -> None:
    """List the tasks: name, dataset, kind, classes, split, paper, year, description."""
    from bench import kinds, registry

    matching = _matching(registry.TASKS, pattern)
    matching = _only(matching, "dataset", o.split_commas(dataset), lambda entry: [entry.attributes.get("dataset")])
    matching = _only(matching, "kind", o.split_commas(kind), lambda entry: [kinds.of_entry(entry)])
    rows = []
    for entry in _of_paper(matching, year, search):
        classes = entry.attributes.get("classes", {})
        row = {
            "name": entry.name,
            "dataset": entry.attributes.get("dataset"),
            "kind": kinds.of_entry(entry),
            "classes": len(classes) or None,
            "split": entry.attributes.get("split"),
            "paper": entry.paper or None,
            "year": entry.year,
            "description": entry.summary,
            "source": entry.source,
        }
        if verbose or json_output:
            row |= {"prompts": classes, "module": entry.module, "distribution": entry.distribution}
        rows.append(row)
    if not rows:
        typer.echo("no task matches; bench tasks lists all", err=True)
    _print(rows, verbose, json_output)


def _matching(group: str, pattern: str | None) -> list[Any]:
    from bench import registry

    known = registry.entries(group)
    return list(known.values()) if pattern is None else [known[name] for name in registry.match(group, [pattern])]


def _only(
    matching: list[Any], word: str, wanted: Sequence[str], values_of: Callable[[Any], Sequence[str | None]]
) -> list[Any]:
    """Those of which one of the values is wanted; all without a wish.

    Raises:
        UnknownName: a value that none of them has.
    """
    from bench.errors import UnknownName

    values = {value for entry in matching for value in values_of(entry) if value}
    wanted = [name.lower() for name in wanted]
    for name in wanted:
        if name not in values:
            raise UnknownName(word, name, values)
    return [entry for entry in matching if not wanted or set(wanted) & set(values_of(entry))]


def _of_paper(matching: list[Any], year: Sequence[str] | None, search: str | None) -> list[Any]:
    """Those of a paper of these years, in whose name, description or source the text appears."""
    years = o.numbers(year, "--year", int)
    return [
        entry
        for entry in matching
        if (not years or entry.year in years)
        and (search is None or search.casefold() in f"{entry.name}\n{entry.summary}\n{entry.source}".casefold())
    ]


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
